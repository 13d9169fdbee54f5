"""A finished output is scored block by block: however it is cut, the report is the same."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outputs import rewrite, translate

from nmt.cluster.tasks import Tasks
from nmt.errors import UnusableInput
from nmt.evaluation import significance
from nmt.evaluation.baseline import ROWS, Baseline, keys_of
from nmt.evaluation.groups import ValueCounts
from nmt.evaluation.metrics import Metrics
from nmt.evaluation.normalization import RAW
from nmt.evaluation.outputs import FinishedOutput
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Numbers, Part, References, Sentence
from nmt.evaluation.significance import resampled_totals, weighted_totals
from nmt.evaluation.totals import Collected
from nmt.records.output import Sums, UnitRecord
from nmt.settings import DriftSettings
from nmt.storage.location import Location
from nmt.tables import parquet
from nmt.translation.report import blocks, measures
from nmt.translation.report.measures import MOST_SHOWN, first_rejected
from nmt.translation.report.pairing import Others, Ranges, _together, pair, pairs
from nmt.translation.report.scoring import Scoring, ScoringOptions

COLUMNS = ["id", "source", "translation"]
WORDS = ["der", "Hund", "Katze", "schläft", "sieht", "im", "Garten", "Haus", "alte", "kleine"]
QUIET = DriftSettings(**dict.fromkeys(DriftSettings.model_fields))


def words(random: np.random.Generator) -> str:
    return " ".join(random.choice(WORDS, random.integers(1, 9)))


def rows(seed: int, count: int) -> tuple[list[Sentence], Others]:
    """Translated rows, and what the baseline has of them."""
    random = np.random.default_rng(seed)
    sentences, others = [], []
    for row in range(count):
        text, reference = words(random), words(random)
        references = [None] if random.random() < 0.1 else [reference, words(random)][: 1 + row % 2]
        sentences.append(
            Sentence(row, row, words(random), text, -0.5, ["a"], text.split(), 1.0, 0.9, [],
                     references, (["news", "law", None][row % 3],))
        )  # fmt: skip
        others.append(text if random.random() < 0.5 else words(random))
    places = np.where(random.random(count) < 0.2, -1, np.arange(count))
    paired = zip(places, others, strict=True)
    return sentences, Others(places, [None if place < 0 else text for place, text in paired])


def told(scoring: Scoring, options: ScoringOptions) -> list:
    """Everything that a report takes of it."""
    return [
        scoring.scores(options), scoring.groups(options), scoring.compared(options),
        scoring.most_changed(), scoring.changes.drawn, scoring.changes.paired,
        scoring.changes.changed, scoring.scored_pairs,
    ]  # fmt: skip


@pytest.fixture
def few_resamples(monkeypatch):
    """Forty of them: what is tested here does not depend on their number."""
    monkeypatch.setattr(significance, "RESAMPLES", 40)
    significance._weights.cache_clear()
    yield
    significance._weights.cache_clear()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("seed", "cuts"), [(1, {75}), (2, {1, 2, 80, 149}), (3, {40, 60})])
@pytest.mark.usefixtures("few_resamples")
def test_parts_add_up_to_the_whole(keep, seed, cuts) -> None:
    sentences, others = rows(seed, 150)
    named = (("domain", ("news", "law", None)),)
    options = ScoringOptions((RAW,), "13a", named, keep)
    whole = Scoring(options)
    whole.read(options, sentences, others)
    whole.reject(0, ["law"])
    parts = []
    for start, stop in pairwise([0, *sorted(cuts), 150]):
        parts.append(Scoring(options))
        some = Others(*(values[start:stop] for values in others))
        parts[-1].read(options, sentences[start:stop], some)
    parts[0].reject(0, ["law"])
    while len(parts) > 1:  # neighbours first
        parts[-2].merge(parts.pop())
    assert told(parts[0], options) == told(whole, options)


def test_resamples_by_weights_add_up_and_agree_with_sacrebleus() -> None:
    random, metrics = np.random.default_rng(2), Metrics()
    statistics = metrics.count([(words(random), [words(random)]) for _ in range(1500)])
    numbers = np.arange(300, 1800)
    whole = weighted_totals(numbers, statistics)
    order = random.permutation(len(numbers))
    parts = sum(weighted_totals(numbers[some], statistics[some]) for some in (order[:7], order[7:]))
    assert np.array_equal(parts, whole)
    few, many = Collected(metrics), Collected(metrics, keep=False)
    for collected in (few, many):
        collected.add(numbers, {1}, statistics)
    for one, other in zip(*(c.totals().scores(metrics) for c in (few, many)), strict=True):
        assert one.score == other.score
        assert "|resampling:poisson" in other.signature
        widths = one.confidence[1] - one.confidence[0], other.confidence[1] - other.confidence[0]
        assert other.confidence == pytest.approx(one.confidence, abs=0.15 * widths[0])
    assert resampled_totals(statistics)[:, 0].mean() == pytest.approx(whole[:, 0].mean(), rel=0.01)


@pytest.mark.usefixtures("few_resamples")
def test_what_no_baseline_changes_is_not_counted_twice(monkeypatch) -> None:
    counted = []
    real = Metrics.count
    monkeypatch.setattr(Metrics, "count", lambda self, s: counted.append(len(s)) or real(self, s))
    sentences, _ = rows(1, 50)
    same = Others(np.arange(50), [sentence.translation for sentence in sentences])
    options = ScoringOptions((RAW,))
    scoring = Scoring(options)
    scoring.read(options, sentences, same)
    assert counted == [sum(s.complete is not None for s in sentences), 0]
    assert {metric.p for metric in scoring.compared(options)} == {1}


@settings(max_examples=30)
@given(
    theirs=st.lists(st.integers(0, 60), unique=True, max_size=40),
    own=st.lists(st.integers(0, 60), unique=True, max_size=40),
    ranges=st.integers(1, 4),
    cut=st.integers(0, 40),
)
def test_pairs_are_those_of_a_dictionary(theirs, own, ranges, cut) -> None:
    texts = [f"{key}!" for key in theirs]
    places = np.arange(len(theirs))
    known = pa.table([np.array(theirs, np.uint64), 100 + places, texts], ROWS)
    parts, cuts = [own[:cut], own[cut:]], Ranges(ranges)
    blocks_of_keys = [
        pa.table({"key": np.array(part, np.uint64), "row": np.arange(len(part))}) for part in parts
    ]
    divided = zip(*map(cuts.divide, (known[:7], known[7:], *blocks_of_keys)), strict=True)
    found = zip(*(pair(2, *tables) for tables in divided), strict=True)
    expected = {key: 100 + place for place, key in enumerate(theirs)}
    for part, some in zip(parts, found, strict=True):
        others = Others.of_rows(len(part), some)
        assert others.places.tolist() == [expected.get(key, -1) for key in part]
        assert others.texts == [f"{key}!" if key in expected else None for key in part]


def test_nobody_chooses_the_range_of_a_key() -> None:
    """Keys that are all alike in their lowest bits, as whoever writes ids can make them."""
    keys = np.arange(0, 64_000, 64, dtype=np.uint64)
    sizes = [len(some) for some in Ranges(64).divide(pa.table({"key": keys}))]
    assert max(sizes) < len(keys) / 4


def test_no_part_of_a_baseline_is_read_twice_whatever_the_order_of_its_rows(tmp_path) -> None:
    read = []

    class Shuffled:
        sizes = [50] * 8
        bytes = [1000] * 8

        def rows(self, parts: range) -> pa.Table:
            read.extend(parts)
            places = np.arange(50 * parts.start, 50 * parts.stop)
            ids = order[places]
            sources = [f"s{number}" for number in ids]
            return pa.table(
                [keys_of(pa.table({"id": ids, "source": sources})), places, sources], ROWS
            )

    order = np.random.default_rng(4).permutation(400)
    parts = []
    for number in range(8):
        ids = np.arange(50 * number, 50 * number + 50)
        table = pa.table({"id": ids, "source": [f"s{row}" for row in ids]})
        name = f"part-{number:05d}.parquet"
        file = Location(tmp_path).named(f"translations/{name}")
        parts.append(Part(name, ids, file.write_table(table)))
    found = pairs(Tasks(None), Location(tmp_path), [[part] for part in parts], Shuffled())
    for number, some in enumerate(found):
        assert Others.of_rows(50, some).texts == [
            f"s{row}" for row in range(50 * number, 50 * number + 50)
        ]
    assert sorted(read) == [*range(8)]


def test_counts_of_values_add_up() -> None:
    whole, one, other = ValueCounts(), ValueCounts(), ValueCounts()
    whole.add("abacab")
    one.add("aba")
    other.add("cab")
    one.merge(other)
    assert one.named() == whole.named() == ["a", "b", "c"]


def test_references_of_some_rows_have_the_numbers_of_these() -> None:
    some = References([["a", "b", "c", "d"]]).of_rows(1, 3)
    assert [some.streams[0][row] for row in (1, 2)] == ["b", "c"]
    assert References(column="r").of_rows(1, 3) == References([], "r")


def test_the_rows_of_a_part_are_those_that_were_not_rejected() -> None:
    assert np.asarray(Numbers(3, 8, [4, 7])).tolist() == [3, 5, 6]


class Reordered(Tasks):
    """Tasks that are done as late as possible, the last first."""

    def __init__(self) -> None:
        super().__init__(None)

    def each(self, function, calls, title):
        calls = list(calls)
        done = {n: function(*calls[n]) for n in reversed(range(len(calls)))}
        yield from (done[n] for n in range(len(calls)))


@pytest.fixture(scope="module")
def night(saved_models, tmp_path_factory) -> Path:
    """A folder with an input of 600 rows in three units, references, and an earlier output."""
    folder = tmp_path_factory.mktemp("blocks")
    random = np.random.default_rng(3)
    lines = [" ".join(random.choice(["dog", "cat", "sees", "a"], 3)) for _ in range(600)]
    (folder / "in.txt").write_text("\n".join(lines) + "\n")
    (folder / "references.txt").write_text("\n".join(words(random) for _ in lines) + "\n")
    translate(saved_models[1], folder / "in.txt", folder / "before", heatmaps=0)
    return folder


@pytest.mark.parametrize("keep", [600, 0])
def test_a_report_is_the_same_in_blocks(
    few_resamples, saved_models, night, tmp_path, monkeypatch, keep
) -> None:
    monkeypatch.setattr(measures, "MOST_KEPT", keep)
    reports = []
    for name, least in (("whole", 10**6), ("blocks", 1)):
        monkeypatch.setattr(blocks, "_ROWS", least)
        monkeypatch.setattr(measures, "_tasks", lambda *_: Reordered())
        outcome = translate(
            saved_models[0], night / "in.txt", tmp_path / name, heatmaps=0, max_rejected=1,
            references=(str(night / "references.txt"),), baseline=Location(night / "before"),
            drift=QUIET,
        )  # fmt: skip
        report = outcome.report.to_json()
        reports.append(
            {k: report[k] for k in report if k not in ("title", "created", "throughput")}
        )
        reports[-1]["comparison"].pop("throughput", None)
    assert reports[0] == reports[1]
    assert reports[0]["comparison"]["paired"] == 600
    kind = ["|resampling:poisson" in score["signature"] for score in reports[0]["scores"]]
    assert set(kind) == {keep == 0}


def test_a_baseline_that_was_cut_off_is_refused_at_the_start(saved_models, night, tmp_path) -> None:
    out = Location(night / "before")
    part = night / "before/translations/part-00001.parquet"
    manifest = json.loads((night / "before/manifest.json").read_text())
    try:
        damaged = json.loads(json.dumps(manifest))
        damaged["files"]["translations/part-00001.parquet"]["bytes"] += 1
        rewrite(night / "before", "manifest.json", damaged)
        with pytest.raises(UnusableInput, match=f"{part}: has .* bytes, not the .* give another"):
            translate(saved_models[0], night / "in.txt", tmp_path / "out", baseline=out)
    finally:
        (night / "before/manifest.json").write_text(json.dumps(manifest))


def test_a_baseline_is_held_by_its_size_in_memory(night, monkeypatch) -> None:
    """Equal texts unpack from next to nothing: of many such parts only so much is held together."""
    baseline = Baseline(FinishedOutput(Location(night / "before"), "--baseline"))
    assert len(baseline.sizes) == 3
    assert len(baseline.rows(range(3))) == 600
    one = baseline.output.read("translations", baseline.output.names[0], COLUMNS).nbytes
    monkeypatch.setattr(parquet, "_LITTLE", 2 * one)
    monkeypatch.setattr(parquet, "_RATIO", 0)
    assert len(baseline.rows(range(1))) == baseline.sizes[0]
    with pytest.raises(UnusableInput, match="before: the texts of its parts are out of all propor"):
        baseline.rows(range(3))


def test_parts_are_read_together_by_rows_and_by_bytes() -> None:
    few = SimpleNamespace(sizes=[400_000] * 4, bytes=[1 << 20] * 4)
    large = SimpleNamespace(sizes=[8192] * 3, bytes=[20 << 20] * 3)
    assert [*_together(few)] == [range(3), range(3, 4)]  # type: ignore[arg-type]
    assert [*_together(large)] == [range(2), range(2, 3)]  # type: ignore[arg-type]


@pytest.mark.usefixtures("few_resamples")
def test_a_scorer_says_what_the_blocks_say() -> None:
    sentences, others = rows(5, 60)
    options = ScoringOptions((RAW,))
    scoring, own = Scoring(options), Scorer()
    scoring.read(options, sentences, others)
    own.add([(s.translation, s.complete) for s in sentences if s.complete])
    assert scoring.scores(options).scores == own.scores()


def test_the_first_rejected_rows_of_each_reason_are_shown_shortened(tmp_path) -> None:
    source = "x" * 2 * MOST_SHOWN
    location, records = Location(tmp_path), []
    reasons = (["failed"], [], ["null"] * 2 + ["failed"], ["failed"] * 4, ["null"] * 9)
    for number, own in enumerate(reasons):
        name = f"rejected/part-{number:05d}.parquet"
        texts = [None if reason == "null" else source for reason in own]
        ids = [f"{number}-{place}" for place in range(len(own))]
        table = pa.table({"id": ids, "reason": own, "source": pa.array(texts, pa.string())})
        files = {name: location.named(name).write_table(table)} if own else {}
        counts = {"rows": len(own), "translated": 0, "rejected": len(own), "empty": 0}
        counts |= {"truncated": 0, "target_tokens": 0, "rejected_by_reason": Counter(own)}
        sums = dict.fromkeys(Sums.model_fields, 0.0)
        records.append(
            UnitRecord(
                unit=number, first=0, counts=counts, files=files, sums=sums, alignment=None,
                rejected_rows=[],
            )
        )  # fmt: skip
    last = location.named("rejected/part-00004.parquet")
    shown = first_rejected(location, records, several=False)
    assert [(sample.id, sample.reason) for sample in shown] == [
        *(("0-0", "failed"), ("2-0", "null"), ("2-1", "null"), ("2-2", "failed")),
        *(("3-0", "failed"), ("4-0", "null")),
    ]
    assert {sample.source for sample in shown} == {None, f"{'x' * MOST_SHOWN} …"}
    last.delete()
    with pytest.raises(UnusableInput, match="part-00004"):
        first_rejected(location, records, several=False)

"""With a cache a job gives what it gives without one, and decodes each sentence once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import SEARCH, translate
from rounding import SCORE

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.cluster.tasks import Tasks
from nmt.errors import JobFailed, UnusableInput
from nmt.inference.translator import Translator
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.generations import generations
from nmt.translation.metrics import Metrics
from nmt.translation.outcome import Outcome
from nmt.vocabulary.words import build_words

pytestmark = pytest.mark.system  # whole jobs, each done several times

INFO = {"direction": {"source": "en", "target": "de"}, "validation": {}}
ODD = [
    *(b"", b"  ", b"\xffbroken", b"word " * 200, b"\xe2\x82", b"<b>&amp;</b>"),
    *("A\u00a0cat\u200b .".encode(), b"A cat .", b"A  cat .", "Ünïcödé 漢字".encode(), b"\x07"),
    *(b"A&nbsp;cat .", "\u200b A cat .".encode()),  # as another, with other words as stored
    "A dog sees a cat\u2028. A cat sleeps.".encode(),
]


def save(made: Any, folder: Path, *vocabularies: Any, **data: Any) -> Path:
    bundle.save(made, *vocabularies, {**INFO, "data": data}, Location(folder))
    return folder


@pytest.fixture(scope="module")
def models(demo_dataset, tiny_model, tmp_path_factory) -> list[Path]:
    """Two models of other random weights."""
    folder = tmp_path_factory.mktemp("models")
    source, target = demo_dataset.source_vocabulary, demo_dataset.target_vocabulary
    made = [tiny_model(source.size, target.size, seed) for seed in (1, 2)]
    settings = demo_dataset.settings
    return [save(m, folder / str(i), source, target, **settings) for i, m in enumerate(made)]


@pytest.fixture
def corpus(demo_dataset, tmp_path) -> Path:
    """Hundreds of lines, of which many come again, odd ones among them."""
    return write_corpus(demo_dataset, tmp_path / "in.txt", 60, 300)


def write_corpus(dataset, file: Path, distinct: int, lines: int) -> Path:
    from corpora import rows

    random = np.random.default_rng(3)
    texts = [row["source"].encode() for row in rows(dataset, "train")[:distinct]] + ODD
    chosen = [texts[i] for i in random.integers(0, len(texts), lines)]
    file.write_bytes(b"\n".join(chosen) + b"\n")
    return file


def rows_of(output: Path, folder: str = "translations") -> list[dict[str, Any]]:
    """All rows, in the order of the units."""
    return [
        row for f in sorted((output / folder).iterdir()) for row in pq.read_table(f).to_pylist()
    ]


def assert_same(one: Path, other: Path) -> None:
    """Two outputs hold the same, numbers to a tolerance."""
    inexact = ("score", "attention_entropy", "coverage")
    for folder in ("translations", "rejected", "alignments"):
        assert (one / folder).exists() == (other / folder).exists()
        if not (one / folder).exists():
            continue
        for file in sorted((one / folder).iterdir()):
            assert pq.read_schema(file) == pq.read_schema(other / folder / file.name)
        pairs = zip(rows_of(one, folder), rows_of(other, folder), strict=True)
        for expected, found in pairs:
            for name in expected:
                if name in inexact:
                    assert found[name] == pytest.approx(expected[name], abs=SCORE)
                elif name == "alternatives":
                    texts = [[a["translation"] for a in row[name]] for row in (expected, found)]
                    assert texts[0] == texts[1]
                else:
                    assert found[name] == expected[name]
    first, second = (json.loads((o / "report/report.json").read_text()) for o in (one, other))
    origin = ("decoded", "reused", "repeated")
    for report in (first, second):
        assert sum(report["counts"].pop(name) for name in origin) == report["counts"]["translated"]
    assert first["counts"] == second["counts"]
    assert first["rates"] == pytest.approx(second["rates"], abs=SCORE)
    for name in ("samples", "suspicious"):
        assert [s["id"] for s in first[name]] == [s["id"] for s in second[name]]
    images = [sorted(p.name for p in (o / "report/heatmaps").glob("*.png")) for o in (one, other)]
    assert images[0] == images[1]


def origins(verdict: Outcome) -> tuple[int, int, int]:
    counts = verdict.report.to_json()["counts"]
    return counts["decoded"], counts["reused"], counts["repeated"]


@pytest.mark.parametrize(
    "options",
    [
        {"alignments": True, "heatmaps": 5},
        {"search": SEARCH.model_copy(update={"beam_size": 3, "n_best": 2})},
        {"search": SearchSettings(max_length_ratio=0.5, max_source_length=20)},  # some are split
    ],
)
def test_the_output_is_that_of_a_job_without_a_memory(models, corpus, tmp_path, options) -> None:
    plain = translate(models[0], corpus, tmp_path / "plain", **options)
    assert origins(plain) == (plain.report.to_json()["counts"]["translated"], 0, 0)
    cache = tmp_path / "cache"
    first = translate(models[0], corpus, tmp_path / "first", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "first")
    second = translate(models[0], corpus, tmp_path / "second", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "second")
    cleaned = {" ".join(row["source"].split()) for row in rows_of(tmp_path / "plain")}
    cleaned -= {"A\u00a0cat\u200b .", "A cat\u200b .", "A&nbsp;cat .", "\u200b A cat ."}
    decoded, reused, repeated = origins(first)
    assert reused == 0
    assert repeated > 100
    assert decoded == len(cleaned - {"\x07"})  # which is cleaned to the empty line
    assert origins(second) == (0, decoded + repeated, 0)
    efforts = [v.report.to_json()["throughput"]["decode_seconds"] for v in (first, second)]
    assert efforts[0] > efforts[1] == 0
    assert not (tmp_path / "first/_scratch").exists()


def test_only_new_sentences_are_decoded(models, corpus, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("nmt.translation.cache.generations.PARTITIONS", 3)
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache)
    new = [b"The new dog %d ." % (n % 7) for n in range(20)]
    lines = corpus.read_bytes().splitlines()[::-1] + new
    corpus.write_bytes(b"\n".join(lines))
    night = translate(models[0], corpus, tmp_path / "night", cache=cache)
    decoded, reused, repeated = origins(night)
    assert (decoded, repeated) == (7, 13)
    assert reused == night.report.to_json()["counts"]["translated"] - 20
    translate(models[0], corpus, tmp_path / "plain")
    assert_same(tmp_path / "plain", tmp_path / "night")


def test_each_night_counts_all_its_rows(models, corpus, tmp_path, monkeypatch) -> None:
    """What Prometheus is told of a night is what its report counts, decoded or not."""
    told: list[dict[str, int]] = []
    monkeypatch.setattr(Metrics, "count", lambda self, counts: told.append(counts))
    for output in ("first", "second"):
        told.clear()
        night = translate(models[0], corpus, tmp_path / output, cache=tmp_path / "cache")
        for name in ("rows", "rejected", "target_tokens"):
            assert (
                sum(counts[name] for counts in told) == night.report.to_json()["counts"][name] > 0
            )


def test_another_model_or_setting_makes_another_generation(models, corpus, tmp_path) -> None:
    cache = tmp_path / "cache"
    first = translate(models[0], corpus, tmp_path / "a", cache=cache)
    for number, (model, changes, new) in enumerate(
        [
            (models[1], {}, True),
            (models[0], {"max_length_extra": 3}, True),
            (models[0], {"length_penalty": 0.3, "seed": 7}, False),  # not in greedy search
        ]
    ):
        before = len(generations(Location(cache)))
        search = SEARCH.model_copy(update=changes)
        found = translate(model, corpus, tmp_path / f"o{number}", cache=cache, search=search)
        assert origins(found)[0] == (origins(first)[0] if new else 0)
        assert len(generations(Location(cache))) == before + new


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal(Tasks):
    """Tasks of which a chosen one ends the job."""

    def __init__(self, life: int) -> None:
        super().__init__(None)
        self.life = life

    def _live(self) -> None:
        self.life -= 1
        if self.life == 0:
            raise Killed

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._live()
        return super().submit(function, *arguments)

    def submit_parts(self, parts: int, function: Callable[..., Any], *arguments: Any) -> Any:
        self._live()
        return super().submit_parts(parts, function, *arguments)


def test_a_job_goes_on_wherever_it_was_killed(models, demo_dataset, tmp_path, monkeypatch) -> None:
    """Steps: 3 groups hashed, 64 partitions looked into, decoding, 64 looked up, 3 written."""
    monkeypatch.setattr("nmt.translation.cache.job._GROUP", 256)
    monkeypatch.setattr("nmt.translation.cache.job._SMALLEST", 40)
    options: dict[str, Any] = {"alignments": True, "heatmaps": 3}
    corpus = write_corpus(demo_dataset, tmp_path / "in.txt", 150, 700)
    expected = translate(models[0], corpus, tmp_path / "plain", cache=tmp_path / "other", **options)
    for life in (1, 3, 5, 60, "decoding 0", "decoding 2", 70, 130, 132, 133, 134):
        cache, output = tmp_path / f"cache {life}", tmp_path / f"out {life}"

        def interrupt(number: int, life: int | str = life) -> None:
            if life == f"decoding {number}":
                raise Killed

        tasks = Mortal(life) if isinstance(life, int) else None
        with pytest.raises(Killed):
            translate(*(models[0], corpus, output, tasks, interrupt), cache=cache, **options)
        records = len(list((output / "_units").glob("*"))) if (output / "_units").exists() else 0
        assert records == (max(0, life - 132) if isinstance(life, int) else 0)
        again = translate(models[0], corpus, output, cache=cache, **options)
        assert_same(tmp_path / "plain", output)
        assert origins(again) == origins(expected)


def test_a_job_without_a_memory_goes_on_with_one(models, corpus, tmp_path) -> None:
    translate(models[0], corpus, tmp_path / "plain")
    output = tmp_path / "out"
    translate(models[0], corpus, output)
    for name in ("_units/00001.json", "manifest.json", "_SUCCESS"):
        (output / name).unlink()
    (output / "translations/part-00001.parquet").write_bytes(b"half")
    translate(models[0], corpus, output, cache=tmp_path / "cache")
    assert_same(tmp_path / "plain", output)


def test_rows_keep_their_ids_and_other_columns(models, tmp_path) -> None:
    table = pa.table(
        {
            "price": pa.array([1.5, None, 2.5, 3.5, 4.5], pa.float32()),
            "source": pa.array(["The dog.", None, "x " * 300, "A cat.", "The dog."]),
            "id": pa.array(["q", "r", "s", "t", "u"]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    for name, more in (("plain", {}), ("out", {"cache": tmp_path / "cache"})):
        translate(models[0], tmp_path / "in.parquet", tmp_path / name, max_rejected=1, **more)
    assert_same(tmp_path / "plain", tmp_path / "out")
    assert [row["id"] for row in rows_of(tmp_path / "out")] == ["q", "t", "u"]
    assert [row["price"] for row in rows_of(tmp_path / "out", "rejected")] == [None, 2.5]


def test_words_of_the_source_that_stand_in_make_it_another(tiny_model, tmp_path) -> None:
    """Sources that are cleaned to the same have translations of their own where those hold raw
    words of theirs."""
    words = ("the", "dog", "sees", "a", "cat"), ("der", "hund", "sieht", "eine", "katze")
    sides = [build_words(dict.fromkeys(w, 5), vocab_size=99, min_frequency=1) for w in words]
    made = tiny_model(sides[0].size, sides[1].size, seed=2)
    bias = np.array(made.output_bias)
    bias[1] += 2.0
    made.output_bias.assign(bias)
    model = save(made, tmp_path / "model", *sides)
    texts = ["the dog sees X\u00adanadu", "the dog sees Xanadu", "the dog  sees Xanadu"]
    (tmp_path / "in.txt").write_text("\n".join(texts * 2))
    search = SearchSettings(max_length_ratio=1.0, max_length_extra=3)
    for changes, distinct in (({}, 3), ({"replace_unknown": False}, 1)):
        search = search.model_copy(update=changes)
        outputs = tmp_path / f"plain {distinct}", tmp_path / f"out {distinct}"
        translate(model, tmp_path / "in.txt", outputs[0], search=search)
        cache = tmp_path / "cache"
        done = translate(model, tmp_path / "in.txt", outputs[1], search=search, cache=cache)
        assert_same(*outputs)
        assert origins(done) == (distinct, 0, 6 - distinct)


def test_a_sentence_that_cannot_be_translated_is_rejected(
    models, corpus, tmp_path, monkeypatch
) -> None:
    real = Translator.translate

    def failing(self: Translator, texts: list[str], **options: Any) -> list[Any]:
        if any(text.startswith("The") for text in texts):
            raise RuntimeError("no such kernel")
        return real(self, texts, **options)

    monkeypatch.setattr(Translator, "translate", failing)
    cache, options = tmp_path / "cache", {"max_rejected": 1.0, "alignments": True, "heatmaps": 9}
    translate(models[0], corpus, tmp_path / "plain", **options)
    done = translate(models[0], corpus, tmp_path / "out", cache=cache, **options)
    assert_same(tmp_path / "plain", tmp_path / "out")
    reasons = done.report.to_json()["counts"]["rejected_by_reason"]
    assert reasons["failed"] > 50
    monkeypatch.setattr(Translator, "translate", real)  # a later night can
    translate(models[0], corpus, tmp_path / "plain2", **options)
    done = translate(models[0], corpus, tmp_path / "out2", cache=cache, **options)
    assert_same(tmp_path / "plain2", tmp_path / "out2")
    assert origins(done)[0] > 10


def test_what_makes_no_sense_is_refused(models, corpus, tmp_path) -> None:
    def refused(match: str, cache: Path = tmp_path / "cache", **options: Any) -> None:
        with pytest.raises(UnusableInput, match=match) as caught:
            translate(models[0], corpus, tmp_path / "out", cache=cache, **options)
        assert "\n" not in str(caught.value)

    refused("draws others at random", search=SearchSettings(temperature=1.0))
    refused("lies in --output", cache=tmp_path / "out/cache")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    refused("no cache", cache=tmp_path / "mine")


def test_a_memory_that_lost_rows_while_the_job_ran_is_said(models, corpus, tmp_path) -> None:
    cache = tmp_path / "cache"

    def lose(number: int) -> None:
        for file in cache.rglob("*.parquet"):
            file.unlink()

    with pytest.raises(JobFailed, match="have gone from the cache; run it again"):
        translate(models[0], corpus, tmp_path / "out", None, lose, cache=cache)
    translate(models[0], corpus, tmp_path / "out", cache=cache)


def test_a_damaged_memory_is_said_and_costs_its_sentences(models, corpus, tmp_path, capsys) -> None:
    cache = tmp_path / "cache"
    first = translate(models[0], corpus, tmp_path / "first", cache=cache)
    files = sorted(cache.rglob("*.parquet"))
    lost = sum(pq.read_metadata(file).num_rows for file in files[:2])
    for file in files[:2]:
        file.write_bytes(file.read_bytes()[:-20])
    capsys.readouterr()
    second = translate(models[0], corpus, tmp_path / "second", cache=cache)
    assert origins(second)[0] == lost > 0
    assert_same(tmp_path / "first", tmp_path / "second")
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert f"{files[0]}.damaged and 1 other files: damaged and set aside" in warning
    third = translate(models[0], corpus, tmp_path / "third", cache=cache)
    assert origins(third) == (0, sum(origins(first)), 0)


def test_damage_that_is_seen_late_costs_one_attempt(models, corpus, tmp_path) -> None:
    """The keys of a file can be read, and its results cannot."""
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache)
    file = max(cache.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    pages = pq.read_metadata(file).row_group(0)
    columns = [pages.column(i) for i in range(pages.num_columns)]
    (found,) = [column for column in columns if column.path_in_schema == "translation"]
    data = bytearray(file.read_bytes())
    start, size = found.data_page_offset, found.total_compressed_size
    data[start : start + size - 1] = b"\xff" * (size - 1)
    file.write_bytes(data)
    with pytest.raises(JobFailed, match="gone from the cache; run it again"):
        translate(models[0], corpus, tmp_path / "second", cache=cache)
    translate(models[0], corpus, tmp_path / "second", cache=cache)
    assert_same(tmp_path / "first", tmp_path / "second")


@pytest.mark.parametrize(
    ("name", "value"),
    [("translation", None), ("score", float("nan")), ("flags", ["odd"]), ("alignment", "0_0")],
)
def test_results_that_no_job_makes_are_translated_again(
    models, corpus, tmp_path, name, value
) -> None:
    """Whoever can write to a cache can give the sentences of a file other results."""
    cache = tmp_path / "cache"
    translate(models[0], corpus, tmp_path / "first", cache=cache, alignments=True)
    file = max(cache.rglob("*.parquet"), key=lambda file: file.stat().st_size)
    table = pq.read_table(file)
    place, kind = table.column_names.index(name), table.schema.field(name).type
    pq.write_table(table.set_column(place, name, pa.array([value] * len(table), kind)), file)
    with pytest.raises(JobFailed, match="gone from the cache; run it again"):
        translate(models[0], corpus, tmp_path / "second", cache=cache, alignments=True)
    assert file.with_name(f"{file.name}.damaged").is_file()
    translate(models[0], corpus, tmp_path / "second", cache=cache, alignments=True)
    assert_same(tmp_path / "first", tmp_path / "second")

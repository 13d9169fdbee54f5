"""Rows that kill, or do not fit in memory, are found and set aside; no other is lost."""

import json
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpora import ODD_LINES, REJECTED_LINES
from outputs import first_part
from rounding import SCORE

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import JobFailed, UnusableInput
from nmt.inference.batching import decode_bisecting
from nmt.inference.translator import Translator
from nmt.records.output import AlignmentCounts
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation import quarantine
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.quarantine import Attempts, decode_surviving
from nmt.translation.worker import translate_unit

# A process that translates texts, some of which kill it, and is started again as Ray does it.
PROGRAM = """
import json, os, signal, sys
from nmt.storage.location import Location
from nmt.translation.quarantine import Attempts, decode_surviving

def translate(texts, failed):
    for text in texts:
        if "kill" in text:
            os.kill(os.getpid(), signal.SIGKILL)
    return enumerate([text.upper() for text in texts])

file, texts = sys.argv[1], json.loads(sys.argv[2])
deaths = 0
while os.fork():
    _, status = os.wait()
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    assert os.WTERMSIG(status) == signal.SIGKILL
    deaths += 1
attempts = Attempts(Location(file), "unit 0")
print(json.dumps([deaths, *decode_surviving(texts, translate, attempts)]))
attempts.clear()
"""


def surviving(
    texts: list[str], translate, attempts: Attempts, beside: int = 0
) -> tuple[list, dict]:
    """`decode_surviving` with a function that translates batches, as a decoder does it."""

    def decode(some, failed):
        batch = range(len(some))
        for rows, done in decode_bisecting(
            lambda rows: translate([some[row] for row in rows]), batch, failed
        ):
            yield from zip(rows, done, strict=True)

    return decode_surviving(texts, decode, attempts, beside=beside)


def lives(file: Path, texts: list[str]) -> tuple[int, list[str], dict[str, str]]:
    """How often it is killed, what it translates in the end, and which rows are lost why."""
    command = [sys.executable, "-c", PROGRAM, str(file), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


def test_rows_that_kill_their_process_are_found_in_the_end(tmp_path) -> None:
    texts = [f"text {i}" for i in range(150)]
    texts[7], texts[70], texts[71] = "kill a", "kill b", "kill c"
    deaths, results, lost = lives(tmp_path / "attempts", texts)
    assert lost == {"7": "crashed", "70": "crashed", "71": "crashed"}
    assert results == [text.upper() for text in texts if "kill" not in text]
    assert deaths == quarantine.UNIT_ATTEMPTS + 2 * 2 + 3 * 2  # the unit, its batches, its rows
    assert not (tmp_path / "attempts").exists()


def test_who_dies_of_something_else_loses_no_row(tmp_path) -> None:
    """Killed in the middle of every batch once, which is what a node that goes away does."""
    texts = [f"text {i}" for i in range(300)]
    file = Location(tmp_path / "attempts")
    for _ in range(quarantine.UNIT_ATTEMPTS):
        Attempts(file)
    for start in range(0, 300, 64):
        attempts = Attempts(file)

        def until(some: list[str], start: int = start) -> list[str]:
            if some[0] == f"text {start}":
                raise KeyboardInterrupt
            return some

        with pytest.raises(KeyboardInterrupt):
            surviving(texts, until, attempts)
    assert surviving(texts, list, Attempts(file)) == (texts, {})


def test_a_unit_that_kills_whatever_is_done_ends_the_job(tmp_path) -> None:
    file = Location(tmp_path / "attempts")
    for _ in range(60):
        Attempts(file, "rows 0–9")
    with pytest.raises(JobFailed, match="rows 0–9: its process died 60 times"):
        Attempts(file, "rows 0–9")


def test_a_failure_that_is_seen_is_no_death(tmp_path) -> None:
    file = Location(tmp_path / "attempts")
    for _ in range(10):
        Attempts(file).forgive()
    assert Attempts(file).begun == 1


@pytest.mark.parametrize(
    ("error", "reason"), [(MemoryError(), "out_of_memory"), (ValueError("odd"), "failed")]
)
def test_rows_that_raise_are_found_by_halves(tmp_path, error, reason) -> None:
    texts = [f"text {i}" for i in range(100)]
    calls = []

    def translate(some: list[str]) -> list[str]:
        calls.append(len(some))
        if {"text 3", "text 98"} & set(some):
            raise error
        return some

    results, lost = surviving(texts, translate, Attempts(Location(tmp_path / "a")))
    assert lost == {3: reason, 98: reason}
    assert results == [text for i, text in enumerate(texts) if i not in lost]
    assert len(calls) < 40


def test_what_was_too_much_is_let_go_before_the_halves_are_tried(tmp_path) -> None:
    class Batch:
        """What takes room while a batch is translated."""

    held: list[weakref.ref] = []

    def translate(some: list[str]) -> list[str]:
        assert not any(batch() for batch in held)
        batch = Batch()
        held.append(weakref.ref(batch))
        if len(some) > 2:
            raise MemoryError
        return some

    results, lost = surviving(["a"] * 20, translate, Attempts(Location(tmp_path / "a")))
    assert (len(results), lost, len(held)) == (20, {}, 23)


def test_where_every_row_fails_the_job_does(tmp_path) -> None:
    def translate(some: list[str]) -> list[str]:
        raise ValueError("no such GPU")

    with pytest.raises(JobFailed, match=r"no row can be translated \(ValueError: no such GPU\)"):
        surviving(["a"] * 500, translate, Attempts(Location(tmp_path / "a")))
    attempts = Attempts(Location(tmp_path / "b"))
    assert surviving(["a"] * 3, translate, attempts, beside=9) == (
        [],
        dict.fromkeys(range(3), "failed"),
    )


class Cramped:
    """A searcher with room for few tokens at a time."""

    def __init__(self, real, places: int) -> None:
        self._real, self._places, self.sizes = real, places, []
        self._held: list[weakref.ref] = []

    def search(self, source):
        self._take(source)
        return self._real.search(source)

    def force(self, source, target):
        self._take(target)
        return self._real.force(source, target)

    def _take(self, ids) -> None:
        import tensorflow as tf

        assert not any(ids() is not None for ids in self._held)  # what was too much is let go
        self.sizes.append(ids.shape)
        if ids.size > self._places:
            room = np.zeros(ids.shape)
            self._held.append(weakref.ref(room))
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


SEARCH = SearchSettings(max_length_ratio=0.5, max_length_extra=4, max_source_length=60)
TEXTS = ["The dog sleeps.", "A cat.", "The old dog sees a bird.", "", "A bird sleeps."] * 3


def test_a_batch_that_does_not_fit_is_halved(demo_bundle) -> None:
    plain = Translator(demo_bundle, SEARCH, batch_size=8)
    expected = plain.translate(TEXTS)
    translator = Translator(demo_bundle, SEARCH, batch_size=8)
    cramped = Cramped(plain.decoder.searcher(SEARCH), places=40)
    translator.decoder._searchers[SEARCH] = cramped
    found = translator.translate(TEXTS)
    assert max(rows * columns for rows, columns in cramped.sizes) > 40  # it was too much
    assert [result.text for result in found] == [result.text for result in expected]
    assert [r.score for r in found] == pytest.approx([r.score for r in expected], abs=SCORE)


def test_a_row_that_fits_nowhere_is_rejected_and_no_other(tmp_path, demo_bundle) -> None:
    from test_actor import work

    long = "The dog sees the cat and the bird and the old farmer and the queen."
    (tmp_path / "in.txt").write_text("\n".join([*TEXTS, long, *TEXTS]))
    plain = Translator(demo_bundle, SEARCH, batch_size=8)
    longest = max(len(result.source_tokens) for result in plain.translate(TEXTS)) + 1
    translator = Translator(demo_bundle, SEARCH, batch_size=8)
    translator.decoder._searchers[SEARCH] = Cramped(plain.decoder.searcher(SEARCH), places=longest)
    (unit,) = inspect(str(tmp_path / "in.txt"), "source").units()
    out = Output(Location(tmp_path / "out"))
    record = translate_unit(unit, work(tmp_path / "out", search=SEARCH), translator, out)
    assert record.counts.rejected_by_reason == {"out_of_memory": 1}
    assert record.rejected_rows == [len(TEXTS)]
    done = first_part(out).to_pylist()
    assert [row["source"] for row in done] == [*TEXTS, *TEXTS]
    assert [row["id"] for row in done] == [i for i in range(31) if i != len(TEXTS)]
    assert not list((tmp_path / "out/_units").glob("*.attempts"))


def forced(folder: Path, translator: Translator, references: list[str]) -> AlignmentCounts:
    """What is counted of a unit whose references are looked along."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from test_actor import work

    columns = {"source": TEXTS, "target": references, "gold": ["0-0"] * len(TEXTS)}
    pq.write_table(pa.table(columns), folder / "in.parquet")
    (unit,) = inspect(str(folder / "in.parquet"), "source").units()
    wanted = work(folder / "out", search=SEARCH, reference_column="target", alignment_column="gold")
    record = translate_unit(unit, wanted, translator, Output(Location(folder / "out")))
    assert record.counts.translated == len(TEXTS)
    assert not list((folder / "out/_units").glob("*.attempts"))
    return record.alignment


def test_a_score_that_is_no_number_is_a_row_that_fails(tmp_path, demo_bundle, tiny_model) -> None:
    """Weights may be numbers, and what follows from them none."""
    sizes = demo_bundle.source_vocabulary.size, demo_bundle.target_vocabulary.size
    model = tiny_model(*sizes)
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 3e38, np.float32))
    translator = Translator(replace(demo_bundle, model=model), SearchSettings())
    sources = translator.row_filter(["The dog sleeps."] * 3).sources
    attempts = Attempts(Location(tmp_path / "attempts"))

    def decode(some, failed):
        return translator.decoder.decode(some, failed=failed)

    assert decode_surviving(sources[:1], decode, attempts) == ([], {0: "failed"})
    with pytest.raises(JobFailed, match=r"no row can be translated .*score is -?(nan|inf)"):
        decode_surviving(sources, decode, attempts)
    with pytest.raises(UnusableInput, match="train it again"):
        translator.translate(["The dog sleeps."])


def test_a_reference_costs_its_own_count_only(tmp_path, demo_bundle) -> None:
    """One of more tokens than are decoded, one that does not fit in memory, one that kills."""
    plain = Translator(demo_bundle, SEARCH, batch_size=8)
    references = ["Der Hund schläft."] * len(TEXTS)
    expected = forced(tmp_path, plain, references)
    assert (expected.attention.sentences, expected.left_out) == (12, 0)
    assert expected.malformed == TEXTS.count("") == 3  # there is no word 0
    references[1] = "Der Hund schläft. " * 1_000
    references[4] = "Der Hund schläft. " * 5
    references[7] = "Der Tod."
    cramped = Cramped(plain.decoder.searcher(SEARCH), places=28)
    cramped.search = plain.decoder.searcher(SEARCH).search  # only forced decoding lacks memory
    translator = Translator(demo_bundle, SEARCH, batch_size=8)
    translator.decoder._searchers[SEARCH] = cramped
    lengths = [len(demo_bundle.target_vocabulary.encode(r).ids) + 1 for r in references]
    assert 2 * lengths[0] < 28 < lengths[4] < SEARCH.max_source_length < lengths[1]
    real = translator.decoder.decode_along

    def decode_along(sources, targets, failed):
        if references[7] in [target.text for target in targets]:
            raise KeyboardInterrupt  # as good as killed
        return real(sources, targets, failed)

    translator.decoder.decode_along = decode_along
    deaths = 0
    while True:
        try:
            found = forced(tmp_path, translator, references)
            break
        except KeyboardInterrupt:
            deaths += 1
    assert deaths == quarantine.UNIT_ATTEMPTS + 2 + 2  # the unit, its batch, its row
    assert found.left_out == 3
    assert found.attention.sentences == 12 - 3
    with pytest.raises(UnusableInput, match=r"reference 1 has \d+ tokens, more than search"):
        plain.force(TEXTS, references)


ODD = {"null": None, **ODD_LINES}


def test_no_odd_row_costs_another(tmp_path, demo_bundle) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from test_actor import work

    rows = [value for odd in ODD.values() for value in (odd, b"The dog sleeps.")]
    column = pa.array(rows, pa.binary())
    pq.write_table(pa.table({"source": column, "n": range(len(rows))}), tmp_path / "in.parquet")
    translator = Translator(demo_bundle, SEARCH, batch_size=8)
    (unit,) = inspect(str(tmp_path / "in.parquet"), "source").units()
    out = Output(Location(tmp_path / "out"))
    translate_unit(unit, work(tmp_path / "out", search=SEARCH), translator, out)
    done = {row["n"]: row for row in first_part(out).to_pylist()}
    bad = {row["n"]: row["reason"] for row in first_part(out, "rejected").to_pylist()}
    assert bad == {2 * i: reason for i, reason in enumerate(["null", *REJECTED_LINES])}
    assert sorted([*done, *bad]) == list(range(len(rows)))
    good = translator.translate(["The dog sleeps."])[0].text
    assert all(done[n]["translation"] == good for n in range(1, len(rows), 2))
    empty = [list(ODD)[n // 2] for n, row in sorted(done.items()) if "empty" in row["flags"]]
    assert empty == ["only controls", "blank", "empty"]
    assert all((row["translation"] == "") == ("empty" in row["flags"]) for row in done.values())


@pytest.mark.parametrize(("block", "status"), [("time.sleep(60)", 1), ("pass", 0)])
def test_a_process_that_hangs_ends_itself(block, status) -> None:
    program = (
        "import time\nfrom nmt.translation.quarantine import ending_within\n"
        f"with ending_within(0.2): {block}\n"
        "with ending_within(None): time.sleep(0.4)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == status
    assert ("Timeout (0:00:00.2" in done.stderr) == bool(status)  # and where it hung

"""One hostile row is a rejection with a reason; the others are translated."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from memory import peak
from outputs import first_part
from test_actor import run, work

from nmt.errors import UnusableInput
from nmt.evaluation.files import read_aligned
from nmt.evaluation.sentences import References
from nmt.formats.detection import LINES
from nmt.formats.file_list import list_files
from nmt.inference.translator import Translator
from nmt.inference.unknown_words import read_dictionary
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.worker import translate_unit

MARKS = "e" + "\u0301\u0323" * 5000
UNKNOWN = "\U00010400" * 400_000
HOSTILE = {
    MARKS: "too_many_marks",
    UNKNOWN: "too_many_characters",
    "&#769;" * 500: "too_many_marks",
}


@pytest.fixture(scope="module")
def translator(demo_bundle) -> Translator:
    return Translator(demo_bundle, SearchSettings(max_source_length=60), batch_size=8)


@pytest.mark.parametrize("kind", ["text", "gzip", "parquet"])
def test_hostile_rows_are_rejected_and_others_translated(tmp_path, translator, kind) -> None:
    texts = [text for hostile in HOSTILE for text in ("The dog sleeps.", hostile)]
    file = tmp_path / {"text": "in.txt", "gzip": "in.gz", "parquet": "in.parquet"}[kind]
    lines = "\n".join(texts).encode()
    if kind == "parquet":
        pq.write_table(pa.table({"source": texts}), file)
    else:
        file.write_bytes(gzip.compress(lines) if kind == "gzip" else lines)
    (record,), out = run(file, tmp_path / "out", translator)
    assert record.counts.translated == len(HOSTILE)
    bad = first_part(out, "rejected")
    assert bad.column("id").to_pylist() == [1, 3, 5]
    assert bad.column("reason").to_pylist() == list(HOSTILE.values())
    sources = bad.column("source").to_pylist()
    assert sources == [MARKS, UNKNOWN[:1000], "&#769;" * 500]


def test_what_goes_with_a_row_costs_the_row_its_count_only(tmp_path, translator) -> None:
    digits = f"0-{'1' * 5000}"
    columns = {
        "source": ["The dog sleeps."] * 4,
        "gold": ["0-0", digits, "0-0", "0-0"],
        "reference": ["Der Hund.", "Der Hund.", MARKS, UNKNOWN],
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    options = {"reference_column": "reference", "alignment_column": "gold"}
    (record,), _ = run(tmp_path / "in.parquet", tmp_path / "out", translator, **options)
    assert record.counts.translated == 4
    found = record.alignment
    assert (found.malformed, found.left_out, found.attention.sentences) == (1, 2, 1)


def test_from_python_it_is_one_line(translator) -> None:
    for text, reason in HOSTILE.items():
        words = "combining marks" if reason == "too_many_marks" else "400,000 characters"
        for ask in (
            lambda text=text: translator.translate(["Hello.", text]),
            lambda text=text: translator.score(["Hello.", text], ["Hallo.", "x"]),
            lambda text=text: translator.force(["a", "b"], ["Hallo.", text]),
        ):
            with pytest.raises(UnusableInput, match=words) as caught:
                ask()
            assert len(str(caught.value)) < 200
        assert translator.reference_filter.judge(text)[1] == reason
    (result,) = translator.translate(["x" * 100], max_characters=100)
    assert result.text is not None
    with pytest.raises(UnusableInput, match=r"sentence 0 has 101 characters, more than"):
        translator.translate(["x" * 101], max_characters=100)


def test_a_hostile_reference_is_none(tmp_path) -> None:
    (tmp_path / "r.txt").write_text("\n".join(["eins", *HOSTILE]))
    lines = read_aligned(list_files(str(tmp_path / "r.txt"), LINES), 4)
    assert max(map(len, lines)) < 60_000
    found = [one for line in lines for one in References([lines]).usable([line])]
    assert found == ["eins", None, None, "&#769;" * 500]  # nobody decodes these


def test_a_dictionary_says_which_line_is_hostile(tmp_path) -> None:
    file = tmp_path / "words.tsv"
    for text in (MARKS, UNKNOWN):
        file.write_text(f"dog\tHund\ncat\t{text}\n")
        with pytest.raises(
            UnusableInput, match=r"words.tsv: line 2 is rejected as too_many"
        ) as caught:
            read_dictionary(Location(file))
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("ending", [".txt", ".gz"])
def test_a_line_without_end_needs_no_memory(tmp_path, ending, translator) -> None:
    """Memory is that of a line that may be, whatever the length of one that may not."""
    peaks = []
    for size in (8 << 20, 32 << 20):
        data = b"The dog sleeps.\n" + b"x" * size + b"\nA cat.\n"
        file = tmp_path / f"{size}{ending}"
        file.write_bytes(gzip.compress(data, 1) if ending == ".gz" else data)
        out = Output(Location(tmp_path / f"out {size}"))
        del data

        def night(file: Path = file, out: Output = out) -> None:
            (unit,) = inspect(str(file), "source").units()
            record = translate_unit(unit, work(out.location.uri), translator, out)
            assert record.counts.rejected_by_reason == {"too_many_characters": 1}
            assert record.counts.translated == 2

        peaks.append(min(peak(night), peak(night)))  # without what a process makes once
    print(peaks)
    assert peaks[1] < 1.5 * peaks[0]


def test_what_unpacks_out_of_all_proportion_is_refused(tmp_path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(gzip.compress(b"x" * (100 << 20))))
    assert file.stat().st_size < 5000
    for read in (
        lambda: inspect(str(file), "source"),
        lambda: read_aligned(list_files(str(file), LINES), 1),
        lambda: read_dictionary(Location(file)),
    ):
        with pytest.raises(UnusableInput, match="unpack to more than 67,") as caught:
            read()
        assert "bomb.gz: " in str(caught.value)


def test_references_are_counted_while_they_are_read(tmp_path) -> None:
    """Millions of lines for one row are not gone through."""
    peaks = []
    for count in (2_000_000, 8_000_000):
        file = tmp_path / f"{count}.gz"
        file.write_bytes(gzip.compress(b"\n" * count))

        def read(file: Path = file) -> None:
            with pytest.raises(UnusableInput, match="has more lines but the input has 1 rows"):
                read_aligned(list_files(str(file), LINES), 1)

        peaks.append(peak(read))
    assert peaks[1] < 1.5 * peaks[0]

"""What our writers write is what our readers read, id for id; a broken row is rejected alone."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import PACKERS, put

from nmt.corpus.readers import open_pairs
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location
from nmt.text_limits import decode_text
from nmt.translation.export.formats import format_of
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import Rows, read_unit

ODD = st.sampled_from([*"\"'\\,\t\n\r\0\x0b\x85\ufeff\u2028\ufffd ;|{}", "\r\n", "👩‍🚀", '""'])
TEXTS = st.lists(st.one_of(ODD, st.text(max_size=3)), max_size=6).map("".join)
ROWS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6)
ENOUGH = [("A dog.", "Ein Hund.")] * 40  # lines without control characters: else it is no text
FEW = settings(max_examples=15)
BROKEN = st.sampled_from([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88"])


def read(file: Path, column: str, id_column: str | None = None) -> Rows:
    corpus = inspect(str(file), column, id_column)
    (unit,) = corpus.units()
    return read_unit(unit, corpus.text_column, corpus.id_column)


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv", "text"])
@given(ROWS, st.sampled_from(["", ".gz"]))
@FEW
def test_an_export_is_read_as_it_was_written(tmp_path: Path, name, rows, packing) -> None:
    rows = [*rows, *ENOUGH]
    ids = [f"{number:>3} ü" for number in range(len(rows))]
    columns = dict(zip(("source", "translation"), zip(*rows, strict=True), strict=True))
    table = pa.table({"id": ids, **columns, "reason": pa.nulls(len(rows), pa.string())})
    form = format_of(name, "blank")
    file = form.open(table.schema)
    for start in (0, 3):
        file.add(table.slice(start, 3 if start == 0 else None))
    path = tmp_path / f"part-00000.{form.ending}{packing if name != 'parquet' else ''}"
    data = file.close()
    put(path, data)
    if name == "text":
        texts = [text.decode() for text in read(path, "").texts]
        assert len(texts) == len(rows)
        blank = str.maketrans(dict.fromkeys("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029", " "))
        expected = [text.replace("\r\n", " ").translate(blank) for _, text in rows]
        assert texts == [expected[0].removeprefix("\ufeff"), *expected[1:]]
        return
    for column, texts in columns.items():
        back = read(path, column, "id")
        assert back.ids.to_pylist() == ids
        assert back.texts == [text.encode() for text in texts]
    pairs = [(row.source, row.target) for row in open_pairs_of(path, "source", "translation")]
    assert pairs == [(source.encode(), target.encode()) for source, target in rows]


def open_pairs_of(path: Path, *columns: str):
    reader = open_pairs(Location(path), columns=columns)  # type: ignore[arg-type]
    assert reader.inspect().rows
    return reader.rows()


@pytest.mark.parametrize("kind", ["lines", "parquet"])
@given(st.integers(0, 4), BROKEN, st.sampled_from(list(PACKERS)))
@FEW
def test_a_row_that_is_not_utf8_is_rejected_alone(tmp_path, kind, place, broken, packing) -> None:
    texts = [f"Satz {number}".encode() for number in range(5)]
    texts[place] += broken
    if kind == "lines":
        file = put(tmp_path / f"a.txt{packing}", b"\n".join(texts))
    else:
        file = tmp_path / "a.parquet"
        pq.write_table(pa.table({"source": pa.array(texts, pa.binary())}), file)
    rows = read(file, "source")
    assert rows.ids.to_pylist() == [*range(5)]
    for number, text in enumerate(rows.texts):
        reason = decode_text(text, 1000)[1]
        assert reason == (RejectReason.BROKEN_UTF8 if number == place else None)


@given(ROWS)
@FEW
def test_lines_go_in_as_they_were_written(tmp_path: Path, rows) -> None:
    texts = [text.replace("\n", " ").rstrip("\r") for text, _ in [*ENOUGH, *rows]]
    file = put(tmp_path / "a.txt", "".join(f"{text}\n" for text in texts).encode())
    assert [text.decode() for text in read(file, "").texts] == texts

"""Readers: every row of a file comes out once, under its line; unusable files are named."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.corpus.pair_reader import PairReader, RawRow
from nmt.corpus.readers import LineAligned, list_pairs, open_pairs
from nmt.errors import JobFailed, UnusableInput
from nmt.formats.detection import readable
from nmt.storage.location import Location

TEXT = b"a b\tx\nc\ty\tattribution\nd\te\n"
ROWS = [RawRow(1, b"a b", b"x"), RawRow(2, b"c", b"y"), RawRow(3, b"d", b"e")]


def put(path: Path, data: bytes) -> Location:
    path.write_bytes(data)
    return Location(path)


def archive(path: Path, **members: bytes) -> Location:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return Location(path)


def every_form(folder: Path) -> list[Location]:
    pq.write_table(
        pa.table({"source": ["a b", "c", "d"], "target": ["x", "y", "e"]}),
        folder / "p.parquet",
        row_group_size=2,
    )
    return [
        put(folder / "a.tsv", TEXT),
        put(folder / "a.txt", TEXT),
        put(folder / "crlf.tsv", b"\xef\xbb\xbf" + TEXT.replace(b"\n", b"\r\n")),
        put(folder / "no_end.tsv", TEXT.removesuffix(b"\n")),
        put(folder / "a.tsv.gz", gzip.compress(TEXT)),
        put(folder / "packed_twice.gz", gzip.compress(gzip.compress(TEXT))),
        put(folder / "two_members.gz", gzip.compress(TEXT[:8]) + gzip.compress(TEXT[8:])),
        archive(folder / "a.zip", deu__txt=TEXT, _about__txt=b"one\ttab\nand\nthen\nnone\n"),
        Location(folder / "p.parquet"),
    ]


def test_every_form_yields_the_same_rows(tmp_path: Path) -> None:
    for location in every_form(tmp_path):
        reader = open_pairs(location)
        assert reader.inspect().rows == 3, location
        assert list(reader.rows()) == ROWS, location
        assert list(reader.rows()) == ROWS, f"{location} a second time"


def test_only_newline_separates_lines(tmp_path: Path) -> None:
    odd = "a\u2028b \x85 \x0b \x0c \x1c c\rd"
    source = put(tmp_path / "s", f"{odd}\nsecond\n".encode())
    target = put(tmp_path / "t.gz", gzip.compress(b"\xef\xbb\xbfone\r\ntwo\r\n"))
    reader = LineAligned(source, target)
    assert reader.inspect().rows == 2
    assert list(reader.rows()) == [
        RawRow(1, odd.encode(), b"one"),
        RawRow(2, b"second", b"two"),
    ]


def test_a_missing_column_is_a_row(tmp_path: Path) -> None:
    rows = list(open_pairs(put(tmp_path / "a.tsv", b"a\tb\nalone\n\nc\td")).rows())
    assert rows[1:3] == [RawRow(2, b"alone", None), RawRow(3, b"", None)]
    pq.write_table(pa.table({"source": ["a", None], "target": ["b", "c"]}), tmp_path / "n.parquet")
    rows = list(open_pairs(Location(tmp_path / "n.parquet")).rows())
    assert rows == [RawRow(1, b"a", b"b"), RawRow(2, None, b"c")]


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.string(), pa.large_string(), pa.string_view()),
        *(pa.binary(), pa.large_binary(), pa.binary_view()),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_text_of_any_type_is_read_as_bytes(tmp_path: Path, kind: pa.DataType) -> None:
    plain = pa.array([b"a", b"b\xff", None, b"\xc3\xa4"], pa.binary())
    if pa.types.is_dictionary(kind):
        strings = plain.cast(pa.string(), safe=False).dictionary_encode()
    elif kind in (pa.string_view(), pa.binary_view()):
        strings = plain.cast(pa.binary_view()).view(kind)
    else:
        strings = plain.cast(kind, safe=False)
    pq.write_table(pa.table({"source": strings, "target": strings}), tmp_path / "p.parquet")
    reader = open_pairs(Location(tmp_path / "p.parquet"))
    assert reader.inspect().rows == 4
    assert [row.source for row in reader.rows()] == plain.to_pylist()


def test_other_columns_are_not_looked_at(tmp_path: Path) -> None:
    """Whatever their types, places and names are: the day is one after the year 9999."""
    days = pa.array([10**7, 0, None], pa.int32()).view(pa.date32())
    source, target = ([getattr(row, side) for row in ROWS] for side in ("source", "target"))
    columns = {"day": days, "target": target, "source.2": days, "source": source}
    pq.write_table(pa.table(columns), tmp_path / "p.parquet", row_group_size=2)
    reader = open_pairs(Location(tmp_path / "p.parquet"))
    assert reader.inspect().rows == 3
    assert list(reader.rows()) == ROWS


def unusable(folder: Path) -> dict[str, Location]:
    zipped = archive(folder / "ok.zip", a__txt=TEXT)
    whole = gzip.compress(TEXT * 1000)
    pq.write_table(pa.table({"en": ["a"], "de": ["b"]}), folder / "columns.parquet")
    pq.write_table(pa.table({"source": [1], "target": [2]}), folder / "numbers.parquet")
    (folder / "folder.tsv").mkdir()
    return {
        "no such file": Location(folder / "missing.tsv"),
        "a folder": Location(folder / "folder.tsv"),
        "is empty": put(folder / "empty.tsv", b""),
        "holds no line": put(folder / "empty.tsv.gz", gzip.compress(b"")),
        "a zip archive": put(folder / "zip.txt", Path(zipped.path).read_bytes()),
        "binary data": put(folder / "binary.tsv", bytes(range(256))),
        "UTF-16": put(folder / "utf16.txt", "a\tb\n".encode("utf-16")),
        "plain text": put(folder / "text.gz", TEXT),
        "damaged": put(folder / "cut.tsv.gz", whole[: len(whole) // 2]),
        "no line holds a tab": put(folder / "spaces.tsv", b"a b\nc d\n"),
        "found none": archive(folder / "none.zip", a__txt=b"no\npairs\n", b__csv=TEXT),
        "found 2": archive(folder / "two.zip", a__txt=TEXT, b__tsv=TEXT),
        "no column 'source'": Location(folder / "columns.parquet"),
        "holds int64": Location(folder / "numbers.parquet"),
        "holds plain text": put(folder / "text.parquet", TEXT),
    }


def test_an_unusable_file_is_named_in_one_line(tmp_path: Path) -> None:
    for reason, location in unusable(tmp_path).items():
        with pytest.raises(UnusableInput) as caught:
            open_pairs(location).inspect()
        message = str(caught.value)
        assert reason in message, message
        assert str(location) in message
        assert "\n" not in message


def test_unequal_line_counts_name_both_files(tmp_path: Path) -> None:
    source, target = put(tmp_path / "s", b"1\n2\n3"), put(tmp_path / "t", b"1\n2\n")
    with pytest.raises(UnusableInput, match=r"/s has 3 lines but .*/t has 2"):
        LineAligned(source, target).inspect()


def test_line_aligned_files_are_text(tmp_path: Path) -> None:
    text = put(tmp_path / "s", b"1\n")
    with pytest.raises(UnusableInput, match="zip"):
        LineAligned(text, archive(tmp_path / "t.zip", a__txt=TEXT))


def test_identity_is_of_the_content(tmp_path: Path) -> None:
    def identify(reader: PairReader) -> object:
        return reader.identify()

    first = identify(open_pairs(put(tmp_path / "a.tsv", TEXT)))
    again = identify(open_pairs(put(tmp_path / "a.tsv", TEXT)))
    other = identify(open_pairs(put(tmp_path / "a.tsv", TEXT.replace(b"c", b"C"))))
    assert first == again != other


def test_a_store_that_fails_while_a_file_is_read_is_one_line() -> None:
    with pytest.raises(JobFailed, match=r"^s3://b-b/x: the store failed \(AWS Error SLOW_DOWN\)"):  # noqa: SIM117
        with readable(Location("s3://b-b/x")):
            raise OSError("AWS Error SLOW_DOWN")


def test_one_nul_is_a_bad_row_and_many_are_no_text(tmp_path: Path) -> None:
    rows = list(open_pairs(put(tmp_path / "one.tsv", TEXT * 50 + b"x\0\ty\n")).rows())
    assert rows[-1].source == b"x\0"
    with pytest.raises(UnusableInput, match="binary"):
        open_pairs(put(tmp_path / "many.tsv", b"\0\1\2" * 100))


def test_a_column_given_twice_is_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["b"], ["c"]], names=["source", "target", "source"])
    pq.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(UnusableInput, match="several columns 'source'"):
        open_pairs(Location(tmp_path / "twice.parquet")).inspect()


def test_a_folder_or_a_glob_stands_for_its_files_of_pairs(tmp_path: Path) -> None:
    for name, text in (("b.tsv", "c\td\n"), ("a.tsv", "a\tb\n"), ("c.tsv", ""), ("_d.tsv", "x")):
        (tmp_path / name).write_text(text)
    for name in (tmp_path, tmp_path / "*.tsv"):
        files = list_pairs(Location(name))
        rows = [row for file in files for row in open_pairs(file).rows()]
        assert [(row.source, row.target) for row in rows] == [(b"a", b"b"), (b"c", b"d")]
    assert [file.name for file in list_pairs(Location(tmp_path / "c.tsv"))] == ["c.tsv"]
    (tmp_path / "e").mkdir()
    for name in "xy":
        (tmp_path / "e" / name).touch()
    with pytest.raises(UnusableInput, match="all its files are empty"):
        list_pairs(Location(tmp_path / "e"))

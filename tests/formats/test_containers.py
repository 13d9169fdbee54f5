"""A small file that stands for a large one costs no more than it is, or is refused in one line."""

import io
import struct
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from effort import LINEAR, steps

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.formats.detection import FileKind
from nmt.formats.text_files import open_text
from nmt.storage.location import Location
from nmt.translation.input import parquet_rows
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit
from nmt.vocabulary.lexicon import Lexicon


def allocated(work) -> int:
    """Bytes that Python and Arrow need for a call, beyond what is left of it."""
    pool = pa.system_memory_pool()
    old = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    before = pool.bytes_allocated()
    proxy = pa.proxy_memory_pool(pool)
    pa.set_memory_pool(proxy)
    try:
        work()
        parquet_rows._last = None  # the file that stays open for the next unit
        return tracemalloc.get_traced_memory()[1] + max(proxy.max_memory(), before) - before
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(old)


def repeated(path: Path, rows: int, size: int = 1 << 20, **others: object) -> Path:
    table = pa.table({"source": ["x" * size] * rows, "target": ["y"] * rows, **others})
    pq.write_table(table, path, compression="zstd")
    return path


@pytest.mark.system
def test_a_long_value_that_all_rows_have_needs_memory_once(tmp_path) -> None:
    peaks = []
    for rows in (64, 300):
        file = repeated(tmp_path / f"{rows}.parquet", rows)
        assert file.stat().st_size < 10_000

        def read(file: Path = file, rows: int = rows) -> None:
            corpus = inspect(str(file), "source")
            texts = [
                text for unit in corpus.units() for text in read_unit(unit, "source", None).texts
            ]
            assert len(texts) == rows
            assert all(len(text or b"") == 200_001 for text in texts)
            pairs = list(open_pairs(Location(file)).rows())
            assert len({len(row.source or b"") for row in pairs}) == 1

        peaks.append(allocated(read))
    print(peaks)
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.system
def test_long_values_of_other_columns_have_a_limit(tmp_path) -> None:
    file = tmp_path / "a.parquet"
    table = pa.table({"source": ["a"] * 300, "note": ["x" * (1 << 20)] * 300})
    pq.write_table(table, file, compression="zstd")
    unit = inspect(str(file), "source").units()[0]
    with pytest.raises(
        UnusableInput, match=r"300 rows share or repeat 31\d[0-9,]+ bytes in .*note"
    ):
        read_unit(unit, "source", None)
    with pytest.raises(UnusableInput, match="in column 'note'"):
        inspect(str(file), "source", "note")
    pq.write_table(table.slice(0, 20), file, compression="zstd")
    (unit,) = inspect(str(file), "source").units()
    others = read_unit(unit, "source", None).others
    assert others.column("note").equals(table.column("note").slice(0, 20))
    inside = pa.table({"source": ["a"] * 300, "list": [[{"a": "x" * (1 << 20)}]] * 300})
    pq.write_table(inside, file, compression="zstd")
    unit = inspect(str(file), "source").units()[0]
    with pytest.raises(UnusableInput, match=r"'list' holds texts of 1,048,576"):
        read_unit(unit, "source", None)


@pytest.mark.parametrize(
    "columns",
    [
        {"source": pa.array(["a"] * 3_000_000)},
        {"source": ["a"], "list": pa.array([np.zeros(3_000_000, np.int8)])},
    ],
    ids=["rows", "values"],
)
def test_rows_without_bytes_are_refused(tmp_path, columns) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    with pytest.raises(UnusableInput, match="3,000,000 values of a column, more than 100 a byte"):
        inspect(str(tmp_path / "a.parquet"), "source")


def test_what_unpacks_out_of_all_proportion_is_refused(tmp_path) -> None:
    file = tmp_path / "a.parquet"
    text = "x" * (1 << 20)
    table = pa.table({"source": [text] * 300, "target": ["y"] * 300})
    pq.write_table(table, file, compression="zstd", use_dictionary=False)
    assert file.stat().st_size < 100_000
    for look in (
        lambda: inspect(str(file), "source"),
        lambda: open_pairs(Location(file)).inspect(),
    ):
        with pytest.raises(UnusableInput, match=r"bytes that unpack to 314,\d+,\d+, more than 200"):
            look()
    table = pa.table({"source": ["a"], "blob": pa.array([b"x" * 100_000], pa.binary(100_000))})
    pq.write_table(table, file)
    with pytest.raises(UnusableInput, match="'blob' holds values of 100,000 bytes"):
        inspect(str(file), "source")


def test_files_of_all_kinds_are_read_as_they_are(tmp_path) -> None:
    """Whether there are long values in them or not."""
    from nmt.tables.parquet import read_batches

    texts = ["kurz", None, "lang " * 40_000, "kurz", ""]
    kinds = [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())]
    for kind in kinds:
        for group in (2, 5):
            column = pa.array(texts).cast(kind) if kind != kinds[-1] else pa.array(texts, kind)
            table = pa.table({"source": column, "list": [[text] for text in "abcde"]})
            file = Location(tmp_path / "a.parquet")
            pq.write_table(table, file.path, row_group_size=group)
            with file.open() as handle:
                read = pa.Table.from_batches(read_batches(file, handle))
            assert read.to_pylist() == table.to_pylist()
            (unit,) = inspect(file.path, "source").units()
            rows = read_unit(unit, "source", None)
            assert rows.texts == [text if text is None else text.encode() for text in texts]
            assert rows.others.column("list").to_pylist() == [[text] for text in "abcde"]


def archive(path: Path, members: int) -> Location:
    with zipfile.ZipFile(path, "w") as file:
        for number in range(members):
            file.writestr(f"folder/{number}.txt", "readme\n" if number else "a\tb\n")
    return Location(path)


def test_members_of_an_archive_are_looked_at_once(tmp_path) -> None:
    few, many = (archive(tmp_path / f"{n}.zip", n) for n in (100, 800))
    assert [row.source for row in open_pairs(few).rows()] == [b"a"]
    taken = [steps(partial(open_pairs, file))[0] for file in (few, many)]
    assert taken[1] < LINEAR * taken[0]


def test_an_archive_has_so_many_members_at_most(tmp_path) -> None:
    with pytest.raises(
        UnusableInput, match=r"1,001 \.txt and \.tsv members, more than 1,000 are not"
    ):
        open_pairs(archive(tmp_path / "a.zip", 1001))


@pytest.mark.parametrize(
    ("method", "word"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")]
)
def test_members_that_unpack_without_bound_are_not_read(method, word, tmp_path) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w", method) as packed, packed.open("pairs.tsv", "w") as member:
        for _ in range(32):
            member.write(b"x" * (1 << 20))
    line = rf"a.zip: member 'pairs.tsv' is compressed with {word}, which cannot .* \(zip -9\)"

    def refused(read) -> None:
        with pytest.raises(UnusableInput, match=line):
            read()

    assert allocated(lambda: refused(lambda: open_pairs(Location(file)))) < 10 << 20
    refused(lambda: open_text(Location(file), FileKind("text", "zip", "pairs.tsv")).__enter__())


def test_a_member_with_a_password_is_not_read(tmp_path) -> None:
    location = archive(tmp_path / "a.zip", 1)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UnusableInput, match=r"member 'folder/0\.txt' has a password; unpack it"):
        open_pairs(location)


def declared(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """An array that says it has more than there is."""
    buffer = io.BytesIO()
    header = {"descr": "<i4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + data


def header(text: str) -> bytes:
    """An array that begins with this."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1")


def lexicon(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "members",
    [
        {"candidates": declared((10**6, 50)), "frequent": declared((10**6,))},
        {"candidates": declared((10**15, 50)), "frequent": declared((10**6,))},
        {"candidates": declared((2, 50), bytes(400)), "frequent": declared((2,), bytes(8))},
        {"candidates": declared((4, 50), bytes(800)), "frequent": declared((3,), b"\xff" * 12)},
        {"candidates": declared((4, 50), bytes(799)), "frequent": declared((3,), bytes(12))},
        {"candidates": declared((4, 50), b"\x7f" * 800), "frequent": declared((3,), bytes(12))},
        {"candidates": b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 65535, "frequent": b""},
    ],
    ids=["much", "more", "few", "below", "cut", "above", "no header"],
)
def test_a_lexicon_is_of_the_vocabularies(members) -> None:
    data = lexicon(**members)

    def read() -> None:
        with pytest.raises(UnusableInput, match="the lexicon is damaged"):
            Lexicon.parse(data, 4, 3)

    assert allocated(read) < 10 << 20
    sound = lexicon(candidates=declared((4, 50), bytes(800)), frequent=declared((3,), bytes(12)))
    assert Lexicon.parse(sound, 4, 3).candidates.shape == (4, 50)


OTHERS = "'fortran_order': False, 'shape': (1,)}"


@pytest.mark.parametrize(
    "text",
    [
        *("{'descr': (", '"""abc', "{\0}", "(" * 9000, "-" * 9000, "if 1:\n  a\n b", "9" * 9000),
        *("{1: 2, 'a': 3}", "{[]: 1}", "1+" * 4000 + "1j", "\xff", ""),
        *(
            f"{{'descr': {kind}, {OTHERS}"
            for kind in ("('V', {})", "('<i4', -1)", "{'names': ['a']}", "None", "'O'", "'9i'")
        ),
    ],
    ids=range(18),
)
def test_a_lexicon_whose_header_is_no_header_is_damaged(text) -> None:
    with pytest.raises(UnusableInput, match="the lexicon is damaged"):
        Lexicon.parse(lexicon(candidates=header(text), frequent=header(text)), 4, 3)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_lexicon_that_unpacks_without_bound_is_damaged(method) -> None:
    sound = {"candidates": declared((4, 50), bytes(800)), "frequent": declared((3,), bytes(12))}
    sound["frequent"] += bytes(32 << 20)
    data = lexicon(method, **sound)

    def read() -> None:
        with pytest.raises(UnusableInput, match="the lexicon is damaged"):
            Lexicon.parse(data, 4, 3)

    assert allocated(read) < 10 << 20

"""What a file is, by its name and its content: nothing is taken for text that is none."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from written_rows import PACKERS

from nmt.errors import JobFailed, UnusableInput
from nmt.formats.detection import ENTRIES, LINES, PAIRS, SENTENCES, FileKind, detect
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.text_files import read_lines
from nmt.storage.location import Location

TEXT_FILE = FileKind("text")
TEXT = b"a b\tx\nc\ty\n"


def put(path: Path, data: bytes) -> Location:
    path.write_bytes(data)
    return Location(path)


@pytest.mark.parametrize(
    "data",
    [
        b"A \x01 cat.\n",
        b"\x07",
        b"A cat.\nA \0\x01\x07\x1b dog.\n",
        b"A cat.\n" + b"\0" * 40 + b"\nA dog.\n",  # one row, however bad
        b"\xff\xfe A cat.\nA dog.\n",
        b"\xfe\xff\n",
        b"\xff\xfe A \0cat.\n",
    ],
)
def test_a_bad_row_makes_no_small_file_unusable(tmp_path: Path, data: bytes) -> None:
    assert detect(put(tmp_path / "small.txt", data), LINES) == TEXT_FILE


def arrays(save: Callable[..., None], *values: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, *values)
    return file.getvalue()


PIXEL = (  # of an image of 67 bytes
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes.fromhex(PIXEL), "binary data"),
        (arrays(np.save, np.arange(3)), "binary data"),
        (arrays(np.save, np.linspace(0, 1, 9)), "binary data"),
        (arrays(np.savez, np.arange(3)), "a zip archive"),
        ("Der Hund schläft.\n".encode("utf-16-le"), "binary data"),
        *((bom + text.encode(f"utf-16-{order}"), "UTF-16 text")
          for text in ("a\n", "Hallo", "狗在睡觉。\n" * 3, "Собака спит.\n")
          for bom, order in ((b"\xff\xfe", "le"), (b"\xfe\xff", "be"))),
    ],
)  # fmt: skip
def test_what_is_no_text_is_found_out_however_small(tmp_path: Path, data, said) -> None:
    with pytest.raises(UnusableInput, match=f"holds {said}"):
        detect(put(tmp_path / "small.txt", data), LINES)


COLUMNS = pa.table({"source": ["A dog. " * 2000], "target": ["Ein Hund. " * 2000]})


def parquet(**options: Any) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(COLUMNS, buffer, **options)
    return buffer.getvalue().to_pybytes()


PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n%%EOF\n"


BEGINNINGS = (
    *("PAR1 is the first parish.", "PAR1", "PARIS", "BZh is a code.", "BZh91 is one.", "BZh9"),
    *("%PDF-", "%PDF-1.4 is a format.", "%PDF-1.4", "PK is a name.", "(\xb5/", "7zXZ"),
)


@pytest.mark.parametrize("line", BEGINNINGS)
def test_text_may_begin_as_other_formats_do(tmp_path: Path, line: str) -> None:
    for end in ("\n", "\nmore\n", " and ends with PAR1"):
        data = (line + end).encode()
        location = put(tmp_path / "a.txt", data)
        for accepted in (LINES, SENTENCES, PAIRS, ENTRIES):
            assert detect(location, accepted) == TEXT_FILE
        packed = put(tmp_path / "a.txt.gz", gzip.compress(data))
        assert read_lines(packed, LINES) == data.removesuffix(b"\n").split(b"\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (parquet(), "a Parquet file"),
        (parquet(compression="none", use_dictionary=False), "a Parquet file"),
        (parquet(compression="none", use_dictionary=False)[:-100], "a Parquet file"),
        (PDF, "a PDF document"),
        (PDF.replace(b"\n", b"\r\n"), "a PDF document"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + PDF[9:], "a PDF document"),
    ],
)
def test_a_real_file_of_another_format_is_found_out(tmp_path: Path, data, said) -> None:
    for name, content in (("a", data), ("a.txt", data), ("a.gz", gzip.compress(data))):
        with pytest.raises(UnusableInput, match=said):
            read_lines(put(tmp_path / name, content), LINES)


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst"])
def test_packed_text_is_unpacked_unless_its_name_says_otherwise(tmp_path, ending) -> None:
    data = PACKERS[f".{ending}"](b"a\n")
    for name in ("a", "a.en", f"a.{ending}", f"a.txt.{ending.upper()}"):
        assert read_lines(put(tmp_path / name, data), LINES) == [b"a"]
    for name in ("a.txt", "a.zip", "a.gz", "a.xz"):
        if not name.endswith(ending):
            with pytest.raises(UnusableInput, match=r"named \.\w+ but holds .* data"):
                read_lines(put(tmp_path / name, data), LINES)
    with pytest.raises(UnusableInput, match="the content is a PDF document"):
        read_lines(put(tmp_path / "a.gz", gzip.compress(PDF)), LINES)


@pytest.mark.parametrize("name", ["a.csv", "a.JSONL", "a.ndjson.gz", "a.TMX"])
def test_rows_of_columns_are_no_lines(tmp_path: Path, name: str) -> None:
    location = put(tmp_path / name, gzip.compress(TEXT) if name.endswith("gz") else TEXT)
    for accepted in (PAIRS, SENTENCES):
        assert detect(location, accepted).format in ROW_FORMATS
    with pytest.raises(UnusableInput, match=r"named \.\w+, but .* cannot be read here; give UTF-8"):
        detect(location, LINES)


NAMES = [
    *("a.json", "a.xml", "a.sgm", "a.html", "a.xliff", "a.po", "a.json.bz2", "a.tar.gz"),
    *("a.xlsx", "a.docx", "a.pdf", "a.srt", "a.md", "a.yaml", "a.arrow", "a.XML.GZ"),
]


@pytest.mark.parametrize("name", NAMES)
def test_no_other_format_is_taken_for_text(tmp_path: Path, name: str) -> None:
    data = gzip.compress(TEXT) if name.lower().endswith(".gz") else TEXT
    location = put(tmp_path / name, data)
    for accepted in (LINES, SENTENCES, PAIRS, ENTRIES):
        with pytest.raises(UnusableInput, match="cannot be read here; give UTF-8") as caught:
            detect(location, accepted)
        assert str(location) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_table_holds_pairs_and_no_sentences(tmp_path: Path) -> None:
    for location in (
        put(tmp_path / "a.tsv", TEXT),
        put(tmp_path / "a.tsv.gz", gzip.compress(TEXT)),
    ):
        for accepted in (PAIRS, ENTRIES):
            assert detect(location, accepted).format == "text"
        for accepted in (LINES, SENTENCES):
            with pytest.raises(UnusableInput, match=r"named \.tsv, but a table"):
                detect(location, accepted)


@pytest.mark.parametrize(
    "name", ["a", "json", "a.en", "train.pl", "dev.arb", "news.2026.tr", "a.b.txt", "csv."]
)
def test_other_names_are_those_of_text(tmp_path: Path, name: str) -> None:
    assert detect(put(tmp_path / name, TEXT), SENTENCES) == TEXT_FILE


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file that cannot be read")
def test_a_disk_that_fails_is_one_line() -> None:
    with pytest.raises(JobFailed) as caught:
        detect(Location("/proc/self/mem"), SENTENCES)
    assert str(caught.value) == "/proc/self/mem: cannot be read or written; check the disk"

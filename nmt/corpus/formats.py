"""What a file really is: text, gzip, zip or Parquet, judged by its name and its first bytes.

A name says what the user expects. Where the content is something else, or the name that of a
format that is not read here, the job ends with one line that names the file, before anything is
written: nothing is taken for plain text because its format is unknown.
"""

from __future__ import annotations

import contextlib
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.storage.local_files import check_file
from nmt.storage.location import Location

HEAD = 1 << 16  # bytes by which `sniff` judges

_MAGIC = tuple(
    (re.compile(magic), name)
    for magic, name in (
        (rb"PK(?:\x03\x04|\x05\x06)", "zip"),
        (rb"\x1f\x8b", "gzip"),
        (
            rb"PAR1[\x00-\x08\x0e-\x1f]",
            "parquet",
        ),  # a header in Thrift follows: text may begin PAR1
        (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "bzip2"),
        (rb"\xfd7zXZ\x00", "xz"),
        (rb"\x28\xb5\x2f\xfd", "zstd"),
        (rb"%PDF-\d\.\d[ \t]*(?=[\r\n])(?s:.*?)[\r\n]\d+ \d+ obj\b", "pdf"),
    )
)
WORDS = {
    "text": "plain text",
    "zip": "a zip archive",
    "gzip": "gzip data",
    "parquet": "a Parquet file",
    "bzip2": "bzip2 data",
    "xz": "xz data",
    "zstd": "Zstandard data",
    "pdf": "a PDF document",
    "utf16": "UTF-16 text",
    "binary": "binary data",
    "empty": "empty",
}
_BY_ENDING = {
    **{"gz": "gzip", "zip": "zip", "parquet": "parquet", "txt": "text", "tsv": "text"},
    **{"bz2": "bzip2", "xz": "xz", "zst": "zstd"},
}
# Formats whose lines are no sentences. An ending that may well be the code of a language is none
# of them: .pl is Polish, .arb Arabic.
_OTHERS = {
    ending: words
    for words, endings in {
        "a table": "csv tsv",
        "JSON": "json jsonl ndjson geojson ipynb",
        "a spreadsheet": "xls xlsx xlsm ods",
        "a document": "pdf doc docx odt rtf epub ppt pptx odp tex md markdown rst adoc",
        "XML or HTML": "xml html htm xhtml sgm sgml tmx tbx xlf xliff sdlxliff svg",
        "a catalogue of messages": "po resx",
        "subtitles": "srt vtt",
        "settings": "yaml yml toml ini",
        "data of another kind": "arrow feather orc avro npy npz h5 hdf5 pkl pickle sqlite",
        "an archive": "tar tgz 7z rar",
    }.items()
    for ending in endings.split()
}


class Accepted(NamedTuple):
    """What an option takes.

    Attributes:
        formats: of ``text``, ``gzip``, ``zip``, ``parquet``.
        hint: what to give instead of anything else.
        tables: whether the lines of a .tsv file are what is meant.
    """

    formats: tuple[str, ...]
    hint: str
    tables: bool = False


PAIRS = Accepted(
    ("text", "gzip", "zip", "parquet"),
    "give UTF-8 lines of source<TAB>target (.tsv or .txt, also in .gz or .zip), or .parquet with "
    "columns source and target",
    tables=True,
)
SENTENCES = Accepted(
    ("text", "gzip", "parquet"),
    "give UTF-8 text, one sentence a line (also in .gz), or .parquet; a glob leaves others out",
)
LINES = Accepted(("text", "gzip"), "give UTF-8 text, line-aligned (also in .gz)")
ENTRIES = Accepted(
    ("text", "gzip"), "give UTF-8 lines of source<TAB>target (also in .gz)", tables=True
)


def detect(location: Location, accepted: Accepted) -> str:
    """What the file is: one of the accepted formats.

    Args:
        location: an existing file.
        accepted: what it may be.

    Returns:
        The format, judged by content and confirmed by the name's ending where it has a known one.

    Raises:
        UnusableInput: no such file, a folder, an empty file, another format, or a name that
            promises something else.
    """
    check_file(location)
    ending, inner = _endings(location.name)
    other = _OTHERS.get(inner)
    if other and not (inner == "tsv" and accepted.tables):
        raise UnusableInput(
            f"{location}: named .{inner}, but {other} cannot be read here; {accepted.hint}"
        )
    with location.open() as file:
        kind = sniff(file.read(HEAD))
    if kind == "empty":
        raise UnusableInput(f"{location}: the file is empty; {accepted.hint}")
    if kind != _BY_ENDING.get(ending, kind):
        raise UnusableInput(
            f"{location}: named .{ending} but holds {WORDS[kind]}; give it its "
            f"right name, or {accepted.hint}"
        )
    if kind not in accepted.formats:
        raise UnusableInput(f"{location}: {WORDS[kind]}; {accepted.hint}")
    return kind


def _endings(name: str) -> tuple[str, str]:
    """The ending of a name, and that of what is packed inside, both in lower case."""
    endings = ["", *name.lower().split(".")[1:]]
    packed = endings[-1] in ("gz", "bz2", "xz", "zst")
    return endings[-1], endings[-2] if packed else endings[-1]


_CONTROLS = bytes([*range(9), *range(14, 27)])  # those that no text has, not even as separators
_FEW = 4  # of them do not make a file binary, however small it is


def sniff(head: bytes) -> str:
    """What a file is by its first `HEAD` bytes: a key of `WORDS`."""
    if not head:
        return "empty"
    for magic, name in _MAGIC:
        if magic.match(head):
            return name
    if _is_utf16(head):
        return "utf16"
    return "binary" if _is_binary(head) else "text"


def _is_utf16(head: bytes) -> bool:
    """Whether a byte order mark is followed by what UTF-16 has: NULs in the places of high bytes.

    The mark alone may as well begin a broken row.
    """
    places = {b"\xff\xfe": 1, b"\xfe\xff": 0}
    if head[:2] not in places:
        return False
    high = head[2:][places[head[:2]] :: 2]
    return high.count(0) > max(1, len(high) // 50)  # where each letter has one, line ends do


def _is_binary(head: bytes) -> bool:
    """Whether control characters are all over it: a few, or those of a few rows, are bad rows."""
    if not _has_controls(head, max(len(head) // 100, min(_FEW, -(-len(head) // 2)))):
        return False
    rows = [row for row in head.split(b"\n") if row]
    bad = sum(_has_controls(row) for row in rows)
    return bad > max(1, len(rows) // 20) or 2 * bad > len(rows)


def _has_controls(data: bytes, most: int = 0) -> bool:
    """Whether there are more than so many control characters."""
    return len(data) - len(data.translate(None, _CONTROLS)) > most


_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid)


@contextlib.contextmanager
def readable(location: Location) -> Iterator[None]:
    """Turn the ways in which a damaged file, or its store, fails into one line that names it."""
    with location.explained():
        try:
            yield
        except _DAMAGE as e:
            reason = " ".join(str(e).split())[:120]
            raise UnusableInput(
                f"{location}: damaged or cut off ({reason}); fetch it again"
            ) from None
        except NotImplementedError as e:
            raise UnusableInput(f"{location}: cannot be unpacked ({e})") from None

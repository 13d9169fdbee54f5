"""What a file is, judged by its name and its first bytes: how it is packed, and what it holds.

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

from nmt.errors import JobFailed, UnusableInput
from nmt.formats.packed import PACKINGS, Damaged
from nmt.formats.registry import ROW_FORMATS
from nmt.storage.location import Location, check_file

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
    "parquet": "a Parquet file",
    **{name: packing.words for name, packing in PACKINGS.items()},
    **{name: one.words for name, one in ROW_FORMATS.items()},
    "pdf": "a PDF document",
    "utf16": "UTF-16 text",
    "binary": "binary data",
    "empty": "empty",
}
_PACKED = {packing.ending: name for name, packing in PACKINGS.items()}
# What the first bytes of a file with such an ending are.
_BY_ENDING = {**_PACKED, "zip": "zip", "parquet": "parquet", "txt": "text", "tsv": "text"}
_FORMATS = {ending: name for name, one in ROW_FORMATS.items() for ending in one.endings}
# Formats whose lines are no sentences. An ending that may well be the code of a language is none
# of them: .pl is Polish, .arb Arabic.
_OTHERS = {
    ending: words
    for words, endings in {
        "a table": "tsv",
        "JSON": "json geojson ipynb",
        "a spreadsheet": "xls xlsx xlsm ods",
        "a document": "pdf doc docx odt rtf epub ppt pptx odp tex md markdown rst adoc",
        "XML or HTML": "xml html htm xhtml sgm sgml tbx xlf xliff sdlxliff svg",
        "a catalogue of messages": "po resx",
        "subtitles": "srt vtt",
        "settings": "yaml yml toml ini",
        "data of another kind": "arrow feather orc avro npy npz h5 hdf5 pkl pickle sqlite",
        "an archive": "tar tgz 7z rar",
    }.items()
    for ending in endings.split()
}


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        format: ``text``, ``parquet``, or a key of `nmt.formats.registry.ROW_FORMATS`.
        packing: a key of `nmt.formats.packed.PACKINGS`, ``zip``, or empty.
        member: of a ``zip``, the member that is meant.
        entry: of the archive's directory, where it was parsed: the member is opened by it.
    """

    format: str
    packing: str = ""
    member: str = ""
    entry: zipfile.ZipInfo | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it can only be read from its beginning."""
        return self.format != "parquet" and (self.format != "text" or bool(self.packing))


class Accepted(NamedTuple):
    """What an option takes.

    Attributes:
        formats: see `FileKind`; each but Parquet in any packing.
        hint: what to give instead of anything else.
        tables: whether the lines of a .tsv file are what is meant.
        archives: whether it may be a .zip.
    """

    formats: tuple[str, ...]
    hint: str
    tables: bool = False
    archives: bool = False


_PACKED_TOO = "also in .gz, .bz2, .xz or .zst"
PAIRS = Accepted(
    ("text", "parquet", *ROW_FORMATS),
    f"give UTF-8 lines of source<TAB>target (.tsv or .txt, {_PACKED_TOO} or .zip), .csv or .jsonl "
    "with columns source and target, .tmx, or .parquet",
    tables=True,
    archives=True,
)
SENTENCES = Accepted(
    ("text", "parquet", *ROW_FORMATS),
    f"give UTF-8 text, one sentence a line, .csv, .jsonl or .tmx ({_PACKED_TOO} or .zip), or "
    ".parquet; a glob leaves others out",
    archives=True,
)
LINES = Accepted(("text",), f"give UTF-8 text, line-aligned ({_PACKED_TOO})")
ENTRIES = Accepted(
    ("text", "csv", "jsonl"),
    f"give UTF-8 lines of source<TAB>target, or .csv or .jsonl with such columns ({_PACKED_TOO})",
    tables=True,
)


def detect(location: Location, accepted: Accepted) -> FileKind:
    """What the file is.

    Args:
        location: an existing file.
        accepted: what it may be.

    Returns:
        Packing and format, judged by content and confirmed by the name's ending where it has a
        known one. Only the name tells lines of text from rows of CSV or JSON.

    Raises:
        UnusableInput: no such file, a folder, an empty file, another format, or a name that
            promises something else.
    """
    check_file(location)
    ending, _ = _endings(location.name)
    problem, named = format_of_name(location.name, accepted)
    if problem:
        raise UnusableInput(f"{location}: {problem}; {accepted.hint}")
    with readable(location), location.open() as file:
        content = sniff(file.read(HEAD))
    if content == "empty":
        raise UnusableInput(f"{location}: the file is empty; {accepted.hint}")
    is_own = ending in _FORMATS and content in ROW_FORMATS[named].contents
    expected = "text" if ending in _FORMATS else _BY_ENDING.get(ending, content)
    if content != expected and not is_own:
        raise UnusableInput(
            f"{location}: named .{ending} but holds {WORDS[content]}; give it its "
            f"right name, or {accepted.hint}"
        )
    if content in PACKINGS:
        return FileKind(named, content)
    if content == "zip" and accepted.archives:
        return FileKind("text", "zip")
    if is_own or content in accepted.formats:
        return FileKind(named if is_own or content == "text" else content)
    raise UnusableInput(f"{location}: {WORDS[content]}; {accepted.hint}")


def format_of_name(name: str, accepted: Accepted) -> tuple[str, str]:
    """What a file holds by its name alone, lines of text or rows.

    Returns:
        Why it cannot be that, or nothing; and the format.
    """
    _, inner = _endings(name)
    form = _FORMATS.get(inner, "text")
    other = _OTHERS.get(inner)
    if form not in accepted.formats:
        other = ROW_FORMATS[form].words
    if other and not (inner == "tsv" and accepted.tables):
        remedy = ": save it as .csv with a line of names, or one column as text (cut -f1)"
        what_to_do = remedy if inner == "tsv" and "csv" in accepted.formats else ""
        return f"named .{inner}, but {other} cannot be read here{what_to_do}", form
    return "", form


def is_container(name: str) -> bool:
    """Whether a name is that of a compressed file, an archive, or Parquet."""
    return _BY_ENDING.get(_endings(name)[0], "text") != "text"


def contents_of(kind: FileKind) -> tuple[str, ...]:
    """What the unpacked bytes of a file may be; see `sniff`."""
    return ROW_FORMATS[kind.format].contents if kind.format in ROW_FORMATS else ("text",)


def _endings(name: str) -> tuple[str, str]:
    """The ending of a name, and that of what is packed inside, both in lower case."""
    endings = ["", *name.lower().split(".")[1:]]
    return endings[-1], endings[-2] if endings[-1] in _PACKED else endings[-1]


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


_DAMAGE = (Damaged, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowInvalid)


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
        except MemoryError as e:
            raise JobFailed(
                f"{location}: not enough memory to read it ({e or 'none left'})"
            ) from None

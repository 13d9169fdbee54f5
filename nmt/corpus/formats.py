"""What a file really is: text, gzip, zip or Parquet, judged by its first bytes.

A name only says what the user expects. Where the content is something else, the job ends with
one line that names the file, before anything is written.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage import Location

_CHUNK = 1 << 20
_HEAD = 1 << 16

_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"PAR1", "parquet"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"%PDF-", "pdf"),
)
_WORDS = {
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
_BY_SUFFIX = {".gz": "gzip", ".zip": "zip", ".parquet": "parquet", ".txt": "text", ".tsv": "text"}


def detect(location: Location) -> str:
    """What the file is: ``text``, ``gzip``, ``zip`` or ``parquet``.

    Args:
        location: an existing file.

    Returns:
        The format, judged by content and confirmed by the name's ending where it has a known one.

    Raises:
        UnusableInput: no such file, a folder, an empty file, another format, or a name that
            promises something else.
    """
    info = location.info()
    if info.type == pafs.FileType.NotFound:
        raise UnusableInput(f"{location}: no such file; check the path")
    if info.type == pafs.FileType.Directory:
        raise UnusableInput(f"{location}: a folder; name a file")
    with location.open() as file:
        found = _sniff(file.read(_HEAD))
    if found == "empty":
        raise UnusableInput(f"{location}: the file is empty; give one with sentence pairs")
    suffix = next((end for end in _BY_SUFFIX if location.name.lower().endswith(end)), None)
    expected = _BY_SUFFIX[suffix] if suffix else found
    if found != expected or found not in ("text", "gzip", "zip", "parquet"):
        wanted = f"named {suffix} but holds {_WORDS[found]}" if suffix else f"is {_WORDS[found]}"
        raise UnusableInput(
            f"{location}: {wanted}; give UTF-8 text, .gz, .zip or .parquet under its right name"
        )
    return found


_CONTROLS = bytes([*range(9), *range(14, 27)])  # those that no text has, not even as separators
_FEW = 4  # of them do not make a file binary, however small it is


def _sniff(head: bytes) -> str:
    if not head:
        return "empty"
    for magic, name in _MAGIC:
        if head.startswith(magic):
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


@contextlib.contextmanager
def open_text(location: Location, kind: str, member: str = "") -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked on the way.

    Args:
        location: a file.
        kind: what `detect` said: ``text``, ``gzip``, or ``zip`` with the name of a member.
        member: the member of the archive to read.

    Raises:
        UnusableInput: the archive is damaged, or what it holds is no text.
    """
    with readable(location), contextlib.ExitStack() as stack:
        raw = stack.enter_context(location.open())
        stream: IO[bytes]
        if kind == "gzip":
            packed = stack.enter_context(gzip.GzipFile(mode="rb", fileobj=cast(IO[bytes], raw)))
            stream = cast(IO[bytes], packed)
        elif kind == "zip":
            archive = stack.enter_context(zipfile.ZipFile(cast(IO[bytes], raw)))
            stream = stack.enter_context(archive.open(member))
        else:
            stream = cast(IO[bytes], raw)
        reader = io.BufferedReader(cast(io.RawIOBase, stream), _CHUNK)
        inner = _sniff(reader.peek(_HEAD)[:_HEAD])
        if kind == inner == "gzip":  # some servers pack a .gz once more when it is stored
            unpacked = stack.enter_context(gzip.GzipFile(mode="rb", fileobj=reader))
            reader = io.BufferedReader(cast(io.RawIOBase, unpacked), _CHUNK)
            inner = _sniff(reader.peek(_HEAD)[:_HEAD])
        if inner not in ("text", "empty"):
            inside = f"member {member}" if member else "the content"
            raise UnusableInput(f"{location}: {inside} is {_WORDS[inner]}, not UTF-8 text")
        yield reader


@contextlib.contextmanager
def readable(location: Location) -> Iterator[None]:
    """Turn the ways in which a damaged file, or its store, fails into one line that names it."""
    with location.explained():
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, pa.ArrowInvalid) as e:
            reason = " ".join(str(e).split())[:120]
            raise UnusableInput(
                f"{location}: damaged or cut off ({reason}); fetch it again"
            ) from None
        except (RuntimeError, NotImplementedError) as e:
            if "password" in str(e) or isinstance(e, NotImplementedError):
                raise UnusableInput(f"{location}: cannot be unpacked ({e})") from None
            raise


def count_lines(file: IO[bytes]) -> tuple[int, int, bool]:
    """Count what is left of an open text file, in flat memory.

    Returns:
        The number of lines (only ``\\n`` ends one; a last line needs none), of bytes, and
        whether a tab occurs.
    """
    lines = size = 0
    tab = False
    last = b"\n"
    while chunk := file.read(_CHUNK):
        lines += chunk.count(b"\n")
        size += len(chunk)
        tab = tab or b"\t" in chunk
        last = chunk[-1:]
    return lines + (last != b"\n"), size, tab


def text_members(location: Location) -> list[str]:
    """The .txt and .tsv members of a zip archive, in the archive's order."""
    with (
        readable(location),
        location.open() as raw,
        zipfile.ZipFile(cast(IO[bytes], raw)) as archive,
    ):
        names = archive.namelist()
    return [
        name
        for name in names
        if name.lower().endswith((".txt", ".tsv")) and not name.startswith("__MACOSX/")
    ]

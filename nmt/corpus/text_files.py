"""The one reader of text files: lines as bytes, unpacked on the way.

Only ``\\n`` ends a line, perhaps after ``\\r``. U+2028, U+0085 and the like are text, for
otherwise the lines of aligned files would shift. A byte order mark before the first line is no
part of it.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import io
import zipfile
from collections.abc import Iterator
from typing import IO, cast

from nmt.corpus.formats import HEAD, WORDS, Accepted, detect, readable, sniff
from nmt.errors import UnusableInput
from nmt.storage import Location

_CHUNK = 1 << 20


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
        inner = sniff(reader.peek(HEAD)[:HEAD])
        if kind == inner == "gzip":  # some servers pack a .gz once more when it is stored
            unpacked = stack.enter_context(gzip.GzipFile(mode="rb", fileobj=reader))
            reader = io.BufferedReader(cast(io.RawIOBase, unpacked), _CHUNK)
            inner = sniff(reader.peek(HEAD)[:HEAD])
        if inner not in ("text", "empty"):
            inside = f"member {member}" if member else "the content"
            raise UnusableInput(f"{location}: {inside} is {WORDS[inner]}, not UTF-8 text")
        yield reader


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of an open text file without their ends and without a byte order mark."""
    for number, line in enumerate(file):
        yield bare(line, number)


def bare(line: bytes, number: int) -> bytes:
    """A line as it is read, without its end; the line of number 0 without a byte order mark."""
    if number == 0:
        line = line.removeprefix(codecs.BOM_UTF8)
    return line.removesuffix(b"\n").removesuffix(b"\r")


def read_lines(location: Location, accepted: Accepted) -> list[bytes]:
    """All lines of a file that fits into memory.

    Args:
        location: a text file, perhaps packed.
        accepted: `detect` refuses anything else.
    """
    with open_text(location, detect(location, accepted)) as file:
        return list(lines(file))


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

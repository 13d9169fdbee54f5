"""The one way to open a text file, whatever packs it; see `nmt.formats.rows.whole_lines` for its
lines."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any, cast

from nmt.errors import UnusableInput
from nmt.formats.archives import Archive, open_member
from nmt.formats.detection import (
    HEAD,
    WORDS,
    Accepted,
    FileKind,
    contents_of,
    detect,
    readable,
    sniff,
)
from nmt.formats.packed import PACKINGS, Proportionate
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import LONGEST, lines
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile

_CHUNK = 1 << 20


@contextlib.contextmanager
def open_text(location: Location, kind: FileKind, digest: Any = None) -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked on the way.

    Args:
        location: a file.
        kind: what `detect` said; for ``zip`` with the name of a member.
        digest: of `hashlib`; it gets the bytes of the file, packed as they are, on their way; not
            those of an archive.

    Raises:
        UnusableInput: the archive is damaged, its member is packed otherwise than with deflate
            or has a password, or what it holds is no text.
    """
    with readable(location), contextlib.ExitStack() as stack:
        raw = stack.enter_context(location.open())
        stream = cast(io.RawIOBase, raw if digest is None else _Hashed(raw, digest))
        if kind.packing == "zip":
            archive = stack.enter_context(Archive(raw, location, kind.entry))
            opened = stack.enter_context(open_member(archive, kind.member, location))
            stream = Proportionate(opened, location, raw.size())
        elif kind.packing:
            stream = _unpacked(stream, kind.packing, location, raw.size())
        reader = io.BufferedReader(stream, _CHUNK)
        inner = sniff(reader.peek(HEAD)[:HEAD])
        if kind.packing == inner == "gzip":  # some servers pack a .gz once more when it is stored
            again = _unpacked(cast(io.RawIOBase, reader), inner, location, raw.size())
            reader = io.BufferedReader(again, _CHUNK)
            inner = sniff(reader.peek(HEAD)[:HEAD])
        if inner not in (*contents_of(kind), "empty"):
            inside = f"member {kind.member!r}" if kind.member else "the content"
            raise UnusableInput(f"{location}: {inside} is {WORDS[inner]}, not UTF-8 text")
        yield reader


def _unpacked(stream: io.RawIOBase, packing: str, location: Location, packed: int) -> io.RawIOBase:
    """What comes out of a compressed file, in proportion to the bytes that it has."""
    buffered = cast(IO[bytes], io.BufferedReader(stream, _CHUNK))
    return Proportionate(PACKINGS[packing].unpack(buffered), location, packed)


class _Hashed(io.RawIOBase):
    """A file that is read once from its beginning, and hashed on the way."""

    def __init__(self, stream: Any, digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)
        self._digest.update(buffer[:count])
        return count


def read_lines(
    location: Location, accepted: Accepted, most: int | None = None, longest: int = LONGEST
) -> list[bytes]:
    """The lines of a file that fits into memory.

    Args:
        location: a text file, perhaps compressed.
        accepted: `detect` refuses anything else.
        most: lines that are read; None is all.
        longest: see `whole_lines`.
    """
    return list(islice(each_line(location, accepted, longest), most))


def each_line(location: Location, accepted: Accepted, longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of a file, one after the other; see `read_lines`."""
    location = PinnedFile(location)
    with open_text(location, detect(location, accepted)) as file:
        yield from lines(file, longest)


def each_entry(
    location: Location, accepted: Accepted, columns: Sequence[str]
) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1; of rows with columns these, joined by tabs.

    Args:
        location: the file.
        accepted: see `read_lines`.
        columns: that each row must have.

    Raises:
        UnusableInput: a row that cannot be read, or without these columns.
    """
    location = PinnedFile(location)
    kind = detect(location, accepted)
    with open_text(location, kind) as file:
        if kind.format not in ROW_FORMATS:
            yield from enumerate(lines(file), 1)
            return
        for row in ROW_FORMATS[kind.format].rows(file, location):
            cells = [row.values.get(column) for column in columns]
            if row.unreadable is not None or not all(isinstance(cell, str) for cell in cells):
                wanted = " and ".join(columns)
                raise UnusableInput(
                    f"{location}: the row of line {row.line} cannot be read, or has no text in "
                    f"{wanted}; mend it"
                )
            yield row.line, "\t".join(map(str, cells)).encode()

"""The one reader of text files: lines as bytes, unpacked on the way.

Only ``\\n`` ends a line, perhaps after ``\\r``. U+2028, U+0085 and the like are text, for
otherwise the lines of aligned files would shift. A byte order mark before the first line is no
part of it.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import IO, Any, cast

from nmt.corpus.formats import HEAD, WORDS, Accepted, detect, readable, sniff
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.text_limits import MOST_CHARACTERS, most_bytes

_CHUNK = 1 << 20
_PIECE = 1 << 14  # bytes that zlib gets at once; it copies what it leaves of them
_GZIP = 16 + zlib.MAX_WBITS  # see `zlib.decompressobj`
_END = 3  # bytes: those of a line end, and one by which a line is too long
LONGEST = most_bytes(MOST_CHARACTERS)  # bytes of a line
_MOST_MEMBERS, _SNIFFED_LINES = 1000, 1000
_MOST_UNPACKED = 64 << 20  # bytes that may come out of any archive, however small
_SHOWN = 80  # characters of a member's name
_ENCRYPTED = 0x1  # see APPNOTE.TXT of zip, 4.4.4 and 4.4.5
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}
_RATIO = 200  # bytes that may come out of each byte of a larger one; text yields 3 to 20


@contextlib.contextmanager
def open_text(
    location: Location, kind: str, member: str = "", digest: Any = None
) -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked on the way.

    Args:
        location: a file.
        kind: what `detect` said: ``text``, ``gzip``, or ``zip`` with the name of a member.
        member: the member of the archive to read.
        digest: of `hashlib`; it gets the bytes of the file, packed as they are, on their way.

    Raises:
        UnusableInput: the archive is damaged, its member is packed otherwise than with deflate
            or has a password, or what it holds is no text.
    """
    with readable(location), contextlib.ExitStack() as stack:
        raw = stack.enter_context(location.open())
        source = cast(io.RawIOBase, raw if digest is None else _Hashed(raw, digest))
        stream: IO[bytes]
        if kind == "gzip":
            packed = io.BufferedReader(source, _CHUNK)
            stream = cast(IO[bytes], _Gunzip(packed))
        elif kind == "zip":
            archive = stack.enter_context(zipfile.ZipFile(cast(IO[bytes], raw)))
            stream = stack.enter_context(_open_member(archive, member, location))
        else:
            stream = cast(IO[bytes], source)
        if kind != "text":
            stream = cast(IO[bytes], _Unpacked(stream, location, raw.size()))
        reader = io.BufferedReader(cast(io.RawIOBase, stream), _CHUNK)
        inner = sniff(reader.peek(HEAD)[:HEAD])
        if kind == inner == "gzip":  # some servers pack a .gz once more when it is stored
            unpacked = _Unpacked(cast(IO[bytes], _Gunzip(reader)), location, raw.size())
            reader = io.BufferedReader(cast(io.RawIOBase, unpacked), _CHUNK)
            inner = sniff(reader.peek(HEAD)[:HEAD])
        if inner not in ("text", "empty"):
            inside = f"member {member}" if member else "the content"
            raise UnusableInput(f"{location}: {inside} is {WORDS[inner]}, not UTF-8 text")
        yield reader


def _open_member(archive: zipfile.ZipFile, name: str, location: Location) -> IO[bytes]:
    """A member of an archive, if it can be read a piece at a time.

    Only deflate takes a limit to what comes out: `zipfile` unpacks all that a piece of bzip2 or
    LZMA holds at once.
    """
    info = archive.getinfo(name)
    shown = repr(name[:_SHOWN])
    if info.flag_bits & _ENCRYPTED:
        raise UnusableInput(f"{location}: member {shown} has a password; unpack it")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
        raise UnusableInput(
            f"{location}: member {shown} is compressed with {method}, which cannot be read within "
            "limits; pack it with deflate (zip -9) or unpack it"
        )
    return archive.open(info)


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


class _Gunzip(io.RawIOBase):
    """What the members of a gzip file hold, one after the other.

    `gzip.GzipFile` takes a step of Python per byte of a header, and per zero between members.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._packed = stream, b""
        self._member: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            self._packed = self._packed or self._stream.read(_PIECE)
            if not self._packed:
                if self._member:
                    raise EOFError("the file ends within its compressed data")
                return 0
            if not self._member:
                self._packed = self._packed.lstrip(b"\0")
                if not self._packed:
                    continue
                self._member = zlib.decompressobj(_GZIP)
            data = self._member.decompress(self._packed, len(buffer))
            self._packed = self._member.unconsumed_tail or self._member.unused_data
            if self._member.eof:
                self._member = None
        buffer[: len(data)] = data
        return len(data)


class _Unpacked(io.RawIOBase):
    """What comes out of an archive, as long as it is not out of all proportion."""

    def __init__(self, stream: IO[bytes], location: Location, packed: int) -> None:
        self._stream, self._location, self._packed = stream, location, packed
        self._count, self._most = 0, max(_MOST_UNPACKED, _RATIO * packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._count += count
        if self._count > self._most:
            raise UnusableInput(
                f"{self._location}: {self._packed:,} bytes that unpack to more than "
                f"{self._most:,}, more than {_RATIO} times as many; unpack it and give "
                "the text itself if it is meant to be so"
            )
        return count


def lines(file: IO[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of an open text file without their ends and without a byte order mark.

    Args:
        file: see `open_text`.
        longest: see `whole_lines`.
    """
    for number, line in enumerate(whole_lines(file, longest)):
        yield bare(line, number)


def whole_lines(file: IO[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of an open text file with their ends.

    Args:
        file: see `open_text`.
        longest: bytes of a line that are read; of a longer one the rest is passed over, so that
            it needs no memory. What is left is still longer than it may be.
    """
    room = longest + _END
    for line in iter(partial(file.readline, room), b""):
        if len(line) == room and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
                pass
        yield line


def bare(line: bytes, number: int) -> bytes:
    """A line as it is read, without its end; the line of number 0 without a byte order mark."""
    if number == 0:
        line = line.removeprefix(codecs.BOM_UTF8)
    return line.removesuffix(b"\n").removesuffix(b"\r")


def read_lines(
    location: Location, accepted: Accepted, most: int | None = None, longest: int = LONGEST
) -> list[bytes]:
    """The lines of a file that fits into memory.

    Args:
        location: a text file, perhaps packed.
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


def sniff_members(location: Location) -> Iterator[tuple[str, list[bytes]]]:
    """The .txt and .tsv members of a zip archive, in the archive's order, and the first lines of
    each.

    Raises:
        UnusableInput: no archive, one of more than 1,000 such members, or one of a member that
            `open_text` does not read.
    """
    with (
        readable(location),
        location.open() as raw,
        zipfile.ZipFile(cast(IO[bytes], raw)) as archive,
    ):
        names = [
            name
            for name in archive.namelist()
            if name.lower().endswith((".txt", ".tsv")) and not name.startswith("__MACOSX/")
        ]
        if len(names) > _MOST_MEMBERS:
            raise UnusableInput(
                f"{location}: {len(names):,} .txt and .tsv members, more than {_MOST_MEMBERS:,} "
                "are not looked into; unpack the archive and name the file"
            )
        for name in names:
            with _open_member(archive, name, location) as member:
                head = member.read(HEAD)
            yield name, head.splitlines()[:_SNIFFED_LINES]

"""What compressed streams hold, a piece at a time, and never out of proportion.

No step gives more bytes than it was asked for, however much a few packed ones stand for.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, NamedTuple

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.storage.location import Location

_PIECE = 1 << 14  # bytes that zlib gets at once; it copies what it leaves of them
_GZIP = 16 + zlib.MAX_WBITS  # see `zlib.decompressobj`
_CUT_OFF = "the file ends within its compressed data"
_XZ_MEMORY = 256 << 20  # bytes; xz -9 needs 65 MiB
_MOST_UNPACKED = 64 << 20  # bytes that may come out of any archive, however small
_RATIO = 200  # bytes that may come out of each byte of a larger one; text yields 3 to 20


class Damaged(Exception):
    """A compressed stream that cannot be unpacked; see `nmt.formats.detection.readable`."""


class Packing(NamedTuple):
    """A way to compress a file.

    Attributes:
        ending: of the file's name.
        words: what such a file is called.
        unpack: makes the unpacked stream from the packed one.
    """

    ending: str
    words: str
    unpack: Callable[[IO[bytes]], io.RawIOBase]


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
                    raise EOFError(_CUT_OFF)
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


_Decompressor = bz2.BZ2Decompressor | lzma.LZMADecompressor


class _Members(io.RawIOBase):
    """The same of a .bz2 or .xz file, whose decompressors keep what they have not used.

    Args:
        stream: the packed bytes.
        begin: makes the decompressor of a member.
    """

    def __init__(self, stream: IO[bytes], begin: Callable[[], _Decompressor]) -> None:
        self._stream, self._begin, self._packed = stream, begin, b""
        self._member: _Decompressor | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            if self._member is None or self._member.needs_input:
                self._packed = self._packed or self._stream.read(_PIECE)
                if self._member is None:
                    if not self._packed:
                        return 0
                    self._packed = self._packed.lstrip(b"\0")  # xz fills up with them
                    if not self._packed:
                        continue
                    self._member = self._begin()
                elif not self._packed:
                    raise EOFError(_CUT_OFF)
            data = self._unpack(self._member, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _unpack(self, member: _Decompressor, most: int) -> bytes:
        packed, self._packed = self._packed, b""
        try:
            data = member.decompress(packed, most)
        except lzma.LZMAError as error:
            if "emory" in str(error):
                raise NotImplementedError(
                    f"it needs more than {_XZ_MEMORY >> 20} MiB of memory; pack it with xz -9 or "
                    "less"
                ) from None
            raise
        except (OSError, ValueError) as error:  # as of a store, they have no number
            raise Damaged(str(error)) from None
        if member.eof:
            self._packed, self._member = member.unused_data, None
        return data


class _Zstandard(io.RawIOBase):
    """What the frames of a .zst file hold; pyarrow unpacks them, with windows up to 128 MiB."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._packed = _Remembered(stream)
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._packed, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (OSError, pa.ArrowException) as error:
            if self._packed.failed:
                raise
            if "too much memory" in str(error):
                raise NotImplementedError(
                    "it needs more than 128 MiB of memory; pack it without --long"
                ) from None
            raise Damaged(str(error)) from None
        buffer[: len(data)] = data
        return len(data)


class _Remembered(io.RawIOBase):
    """A stream that remembers whether it failed itself."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.failed = stream, False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except BaseException:
            self.failed = True
            raise


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


PACKINGS = {
    "gzip": Packing("gz", "gzip data", _Gunzip),
    "bzip2": Packing("bz2", "bzip2 data", lambda stream: _Members(stream, bz2.BZ2Decompressor)),
    "xz": Packing("xz", "xz data", lambda stream: _Members(stream, _xz)),
    "zstd": Packing("zst", "Zstandard data", _Zstandard),
}


def most_unpacked(packed: int) -> int:
    """Bytes that may come out of an archive of so many bytes."""
    return max(_MOST_UNPACKED, _RATIO * packed)


class Proportionate(io.RawIOBase):
    """What comes out of an archive, as long as it is not out of all proportion.

    Args:
        stream: what comes out.
        location: the archive.
        packed: its bytes.
    """

    def __init__(self, stream: io.RawIOBase | IO[bytes], location: Location, packed: int) -> None:
        self._stream, self._location, self._packed = stream, location, packed
        self._count, self._most = 0, most_unpacked(packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)  # type: ignore[union-attr]
        self._count += count
        if self._count > self._most:
            raise UnusableInput(
                f"{self._location}: {self._packed:,} bytes that unpack to more than "
                f"{self._most:,}, more than {_RATIO} times as many; unpack it and give "
                "the text itself if it is meant to be so"
            )
        return count

"""Lines of an open text file, as bytes.

Only ``\n`` ends a line, perhaps after ``\r``. U+2028, U+0085 and the like are text, for
otherwise the lines of aligned files would shift. A byte order mark before the first line is no
part of it.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from functools import partial
from typing import IO

from nmt.text_limits import MOST_CHARACTERS, most_bytes

_CHUNK = 1 << 20
_END = 3  # bytes: those of a line end, and one by which a line is too long
LONGEST = most_bytes(MOST_CHARACTERS)  # bytes of a line


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


def count_lines(file: IO[bytes]) -> tuple[int, int, bool]:
    """Count what is left of an open text file, in flat memory.

    Returns:
        The number of lines (only ``\n`` ends one; a last line needs none), of bytes, and
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

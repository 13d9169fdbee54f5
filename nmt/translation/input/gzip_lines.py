"""Lines of a large .gz file, a run at a time.

Gzip can only be unpacked from its start. So the file stays open where it was left, and a process
that asks for one run after another unpacks it once.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice

from nmt.corpus.formats import readable
from nmt.corpus.text_files import open_text, whole_lines
from nmt.storage.recorded import PinnedFile

_last: _Reader | None = None


def read_lines(file: PinnedFile, start: int, rows: int, longest: int) -> list[bytes]:
    """Consecutive lines of a .gz file, with their ends.

    Args:
        file: where it lies.
        start: number of the first line, counted from 0.
        rows: how many.
        longest: see `nmt.corpus.text_files.whole_lines`.
    """
    global _last
    reader, _last = _last, None  # one that fails is not used again
    identity = (file, file.state, longest)
    if reader is None or reader.identity != identity or reader.position > start:
        reader = _Reader(file, identity, longest)
    lines = reader.read(start, rows)
    _last = reader
    return lines


class _Reader:
    def __init__(self, file: PinnedFile, identity: tuple[object, ...], longest: int) -> None:
        self.identity, self.position = identity, 0
        self._location, self._stack = file, ExitStack()
        stream = self._stack.enter_context(open_text(self._location, "gzip"))
        self._lines = whole_lines(stream, longest)

    def read(self, start: int, rows: int) -> list[bytes]:
        with readable(self._location):
            for _ in islice(self._lines, start - self.position):
                pass
            lines = list(islice(self._lines, rows))
        self.position = start + len(lines)
        return lines

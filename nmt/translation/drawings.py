"""The drawings of an output: heatmaps, and where the words of rows on the page looked."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial

from nmt import records
from nmt.errors import UnusableInput
from nmt.evaluation.heatmaps import MOST_HEATMAP_BYTES, with_headings
from nmt.printable import FewLines
from nmt.records.report import RowAttention
from nmt.storage.location import Location, json_bytes

log = logging.getLogger(__name__)

# In the name of a file: none of them means anything to a file system or a shell.
_UNSAFE = re.compile(r"[^\w.-]+")
_MOST_WORDS = 16 << 20  # bytes of a file of words
_LONGEST_NAME = 40  # characters of it, at most 160 bytes
NAMES = r"(?:row-\d+[^/]*\.png|words-\d+\.json)"


class Drawings:
    """The folder of the drawings.

    Args:
        folder: where they lie.
        prefix: what stands before the names of this generation.
        store: stores a file.
    """

    def __init__(
        self, folder: Location, prefix: str, store: Callable[[Location, bytes], None]
    ) -> None:
        self._folder, self._prefix, self._store = folder, prefix, store

    def write_heatmap(self, row: int, name: str, image: bytes) -> None:
        """Store a row's heatmap; what people call the row stands in the file's name, too."""
        called = "" if name == str(row) else _UNSAFE.sub("_", name)[:_LONGEST_NAME].strip("._-")
        file = f"{self._prefix}row-{row:09d}{called and '-'}{called}.png"
        self._store(self._folder / file, image)

    def heatmaps(self) -> list[tuple[str, bytes]]:
        """The heatmaps with headings, in the order of the rows."""
        files = self._drawn(".png")
        return with_headings((f, partial(f.read_bytes, MOST_HEATMAP_BYTES)) for f in files)

    def _drawn(self, suffix: str) -> list[Location]:
        """Our own files among the heatmaps."""
        own = re.compile(self._prefix + NAMES)
        return [file for file in self._folder.files(suffix) if own.fullmatch(file.name)]

    def write_attention(self, unit: int, rows: list[RowAttention]) -> None:
        """Store where the words of some rows of a unit looked."""
        self._store(self._folder / f"{self._prefix}words-{unit:05d}.json", json_bytes(rows))

    def attention(self) -> dict[int, RowAttention]:
        """Where the words of rows looked, by row number."""
        rows: list[RowAttention] = []
        warnings = FewLines(log.warning)
        for file in self._drawn(".json"):
            try:
                rows += records.read_list(file, RowAttention, _MOST_WORDS)
            except UnusableInput as error:
                problem = str(error).partition("; ")[0]
                line = f"{problem}; left out of the report"
                warnings.add(line, line.removeprefix(str(file)))
        warnings.end()
        return {entry.row: entry for entry in rows}

"""What a job with a cache keeps in OUT until it ends.

OUT/_scratch/known-00000.parquet    what is known of the sentences of a unit
OUT/_scratch/decoded-00000.parquet  the keys of those that the unit has decoded itself
OUT/_scratch/lost-00000.parquet     the keys of those that cannot be translated, and why
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from nmt.storage.location import Location

_SCRATCH = re.compile(r"[\w-]+\.(?:parquet|json|attempts)")


class Scratch:
    """The folder of these files.

    Args:
        folder: where they lie.
        prefix: what stands before the number of a unit in the names of this generation.
        guard: raises if this job may no longer write here.
    """

    def __init__(self, folder: Location, prefix: str, guard: Callable[[], None]) -> None:
        self._folder, self._prefix, self._guard = folder, prefix, guard

    def file(self, kind: str, unit: int) -> Location:
        """The file of one kind of a unit."""
        return self._folder / f"{kind}-{self._prefix}{unit:05d}.parquet"

    def files(self, kind: str) -> dict[int, Location]:
        """The files of one kind, by unit."""
        pattern = re.compile(rf"{kind}-{self._prefix}(\d+)\.parquet")
        matches = ((pattern.fullmatch(file.name), file) for file in self._folder.files(".parquet"))
        return {int(match[1]): file for match, file in matches if match}

    def write(self, kind: str, unit: int, table: pa.Table) -> None:
        """Store a file.

        Raises:
            JobFailed: this job may no longer write here.
        """
        self._guard()
        self.file(kind, unit).write_table(table)

    def clear(self, kind: str = "") -> None:
        """Remove the files of one kind, or all."""
        self._folder.delete_own(re.compile(rf"{kind}-[\w-]+\.parquet") if kind else _SCRATCH)

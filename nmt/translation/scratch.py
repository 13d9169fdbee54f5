"""What a job with a cache keeps in OUT until it ends.

OUT/_scratch/known-00000.parquet    what is known of the sentences of a unit
OUT/_scratch/decoded-00000.parquet  the keys of those that the unit has decoded itself
OUT/_scratch/lost-00000.parquet     the keys of those that cannot be translated, and why
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.reject_reasons import are_reasons
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

    def _file(self, kind: str, unit: int) -> Location:
        return self._folder / f"{kind}-{self._prefix}{unit:05d}.parquet"

    def write(self, kind: str, unit: int, table: pa.Table) -> None:
        """Store a file of a unit.

        Raises:
            JobFailed: this job may no longer write here.
        """
        self._guard()
        self._file(kind, unit).write_table(table)

    def read(self, kind: str, unit: int, schema: pa.Schema) -> pa.Table:
        """Read a file of a unit.

        Raises:
            UnusableInput: it is missing or damaged.
        """
        file = self._file(kind, unit)
        table = read_table(file)
        is_sound = table.schema.equals(schema)
        if is_sound and "reason" in schema.names:
            reasons = {*table.column("reason").to_pylist()}
            is_sound = are_reasons(reasons - {None} if kind == "known" else reasons)
        if not is_sound:
            raise UnusableInput(f"{file}: damaged; run the same command again")
        return table

    def units(self, kind: str) -> list[int]:
        """The numbers of the units with a file of this kind."""
        pattern = re.compile(rf"{kind}-{self._prefix}(\d+)\.parquet")
        matches = (pattern.fullmatch(file.name) for file in self._folder.files(".parquet"))
        return [int(match[1]) for match in matches if match]

    def clear(self, kind: str = "") -> None:
        """Remove the files of one kind, or all, at the end of the job."""
        if kind:
            self._guard()
        self._folder.delete_own(re.compile(rf"{kind}-[\w-]+\.parquet") if kind else _SCRATCH)

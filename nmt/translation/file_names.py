"""The names of the files of one generation of an output; and whether a unit's record is sound.

A unit's files have fixed names, so a record that is damaged costs no more than doing its unit once
more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nmt.records.output import UnitRecord
from nmt.translation import drawings
from nmt.translation.input.units import Unit

_OURS = re.compile(
    r"(?:part-)?(?:g(?P<generation>\d{1,9})-)?"
    rf"(?:\d+\.(?:parquet|json|attempts|(?:jsonl|csv|txt)(?:\.gz)?)|{drawings.NAMES})"
)


@dataclass(frozen=True)
class FileNames:
    """How a generation of an output names its files.

    Attributes:
        generation: from 1; each has names of its own.
    """

    generation: int

    @property
    def prefix(self) -> str:
        """What stands before the number of a unit."""
        return f"g{self.generation}-" if self.generation > 1 else ""

    def part(self, name: str) -> str:
        """The name of a unit's file, given that of the first generation."""
        return name.replace("/part-", f"/part-{self.prefix}")

    def of_unit(self, number: int, suffix: str) -> str:
        """The name of what is kept of a unit in ``_units/``."""
        return f"{self.prefix}{number:05d}{suffix}"

    def is_record(self, name: str) -> bool:
        """Whether a file in ``_units/`` is the record of a unit."""
        return re.fullmatch(rf"{self.prefix}\d+\.json", name) is not None

    def is_older(self, name: str) -> bool:
        """Whether a file is one of ours, of a generation before."""
        generation = _generation(name)
        return generation is not None and generation < self.generation

    def is_current(self, name: str) -> bool:
        """Whether a file is one of ours, of this generation."""
        return _generation(name) == self.generation


def _generation(name: str) -> int | None:
    """The generation that a file is of; None for one that is not ours."""
    match = _OURS.fullmatch(name)
    return None if match is None else int(match["generation"] or 1)


def misfit(record: UnitRecord, unit: Unit, prefix: str) -> str | None:
    """What in a record does not fit its unit; None if all does.

    Args:
        record: what was read.
        unit: which rows.
        prefix: what stands before the number of a unit in the names of its files.
    """
    counts, rejected = record.counts, record.rejected_rows
    rows = range(unit.first, unit.first + unit.rows)
    for key, value, expected in (
        ("unit", record.unit, unit.number),
        ("first", record.first, unit.first),
        ("input", record.input, unit.identity),
        ("counts.rows", counts.rows, unit.rows),
        ("counts.translated", counts.translated, unit.rows - counts.rejected),
        ("rejected_rows", len(rejected), counts.rejected),
    ):
        if value != expected:
            return f"{key}: {value}, not {expected}"
    if sorted(set(rejected)) != rejected or any(row not in rows for row in rejected):
        return "rejected_rows: are no rows of the unit"
    if any(suspect.row not in rows for suspect in record.suspicious):
        return "suspicious: names no row of the unit"
    part = unit.part.replace("part-", f"part-{prefix}")
    sizes = {
        f"translations/{part}": counts.translated,
        f"rejected/{part}": counts.rejected,
        f"alignments/{part}": counts.translated,
    }
    needed = {f"translations/{part}"} | ({f"rejected/{part}"} if rejected else set())
    if missing := sorted(needed - set(record.files)):
        return f"files: names no {missing[0]}"
    for name, entry in record.files.items():
        if entry.rows != sizes.get(name):
            return f"files: {name[:80]} is none of the unit's"
    return None

"""Whether a stored record is that of a unit: only then the unit need not be translated again.

A unit's files have fixed names, so a record that is damaged costs no more than doing its unit once
more.
"""

from __future__ import annotations

from nmt.records.output import UnitRecord
from nmt.translation.input.units import Unit


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

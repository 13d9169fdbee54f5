"""Whether a stored record is that of a unit: only then the unit need not be translated again.

A unit's files have fixed names, so a record that is damaged costs no more than doing its unit once
more.
"""

from __future__ import annotations

from typing import Any

from nmt.translation.input.corpus import Unit

_COUNTED = {"translations": "translated", "rejected": "rejected", "alignments": "translated"}


def misfit(record: dict[str, Any], unit: Unit, prefix: str) -> str | None:
    """What in a record does not fit its unit; None if all does.

    Args:
        record: as `nmt.records.UnitRecord` has it.
        unit: which rows.
        prefix: what stands before the number of a unit in the names of its files.
    """
    counts, files, rejected = record["counts"], record["files"], record["rejected_rows"]
    rows = range(unit.first, unit.first + unit.rows)
    for key, value, expected in (
        ("unit", record["unit"], unit.number),
        ("first", record["first"], unit.first),
        ("counts.rows", counts["rows"], unit.rows),
        ("counts.translated", counts["translated"], unit.rows - counts["rejected"]),
        ("rejected_rows", len(rejected), counts["rejected"]),
    ):
        if value != expected:
            return f"{key}: {value}, not {expected}"
    if sorted(set(rejected)) != rejected or any(row not in rows for row in rejected):
        return "rejected_rows: are no rows of the unit"
    if any(suspect["row"] not in rows for suspect in record.get("suspicious", [])):
        return "suspicious: names no row of the unit"
    part = unit.part.replace("part-", f"part-{prefix}")
    names = {f"{folder}/{part}": counts[count] for folder, count in _COUNTED.items()}
    needed = {f"translations/{part}"} | ({f"rejected/{part}"} if rejected else set())
    if missing := sorted(needed - set(files)):
        return f"files: names no {missing[0]}"
    for name, entry in files.items():
        if entry["rows"] != names.get(name):
            return f"files: {name[:80]} is none of the unit's"
    return None

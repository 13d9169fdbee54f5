"""The files of one unit of an output, each read once: hashes, columns, values and ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import ChangedFile, UnusableInput
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.records import TableEntry
from nmt.records.output import JobSettings
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.tables.parquet import read_whole
from nmt.tables.values import is_scalar, json_values, written
from nmt.translation.unique_ids import stored_keys
from nmt.translation.verify import part
from nmt.translation.verify.order import is_elsewhere


@dataclass(frozen=True)
class UnitFiles:
    """Files of one name in several folders.

    Attributes:
        entries: what was recorded of each, by its name below OUT.
        bounds: the first id that they may hold, and the one after the last; None where ids are
            not the numbers of rows.
        rejected: the numbers of the rejected texts, where the record of the unit is there.
    """

    entries: Mapping[str, TableEntry]
    bounds: tuple[int, int] | None = None
    rejected: tuple[int, ...] | None = None


@dataclass
class FileFindings:
    """What was seen in a file.

    Attributes:
        name: below OUT.
        rows: how many it has; 0 where it cannot be read.
        problems: what is wrong, one line each.
        columns: its id, and those that come from the input; None for alignments.
        keys: of its ids, see `nmt.translation.unique_ids.stored_keys`; None where it has none.
    """

    name: str
    rows: int = 0
    problems: list[str] = field(default_factory=list)
    columns: pa.Schema | None = None
    keys: np.ndarray | None = None


def look_through(location: Location, settings: JobSettings, unit: UnitFiles) -> list[FileFindings]:
    """What is in the files of a unit.

    Args:
        location: the OUT folder.
        settings: of the job.
        unit: its files.
    """
    findings = {name: FileFindings(name) for name in sorted(unit.entries, reverse=True)}
    ids: dict[str, pa.ChunkedArray] = {}
    for name, seen in findings.items():
        table = _read(location, name, unit.entries[name], seen.problems)
        if table is None:
            continue
        folder, seen.rows = name.partition("/")[0], table.num_rows
        seen.problems += part.problems(folder, table, settings)
        column = table.column("id") if "id" in table.column_names else None
        if column is not None and is_scalar(column.type):
            ids[name] = column
        if folder == "alignments":
            continue
        seen.columns = part.input_columns(folder, table)
        lost = unit.rejected if folder == "rejected" and name in ids else None
        if lost is not None and is_elsewhere(table, settings, np.array(lost, np.int64)):
            seen.problems.append("its rows are not the rejected ones of its unit's record")
        if name in ids and not ids[name].null_count:
            if (known := identities(table, settings)) is not None:
                seen.keys = stored_keys(known)
            seen.problems += _outside(ids[name], unit.bounds)
    for name, seen in findings.items():
        folder, _, file = name.partition("/")
        if folder == "alignments" and f"translations/{file}" not in findings:
            seen.problems.append("belongs to no translations")
        if folder == "translations" and settings.alignments:
            aligned = findings.get(f"alignments/{file}")
            if aligned is None:
                seen.problems.append("has no alignments, which the job was asked for")
            elif _differ(ids.get(name), ids.get(aligned.name)):
                aligned.problems.append(f"its ids are not those of {name}")
    return [*findings.values()]


def _differ(one: pa.ChunkedArray | None, other: pa.ChunkedArray | None) -> bool:
    return not (one is None or other is None or written(one).equals(written(other)))


def _outside(ids: pa.ChunkedArray, bounds: tuple[int, int] | None) -> Iterator[str]:
    """Whether ids are outside of those of their unit."""
    if bounds is None or not len(ids):
        return
    if not pa.types.is_integer(ids.type):
        yield f"ids are {ids.type}, but its unit has {bounds[0]} to {bounds[1] - 1}"
        return
    low, high = pc.min(ids).as_py(), pc.max(ids).as_py()
    if low < bounds[0] or high >= bounds[1]:
        yield f"ids {low} to {high}, but its unit has {bounds[0]} to {bounds[1] - 1}"


def _read(location: Location, name: str, entry: TableEntry, problems: list[str]) -> pa.Table | None:
    """A file, if it is the one that was written; adds what is wrong with it."""
    try:
        file = location.named(name)
    except UnusableInput as error:
        problems.append(f"cannot be one of its files ({error})")
        return None
    try:
        data = read_recorded(file, entry)
    except ChangedFile as error:
        problems.append(str(error).removeprefix(f"{file}: "))
        return None
    except UnusableInput:
        problems.append("is missing")
        return None
    try:
        table = read_whole(file, pa.BufferReader(data))
    except (pa.ArrowException, OSError, UnicodeDecodeError, UnusableInput) as error:
        problem = " ".join(str(error).removeprefix(f"{file}: ").split())[:120]
        problems.append(f"no Parquet file ({problem})")
        return None
    if table.num_rows != entry.rows:
        problems.append(f"has {table.num_rows:,} rows, not the {entry.rows:,} that were written")
    return table


def ids_of(location: Location, settings: JobSettings, name: str) -> pa.ChunkedArray | None:
    """The `identities` of a file again; None where they cannot be read any more."""
    names = ["id", *([TEXT_COLUMN] if settings.text_columns else [])]
    try:
        file = location.named(name)
        with file.open() as handle:
            table = read_whole(file, handle, names)
            return identities(table, settings) if is_scalar(table.column("id").type) else None
    except (UnusableInput, pa.ArrowException, OSError, KeyError, UnicodeDecodeError):
        return None


def identities(table: pa.Table, settings: JobSettings) -> pa.ChunkedArray | None:
    """What no other row of an output has: the id and, of several text columns, which it is; None
    where a file does not say so."""
    ids = table.column("id")
    if not settings.text_columns:
        return ids
    if part.text_column_problems(table, settings):
        return None
    columns = table.column(TEXT_COLUMN).to_pylist()
    pairs = zip(json_values(ids), columns, strict=True)
    return pa.chunked_array([pa.array([f"{one} ({column})" for one, column in pairs], pa.string())])

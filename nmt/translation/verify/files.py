"""The tables of an output, checked one at a time: hashes, columns, values and ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from nmt import records
from nmt.errors import ChangedFile, UnusableInput
from nmt.printable import FewLines
from nmt.records import TableEntry
from nmt.records.output import JobSettings
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.tables.parquet import read_whole
from nmt.tables.values import is_scalar, written
from nmt.translation.output import FOLDERS
from nmt.translation.unique_ids import OutputIds
from nmt.translation.verify import part

R = TypeVar("R", bound=records.Record)
_PART = re.compile(r"part-(?:g\d+-)?(\d{1,15})\.parquet")
_FEWEST_MISSING = 10_000  # ids that are named as missing, besides as many as there are


@dataclass
class Verification:
    """What was found out about an output.

    Attributes:
        count: of the violations.
        violations: one line each, of a kind the first 20, then how many more there are.
        notes: what is worth knowing and no violation.
        rows: rows of the input that are in the checked parts.
        damaged: numbers of the units in whose files there are violations.
    """

    count: int = 0
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    damaged: set[int] = field(default_factory=set)


class Check:
    """Collects the violations of an output."""

    def __init__(self, location: Location, show: Callable[[str], None]) -> None:
        self.location, self._show = location, show
        self.result = Verification()
        self._violations, self._notes = FewLines(self._tell), FewLines(self.result.notes.append)

    def _tell(self, line: str) -> None:
        self.result.violations.append(line)
        self._show(line)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The bytes of each file that lies where parts do, by its name."""
        sizes: dict[str, int] = {}
        for folder in FOLDERS:
            try:
                for file, info in (self.location / folder).listed():
                    sizes[f"{folder}/{file.name}"] = info.size or 0
            except UnusableInput as error:
                self.complain(str(error).removeprefix(f"{self.location}/"))
        return sizes

    def complain(self, line: str, kind: str = "") -> None:
        """Add a violation.

        Args:
            line: says what it is.
            kind: see `FewLines.add`.
        """
        self.result.count += 1
        self._violations.add(line, kind)

    def note(self, line: str, kind: str = "") -> None:
        """Add what is worth knowing."""
        self._notes.add(line, kind)

    def end(self) -> Verification:
        """What was found out, with the numbers of lines that were left out."""
        self._violations.end()
        self._notes.end()
        return self.result

    def part(self, name: str, problem: str) -> None:
        """Complain about a file of the output."""
        self.complain(f"{name}: {problem}", problem)
        if match := _PART.search(name):
            self.result.damaged.add(int(match.group(1)))

    def json(self, file: Location, kind: type[R]) -> R | None:
        """A record of the output; None, with a complaint, if it cannot be read."""
        name = "/".join(file.parts_below(self.location))
        if not file.is_file():
            self.part(name, "is missing")
            return None
        try:
            return records.read(file, kind)
        except UnusableInput as error:
            self.part(name, str(error).removeprefix(f"{file}: "))
            return None


def check_parts(
    check: Check,
    files: Mapping[str, TableEntry],
    settings: JobSettings,
    rows: int | None = None,
    bounds: dict[str, tuple[int, int]] | None = None,
) -> dict[str, int]:
    """Check files, and that each id stands in one of them; returns the rows of each folder.

    Args:
        files: their entries in the manifest or in records.
        settings: of the job.
        rows: of the whole input, where its ids are their numbers, and all of them should be here.
        bounds: the first id that a file may hold, and the one after the last.
    """
    rows_of = dict.fromkeys(FOLDERS, 0)
    others: pa.Schema | None = None
    # Files can be named with any number of rows: one that is there holds no more rows than bytes,
    # and not every missing id is listed.
    room = sum(
        min(entry.rows, check.sizes.get(name, 0))
        for name, entry in files.items()
        if not name.startswith("alignments/")
    )
    room = room if rows is None else min(rows, room + _FEWEST_MISSING)
    with OutputIds(room, rows is not None) as identities:
        for name in sorted(files):
            folder = name.partition("/")[0]
            if folder not in FOLDERS:
                check.part(name, "no name of a part")
                continue
            table = _read_part(check, name, files[name])
            if table is None:
                continue
            rows_of[folder] += table.num_rows
            for problem in part.problems(folder, table, settings):
                check.part(name, problem)
            if folder != "alignments":
                more = part.input_columns(folder, table)
                others = others if others is not None else more
                if differing := part.difference(more, others):
                    check.part(name, f"other columns than in other parts ({differing})")
                ids = table.column("id") if "id" in table.column_names else None
                if ids is not None and is_scalar(ids.type) and not ids.null_count:
                    identities.add(name, ids)
                    if outside := _outside(ids, (bounds or {}).get(name)):
                        check.part(name, outside)
            elif name.replace("alignments/", "translations/") not in files:
                check.part(name, "belongs to no translations")
        if settings.alignments:
            for name in files:
                if name.startswith("translations/"):
                    _check_aligned(check, name, name.replace("translations/", "alignments/"), files)
        for problem in identities.violations(lambda name: _ids_of(check.location, name)):
            check.complain(problem)
    check.result.rows += rows_of["translations"] + rows_of["rejected"]
    return rows_of


def _outside(ids: pa.ChunkedArray, bounds: tuple[int, int] | None) -> str | None:
    """Whether ids are outside of those of their unit."""
    if bounds is None or not len(ids):
        return None
    if not pa.types.is_integer(ids.type):
        return f"ids are {ids.type}, but its unit has {bounds[0]} to {bounds[1] - 1}"
    low, high = pc.min(ids).as_py(), pc.max(ids).as_py()
    if bounds[0] <= low and high < bounds[1]:
        return None
    return f"ids {low} to {high}, but its unit has {bounds[0]} to {bounds[1] - 1}"


def _read_part(check: Check, name: str, entry: TableEntry) -> pa.Table | None:
    """A file, if it is the one that was written."""
    try:
        file = check.location.named(name)
    except UnusableInput as error:
        check.part(name, f"cannot be one of its files ({error})")
        return None
    try:
        data = read_recorded(file, entry)
    except ChangedFile as error:
        check.part(name, str(error).removeprefix(f"{file}: "))
        return None
    except UnusableInput:
        check.part(name, "is missing")
        return None
    try:
        table = read_whole(file, pa.BufferReader(data))
    except (pa.ArrowException, OSError, UnicodeDecodeError, UnusableInput) as error:
        check.part(name, f"no Parquet file ({' '.join(str(error).split())[:120]})")
        return None
    if table.num_rows != entry.rows:
        check.part(name, f"has {table.num_rows:,} rows, not the {entry.rows:,} that were written")
    return table


def _check_aligned(check: Check, name: str, aligned: str, files: Mapping[str, TableEntry]) -> None:
    """Check that the alignments are those of the translations, row by row."""
    if aligned not in files:
        check.part(name, "has no alignments, which the job was asked for")
        return
    here, there = _ids_of(check.location, name), _ids_of(check.location, aligned)
    if here is not None and there is not None and not written(here).equals(written(there)):
        check.part(aligned, f"its ids are not those of {name}")


def _ids_of(location: Location, name: str) -> pa.ChunkedArray | None:
    """The ids of a part; None where they cannot be read, of which there is a complaint already."""
    try:
        file = location.named(name)
        with file.open() as handle:
            ids = read_whole(file, handle, ["id"]).column("id")
    except (UnusableInput, pa.ArrowException, OSError, KeyError, UnicodeDecodeError):
        return None
    return ids if is_scalar(ids.type) else None

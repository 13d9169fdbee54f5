"""The violations of an output: of its units' files, and of all of them together."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from typing import Any, TypeVar

import pyarrow as pa

from nmt import records
from nmt.errors import UnusableInput
from nmt.printable import FewLines
from nmt.records import TableEntry
from nmt.records.output import JobSettings
from nmt.storage.location import Location
from nmt.translation.output import EXPORT, FOLDERS
from nmt.translation.unique_ids import OutputIds
from nmt.translation.verify import part
from nmt.translation.verify.unit_files import FileFindings, UnitFiles, ids_of, look_through

T = TypeVar("T")
# Does a function for each of many units, and gives the results in any order.
Spread = Callable[
    [Callable[[UnitFiles], list[FileFindings]], Iterable[UnitFiles]], Iterable[list[FileFindings]]
]
R = TypeVar("R", bound=records.Record)
# A file of a unit, and the unit's number.
_PART = re.compile(r"(?:part-|_units/)(?:g\d+-)?(\d{1,15})\.(?:parquet|json)")
_THREADS = 4
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
        strays: how many of the violations are files that are not named, or cannot be.
        finished: whether there is a _SUCCESS.
        forgotten: numbers of the units of the manifest without a record: their job does them
            again, once the output is not finished.
    """

    count: int = 0
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    damaged: set[int] = field(default_factory=set)
    strays: int = 0
    finished: bool = False
    forgotten: set[int] = field(default_factory=set)


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
        for folder in (*FOLDERS, EXPORT):
            try:
                entries = (self.location / folder).listed(folder == EXPORT, self._foreign)
            except UnusableInput as error:
                self._foreign(str(error))
                continue
            for file, info in entries:
                sizes["/".join(file.parts_below(self.location))] = info.size or 0
        return sizes

    def _foreign(self, problem: str) -> None:
        """Complain about what no job put where parts lie, and none would replace."""
        self.result.strays += 1
        self.complain(problem.removeprefix(f"{self.location}/"), "foreign")

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

    def stray(self, name: str, whole: bool) -> None:
        """Complain about a file that is not named, where readers of the folder find it.

        Args:
            name: of the file.
            whole: whether the output is finished, and its manifest says what is named.
        """
        if not whole or any(part[0] in "._" for part in name.split("/")):
            self.note(f"{name}: is not named, so it does not count", "stray")
            return
        self.result.strays += 1
        self.complain(f"{name}: is not named in manifest.json, but whoever reads the folder reads "
                      "it, too; move it away", "stray")  # fmt: skip

    def forget(self, files: Iterable[str], records: Iterable[Location]) -> None:
        """Note the units of these files of a manifest that have none of these records."""
        units, recorded = (
            {int(match[1]) for name in names if (match := _PART.search(name))}
            for names in (files, (f"_units/{file.name}" for file in records))
        )
        self.result.forgotten = units - recorded

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


def in_threads(function: Callable[[T], Any], items: Iterable[T]) -> Iterator[Any]:
    """The results of a function in order, a few at a time, in threads of this process."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def check_parts(
    check: Check,
    files: Mapping[str, TableEntry],
    settings: JobSettings,
    rows: int | None = None,
    bounds: Mapping[str, tuple[int, int]] | None = None,
    spread: Spread = in_threads,
    rejected: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, int]:
    """Check files, and that each id stands in one of them; returns the rows of each folder.

    Args:
        files: their entries in the manifest or in records.
        settings: of the job.
        rows: of the whole input, where its ids are their numbers, and all of them should be here.
        bounds: the first id that a file may hold, and the one after the last.
        spread: does a function for each of many items, and gives the results in any order.
        rejected: the numbers of the rejected texts of the unit that a file belongs to.
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
    look = partial(look_through, check.location, settings)
    with OutputIds(room, rows is not None) as identities:
        for seen in chain.from_iterable(
            spread(look, _units(check, files, bounds or {}, rejected or {}))
        ):
            for problem in seen.problems:
                check.part(seen.name, problem)
            rows_of[seen.name.partition("/")[0]] += seen.rows
            if seen.columns is not None:
                others = others if others is not None else seen.columns
                if differing := part.difference(seen.columns, others):
                    check.part(seen.name, f"other columns than in other parts ({differing})")
            if seen.keys is not None:
                identities.add(seen.name, seen.keys)
        for problem in identities.violations(partial(ids_of, check.location, settings)):
            check.complain(problem)
    check.result.rows += rows_of["translations"] + rows_of["rejected"]
    return rows_of


def _units(
    check: Check,
    files: Mapping[str, TableEntry],
    bounds: Mapping[str, tuple[int, int]],
    rejected: Mapping[str, tuple[int, ...]],
) -> list[UnitFiles]:
    """The files of each unit; what is no name of a part is a violation."""
    units: dict[str, dict[str, TableEntry]] = {}
    for name in sorted(files):
        folder, _, file = name.partition("/")
        if folder in FOLDERS:
            units.setdefault(file, {})[name] = files[name]
        else:
            check.part(name, "no name of a part")
    return [
        UnitFiles(entries, bounds.get(min(entries)), rejected.get(min(entries)))
        for entries in units.values()
    ]

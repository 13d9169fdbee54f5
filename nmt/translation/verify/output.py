"""Check an output again, from what is stored alone: `jobs/verify.py`, and the end of every job.

Nothing is believed that can be looked up: files are hashed, their rows counted, columns, ids,
scores and flags read. One part is in memory at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nmt import records
from nmt.configuration import changed
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.storage.recorded import ChangedFile, check_recorded, read_recorded
from nmt.tables.parquet import read_whole
from nmt.tables.values import is_scalar, written
from nmt.translation.output import FOLDERS, Output
from nmt.translation.unique_ids import OutputIds
from nmt.translation.verify import part

_TOLD = 10_000  # ids that lack
_PART = re.compile(r"part-(?:g\d+-)?(\d+)\.parquet")


@dataclass
class Verified:
    """What was found out about an output.

    Attributes:
        violations: one line each.
        notes: what is worth knowing and no violation.
        rows: rows of the input that are in the checked parts.
        damaged: numbers of the units in whose files there are violations.
    """

    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    damaged: set[int] = field(default_factory=set)


def verify(location: Location, say: Callable[[str], None] = lambda _: None) -> Verified:
    """Check a finished or an unfinished output.

    Args:
        location: the OUT folder.
        say: is told of each violation at once.

    Raises:
        UnusableInput: no output of a translation.
    """
    marker, manifest_file = location / "_job.json", location / "manifest.json"
    if location.is_file() or not (marker.is_file() or manifest_file.is_file()):
        raise UnusableInput(f"{location}: no output of jobs/translate.py; check --output")
    check = _Check(location, say)
    job = check.json(marker, records.BegunJob) if marker.is_file() else None
    if job is None and not marker.is_file():
        check.complain("_job.json is gone; the job cannot be continued")
    finished = (location / "_SUCCESS").is_file()
    manifest = check.json(manifest_file, records.Manifest) if manifest_file.is_file() else None
    named: set[str] = set()
    if finished:
        _check_end(check, job, manifest, manifest_file.is_file())
    if manifest is not None:
        named |= set(manifest.get("files", {}))
        check_manifest(check, manifest)
    if not finished and job is not None:
        if manifest is not None:
            check.note("the manifest is there, but not _SUCCESS: the job ended before its end, "
                       "or another one is about to take its place")  # fmt: skip
        named |= _check_units(check, job, set(named))
    _note_strays(check, named)
    return check.result


def verify_manifest(location: Location, manifest: dict[str, Any]) -> Verified:
    """Check the files of a manifest that is still to be written."""
    check = _Check(location, lambda _: None)
    check_manifest(check, manifest)
    return check.result


class _Check:
    """Violations on their way to the result."""

    def __init__(self, location: Location, say: Callable[[str], None]) -> None:
        self.location, self._say = location, say
        self.result = Verified()

    def complain(self, line: str) -> None:
        self.result.violations.append(line)
        self._say(line)

    def note(self, line: str) -> None:
        self.result.notes.append(line)

    def part(self, name: str, problem: str) -> None:
        """Complain about a file of a unit."""
        self.complain(f"{name}: {problem}")
        if match := _PART.search(name):
            self.result.damaged.add(int(match.group(1)))

    def json(
        self, file: Location, kind: type[records.Record] = records.Record
    ) -> dict[str, Any] | None:
        name = "/".join(file.parts_below(self.location))
        if not file.is_file():
            self.complain(f"{name}: is missing")
            return None
        try:
            return records.read(file, kind)
        except UnusableInput as error:
            self.complain(str(error).replace(str(file), name))
            return None


def _check_end(
    check: _Check,
    job: dict[str, Any] | None,
    manifest: dict[str, Any] | None,
    there: bool,
) -> None:
    """Check what a finished output must have besides its parts."""
    if (check.location / "_SUCCESS").info().size:
        check.complain("_SUCCESS: is not empty")
    if not there:
        check.complain("manifest.json: is missing, but _SUCCESS is there")
    if not (check.location / "report" / "index.html").is_file():
        check.complain("report/index.html: is missing")
    report = check.json(check.location / "report" / "report.json")
    if manifest is None:
        return
    if job is not None and (differences := changed(job, {k: manifest.get(k) for k in job})):
        check.complain(f"manifest.json: is that of another job than _job.json ({differences[0]})")
    status = manifest.get("exit_status")
    if status not in (0, 3):
        check.complain(f"manifest.json: the exit status of a finished job is 0 or 3, not {status}")
    if report is not None and report.get("counts") != manifest.get("counts"):
        check.complain("report/report.json: its counts are not those of the manifest")


def check_manifest(check: _Check, manifest: dict[str, Any]) -> None:
    """Check that the files of a manifest are there, and are what it says."""
    try:
        files: dict[str, dict[str, Any]] = manifest["files"]
        counts, settings = manifest["counts"], manifest["settings"]
        rows = sum(entry["rows"] for entry in manifest["input_files"])
        numbers = [counts[name] for name in ("rows", "translated", "rejected")]
        numbered = settings["id_column"] is None
        limit, status = settings["max_rejected"], manifest["exit_status"]
    except (KeyError, TypeError) as error:
        check.complain(f"manifest.json: has no {error}")
        return
    if numbers[0] != rows:
        check.complain(f"manifest.json: {numbers[0]:,} rows, but the input had {rows:,}")
    if numbers[1] + numbers[2] != numbers[0]:
        check.complain(
            f"manifest.json: {numbers[0]:,} rows are not {numbers[1]:,} translated and "
            f"{numbers[2]:,} rejected"
        )
    if rows and numbers[2] / rows > limit and status == 0:
        check.complain(
            f"manifest.json: {numbers[2]:,} rows rejected are more than --max-rejected {limit}, "
            "but the exit status is 0"
        )
    _check_others(check, manifest.get("others") or {})
    # Of other counts there is a complaint already; not all the ids that lack are told as well.
    known = sum(e["rows"] for n, e in files.items() if not n.startswith("alignments/"))
    most = min(rows, known + _TOLD)
    found = _check_parts(check, files, settings, most if numbered else None)
    for folder, name, count in zip(FOLDERS, ("translated", "rejected"), numbers[1:], strict=False):
        if found[folder] != count:
            check.complain(
                f"{folder}/: {found[folder]:,} rows, but the manifest has {count:,} {name}"
            )


def _check_others(check: _Check, others: dict[str, dict[str, Any]]) -> None:
    """Check records of units and files of the report; they may be gone, but not be others."""
    for name, entry in others.items():
        try:
            file = check.location.named(name)
            if file.is_file():
                file.read(partial(check_recorded, file, entry=entry, remedy=""))
        except ChangedFile as error:
            check.complain(str(error).removeprefix(f"{check.location}/"))
        except UnusableInput as error:
            check.complain(f"{name}: cannot be one of its files ({error})")


def _check_units(check: _Check, job: dict[str, Any], known: set[str]) -> set[str]:
    """Check the committed units of an unfinished output; returns their files' names.

    Args:
        known: names that were checked already.
    """
    output = Output(check.location, job.get("generation", 1))
    numbered = job["settings"]["id_column"] is None
    numbers: list[int] = []
    files: dict[str, dict[str, Any]] = {}
    bounds: dict[str, tuple[int, int]] = {}
    for file in output.record_files():
        record = check.json(file, records.UnitRecord)
        if record is None:
            continue
        numbers.append(record["unit"])
        files |= record["files"]
        counts = record["counts"]
        for folder, name in (("translations", "translated"), ("rejected", "rejected")):
            entries = [e for n, e in record["files"].items() if n.startswith(f"{folder}/")]
            if sum(entry["rows"] for entry in entries) != counts[name]:
                check.complain(f"unit {record['unit']}: its {folder} are not {counts[name]} rows")
        if counts["translated"] + counts["rejected"] != counts["rows"]:
            check.complain(f"unit {record['unit']}: rows in are not translations and rejected")
        if numbered:
            stop = record["first"] + counts["rows"]
            bounds |= dict.fromkeys(record["files"], (record["first"], stop))
    check.note(f"not finished; {len(numbers)} units are committed: {_runs(sorted(numbers))}")
    fresh = {name: entry for name, entry in files.items() if name not in known}
    _check_parts(check, fresh, job["settings"], bounds=bounds)
    return set(files)


def _check_parts(
    check: _Check,
    files: dict[str, dict[str, Any]],
    settings: dict[str, Any],
    rows: int | None = None,
    bounds: dict[str, tuple[int, int]] | None = None,
) -> dict[str, int]:
    """Check files, and that each id stands in one of them; returns the rows of each folder.

    Args:
        files: their entries in the manifest or in records.
        settings: of the job.
        rows: of the whole input, where its ids are their numbers, and all of them are here.
        bounds: the first id that a file may hold, and the one after the last.
    """
    found = dict.fromkeys(FOLDERS, 0)
    others: pa.Schema | None = None
    total = sum(e["rows"] for n, e in files.items() if not n.startswith("alignments/"))
    with OutputIds(total if rows is None else rows, rows is not None) as identities:
        for name in sorted(files):
            folder = name.partition("/")[0]
            if folder not in FOLDERS:
                check.complain(f"{name}: no name of a part")
                continue
            table = _read_part(check, name, files[name])
            if table is None:
                continue
            found[folder] += table.num_rows
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
        if settings.get("alignments"):
            for name in files:
                if name.startswith("translations/"):
                    _check_aligned(check, name, name.replace("translations/", "alignments/"), files)
        for problem in identities.violations(lambda name: _ids_of(check.location, name)):
            check.complain(problem)
    check.result.rows += found["translations"] + found["rejected"]
    return found


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


def _read_part(check: _Check, name: str, entry: dict[str, Any]) -> pa.Table | None:
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
    if table.num_rows != entry["rows"]:
        check.part(
            name, f"has {table.num_rows:,} rows, not the {entry['rows']:,} that were written"
        )
    return table


def _check_aligned(
    check: _Check, name: str, aligned: str, files: dict[str, dict[str, Any]]
) -> None:
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


def _note_strays(check: _Check, named: set[str]) -> None:
    for folder in FOLDERS:
        for file in (check.location / folder).files():
            if (name := f"{folder}/{file.name}") not in named:
                check.note(f"{name}: is not named, so it does not count")


def _runs(numbers: list[int]) -> str:
    """Ascending numbers as text: 0-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs) or "none"

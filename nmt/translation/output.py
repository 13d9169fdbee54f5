"""OUT: where translations lie, and what makes a job on it resumable.

    _lease.json         which job may write here now
    _job.json           what this output is for: model, inputs, settings
    _units/00000.json   the record of a committed unit, written after its files
    _scratch/           of a job with a cache, until it has ended
    manifest.json       names the files that count
    _SUCCESS            written last

A unit's files have fixed names and are stored whole; its record comes after them. So a unit
without a record is simply translated again, to the same files. What is stored is final
(`nmt.storage.final`): a job that was stopped and wakes after another has taken over replaces
nothing of it.

A job that overwrites another's output is its next generation and has names of its own
(``part-g2-00000.parquet``), so that the old manifest's files stay as they are until the new
manifest takes their place; only then are they deleted. Stopped at any point, the same command
goes on there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa

from nmt import records
from nmt.changes import Change, describe_changes
from nmt.errors import UnusableInput
from nmt.evaluation.outputs import is_whole
from nmt.printable import FewLines
from nmt.records import FileEntry, file_entry, table_entry
from nmt.records.output import (
    LAST_GENERATION,
    AnyJob,
    JobRecord,
    Manifest,
    UnitRecord,
)
from nmt.storage import lease
from nmt.storage.final import remove_final, store_final
from nmt.storage.location import Location, json_bytes, parquet_bytes
from nmt.translation.drawings import Drawings
from nmt.translation.file_names import FileNames, misfit
from nmt.translation.input.units import Unit
from nmt.translation.job_changes import NAMES, job_changes
from nmt.translation.scratch import Scratch

log = logging.getLogger(__name__)

FOLDERS = ("translations", "rejected", "alignments")
EXPORT = "export"
_AT_ONCE = 16  # files that are read together


def _parquet(table: pa.Table, mark: str) -> bytes:
    return parquet_bytes(table, mark=mark)


class Output:
    """An OUT folder.

    Args:
        location: the folder.
        generation: of its files; `begin` sets it.
        guard: called before each change; raises if this job may no longer write here.
    """

    def __init__(
        self,
        location: Location,
        generation: int = 1,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self.location, self.generation, self.guard = location, generation, guard

    def runtime(self) -> str | None:
        """What decodes for the job of this folder; None if nothing was begun here."""
        if not self._marker.is_file():
            return None
        runtime = self._job().settings.search.runtime
        return None if runtime == "auto" else runtime

    def finished(self, job: JobRecord) -> Manifest | None:
        """The manifest if this very job is finished, else None. Writes nothing.

        Args:
            job: everything that decides about the contents.
        """
        differences = self._differences(job)
        if differences is None or not is_whole(self.location):
            return None
        if differences and not self._differences(self._without_late_files(job)):
            differences = []
        return None if differences else self._manifest()

    def stored_manifest(self) -> Manifest | None:
        """The manifest, where this output says that it is whole and the manifest can be read."""
        if not is_whole(self.location):
            return None
        try:
            return self._manifest()
        except UnusableInput:  # perhaps why it is done again
            return None

    def _without_late_files(self, job: JobRecord) -> JobRecord:
        """The job without the inputs that were added while it ran, which its verdict knows of."""
        manifest = self.stored_manifest()
        late = set(manifest.added_files) if manifest else set()
        inputs = {name: digest for name, digest in job.inputs.items() if name not in late}
        return job.model_copy(update={"inputs": inputs})

    def _manifest(self) -> Manifest:
        return records.read(self.location / "manifest.json", Manifest)

    def begin(self, job: JobRecord, overwrite: bool) -> Manifest | None:
        """Claim the folder for a job, or recognise the job as begun or finished.

        Args:
            job: everything that decides about the contents.
            overwrite: take the place of a job with other settings.

        Returns:
            The manifest if this very job is finished, else None.

        Raises:
            UnusableInput: the folder holds something else, or was begun with other settings.
        """
        if manifest := self.finished(job):
            return manifest
        self.check(job, overwrite)
        begun = self._marker.is_file()
        self.generation = self._job().generation if begun else 0
        if not begun or self._differences(job):
            if self.generation >= LAST_GENERATION:
                raise UnusableInput(
                    f"{self._marker}: is of generation {self.generation:,}, after which there is "
                    "none; give another --output"
                )
            if begun:
                # First what says that it is whole; the manifest's files stay until the next one.
                self.remove(self.location / "_SUCCESS")
            self.generation += 1
            self.guard()
            self.store_json(self._marker, job.model_copy(update=self._named_generation))
        return None

    @property
    def scratch(self) -> Scratch:
        """What is needed only while the job runs."""
        return Scratch(self.location / "_scratch", self.names.prefix, self.guard)

    @property
    def _marker(self) -> Location:
        return self.location / "_job.json"

    def _job(self) -> AnyJob:
        return records.read(self._marker, AnyJob)

    @property
    def _named_generation(self) -> dict[str, int]:
        return {"generation": self.generation} if self.generation > 1 else {}

    def _differences(self, job: JobRecord) -> list[Change] | None:
        """How the job of this folder differs from another; None if nothing was begun here."""
        return job_changes(self._job(), job) if self._marker.is_file() else None

    def check(self, job: JobRecord, overwrite: bool) -> None:
        """Refuse a folder in other use; see `begin`. Writes nothing."""
        differences = None if self.location.is_file() else self._differences(job)
        if differences is None:
            files = [] if self.location.is_file() else self.location.files(recursive=True)
            if self.location.is_file() or (files and files != [self.location / lease.NAME]):
                raise UnusableInput(
                    f"{self.location}: holds something that is no translation; give another "
                    "--output"
                )
        elif differences and not overwrite:
            raise UnusableInput(
                f"{self.location}: in use with other settings or inputs "
                f"({describe_changes(differences, NAMES)}); give another --output, or --overwrite"
            )

    def commit(self, unit: Unit, tables: dict[str, pa.Table], record: UnitRecord) -> UnitRecord:
        """Store a unit's tables, then its record, which then names their files; returns the record.

        Raises:
            JobFailed: this job may no longer write here.
        """
        self.guard()
        files = {}
        for name, table in tables.items():
            name = self.names.part(name)
            data = self._store(self.location / name, partial(_parquet, table))
            files[name] = table_entry(table.num_rows, data)
        record = record.model_copy(update={"files": files})
        self.store_json(self.record_file(unit.number), record)
        written = [self.record_file(unit.number), *map(self.location.named, files)]
        self.withdraw_if_replaced(written)
        return record

    def withdraw_if_replaced(self, files: list[Location]) -> None:
        """Remove what was just stored, if another job has taken the place of this one: nothing of
        a generation before is in its manifest. On a local disk nothing was stored then.

        Raises:
            LeaseLost: it has.
        """
        if not self.location.is_local and self._job().generation > self.generation:
            for file in files:
                file.delete()
            self.guard()

    def _store(self, file: Location, contents: Callable[[str], bytes]) -> bytes:
        """Store a file; what a job left there that may not write any more is replaced."""
        return store_final(file, contents, self.guard, self.location / lease.NAME)

    def remove(self, file: Location) -> None:
        """Remove a file that is final."""
        remove_final(file, self.guard, self.location / lease.NAME)

    def store_json(self, file: Location, value: Any) -> None:
        """Store a record, or a list of them, as `Location.write_json` does."""
        self.store_bytes(file, json_bytes(value))

    def store_bytes(self, file: Location, data: bytes) -> None:
        """Store a file of this output that is final: see `nmt.storage.final`."""
        self._store(file, lambda _: data)

    @property
    def names(self) -> FileNames:
        """The names of the files of its generation."""
        return FileNames(self.generation)

    def record_file(self, number: int, suffix: str = ".json") -> Location:
        """Where the record of a unit is, or what else is kept of it."""
        return self.location / "_units" / self.names.of_unit(number, suffix)

    def attempts(self, unit: Unit) -> Location:
        """Where the attempts at a unit are counted."""
        return self.record_file(unit.number, ".attempts")

    def forget(self, units: Iterable[int]) -> None:
        """Remove units' records, so that they are translated again.

        Raises:
            JobFailed: this job may no longer write here.
        """
        self.guard()
        for number in units:
            self.remove(self.record_file(number))

    def finish(self, manifest: Manifest) -> None:
        """Store the manifest, remove what it has replaced, and mark the output as whole.

        Raises:
            JobFailed: this job may no longer write here.
        """
        self.guard()
        manifest = manifest.model_copy(update=self._named_generation)
        self.store_json(self.location / "manifest.json", manifest)
        self.guard()
        self._sweep(manifest.files.keys())
        self.guard()
        if not is_whole(self.location):
            self.store_bytes(self.location / "_SUCCESS", b"")

    def _sweep(self, named: Collection[str]) -> None:
        """Remove what an earlier attempt at a unit left, and the files of older generations."""
        units = {name.rpartition("/")[2] for name in named}
        parts = [file for name in FOLDERS for file in (self.location / name).files()]
        for file in parts:
            if file.name in units and "/".join(file.parts_below(self.location)) not in named:
                self.remove(file)
        if self.generation == 1:
            return
        others = (EXPORT, "_units", "report/heatmaps")
        files = parts + [f for n in others for f in (self.location / n).files("", n == EXPORT)]
        older = [file for file in files if self.names.is_older(file.name)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(Location.delete, older):
                pass

    def records(self) -> list[UnitRecord]:
        """The records of all committed units, in the order of the units."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a store takes its time for each
            units = list(pool.map(lambda f: records.read(f, UnitRecord), self.record_files()))
        return sorted(units, key=lambda record: record.unit)

    def others(self) -> dict[str, FileEntry]:
        """The manifest's entries of what is no table: records of units, and the report's files."""
        report = self.location / "report"
        shown = report.files(recursive=True)
        files = [*self.record_files(), *(f for f in shown if not self.names.is_older(f.name))]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            entries = pool.map(lambda file: file_entry(file.read_bytes()), files)
            names = ("/".join(file.parts_below(self.location)) for file in files)
            return dict(zip(names, entries, strict=True))

    def reopen(self, units: Iterable[int]) -> None:
        """Make a finished output an unfinished one that lacks these units."""
        self.remove(self.location / "_SUCCESS")
        self.forget(units)

    def committed(self, units: Iterable[Unit]) -> set[int]:
        """The numbers of the units that are done; a damaged record is removed, and its unit is not.

        Args:
            units: all units of the job.

        Raises:
            JobFailed: this job may no longer write here.
        """
        expected = {self.record_file(unit.number): unit for unit in units}
        done, warnings = set(), FewLines(log.warning)
        files = self.record_files()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            problems = list(pool.map(lambda file: self._problem(file, expected.get(file)), files))
        for file, problem in zip(files, problems, strict=True):
            unit = expected.get(file)
            if problem is None and unit is not None:
                done.add(unit.number)
                continue
            line = f"{file}: removed ({problem}); its rows are translated again"
            warnings.add(line, problem or "")
            self.remove(file)
        warnings.end()
        return done

    def _problem(self, file: Location, unit: Unit | None) -> str | None:
        """Why a file is not the record of its unit; None if it is."""
        try:
            record = records.read(file, UnitRecord)
        except UnusableInput as error:
            return str(error).removeprefix(f"{file}: ").partition("; ")[0]
        return "of no unit" if unit is None else misfit(record, unit, self.names.prefix)

    def record_files(self) -> list[Location]:
        """Where these records are."""
        files = (self.location / "_units").files(".json")
        return [file for file in files if self.names.is_record(file.name)]

    @property
    def drawings(self) -> Drawings:
        """Its heatmaps, and where the words of its rows looked."""
        return Drawings(self.location / "report" / "heatmaps", self.names.prefix, self.store_bytes)

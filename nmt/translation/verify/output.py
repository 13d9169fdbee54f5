"""Check an output again, from what is stored alone: `nmt verify`, and the end of every job.

Nothing is believed that can be looked up: files are hashed, their rows counted, columns, ids,
scores and flags read. A few parts are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from nmt import records
from nmt.changes import changed, describe_changes
from nmt.errors import ChangedFile, UnusableInput
from nmt.printable import join_names
from nmt.records import FileEntry, TableEntry
from nmt.records.output import AnyJob, JobRecord, Manifest, UnitRecord
from nmt.records.report import ReportedCounts
from nmt.storage import lease
from nmt.storage.location import Location
from nmt.storage.recorded import check_recorded
from nmt.translation.job_changes import NAMES
from nmt.translation.output import EXPORT, Output
from nmt.translation.verify.files import Check, Spread, Verification, check_parts, in_threads

_EXPORT, _EXPORTED_ROW = 16 << 30, 4 << 20  # bytes of a file in another format, and more for a row


def verify(location: Location, show: Callable[[str], None] = lambda _: None) -> Verification:
    """Check a finished or an unfinished output.

    Args:
        location: the OUT folder.
        show: is called with each violation.

    Raises:
        UnusableInput: no output of a translation.
    """
    marker, manifest_file = location / "_job.json", location / "manifest.json"
    if location.is_file() or not (marker.is_file() or manifest_file.is_file()):
        raise UnusableInput(f"{location}: no output of `nmt translate`; check --output")
    check = Check(location, show)
    job = check.json(marker, JobRecord) if marker.is_file() else None
    if job is None and not marker.is_file():
        check.complain("_job.json is gone; the job cannot be continued")
    finished = (location / "_SUCCESS").is_file()
    manifest = check.json(manifest_file, Manifest) if manifest_file.is_file() else None
    named: set[str] = set()
    # Without _SUCCESS the manifest counts no more: its job writes it again, from the units.
    replaced = (
        not finished and job is not None and manifest is not None
        and manifest.generation == job.generation
    )  # fmt: skip
    if finished:
        _check_end(check, job, manifest, manifest_file.is_file())
    if manifest is not None:
        named |= {*manifest.files, *manifest.exports}
        if finished or replaced:
            check.forget(manifest.files, Output(location, manifest.generation).record_files())
        if not replaced:
            check_manifest(check, manifest)
    if not finished and job is not None:
        if replaced:
            check.note("_SUCCESS is not there: the job's command writes the end again")
        elif manifest is not None:
            check.note("manifest.json is of the output that this job replaces")
        named |= _check_units(check, job, set() if replaced else set(named))
    check.result.finished = finished
    for name in sorted(check.sizes.keys() - named):
        check.stray(name, finished and manifest is not None)
    return check.end()


def repair(location: Location, damaged: Collection[int]) -> None:
    """Make an output unfinished, and forget units, so that its job does them again.

    Args:
        location: the OUT folder, in which there are violations.
        damaged: numbers of the units.

    Raises:
        UnusableInput: nothing says which job it was.
        JobFailed: a job writes to it.
    """
    marker = location / "_job.json"
    if not marker.is_file():
        raise UnusableInput(f"{location}: no _job.json to continue from; translate it again")
    generation = records.read(marker, AnyJob).generation
    with lease.hold(location) as held:
        guard = partial(lease.check_owner, location, held.owner)
        Output(location, generation, guard).reopen(sorted(damaged))


def verify_manifest(
    location: Location, manifest: Manifest, spread: Spread = in_threads
) -> Verification:
    """Check the files of a manifest that is still to be written; see `check_parts`."""
    check = Check(location, lambda _: None)
    check_manifest(check, manifest, spread)
    return check.end()


def verify_units(location: Location, job: JobRecord) -> Verification:
    """Check the committed units of an unfinished output.

    Args:
        location: the OUT folder.
        job: which it is for, with its generation.
    """
    check = Check(location, lambda _: None)
    _check_units(check, job, set())
    return check.end()


def _check_end(check: Check, job: JobRecord | None, manifest: Manifest | None, there: bool) -> None:
    """Check what a finished output must have besides its parts."""
    if (check.location / "_SUCCESS").info().size:
        check.complain("_SUCCESS: is not empty")
    if not there:
        check.complain("manifest.json: is missing, but _SUCCESS is there")
    if not (check.location / "report" / "index.html").is_file():
        check.complain("report/index.html: is missing")
    report = check.json(check.location / "report" / "report.json", ReportedCounts)
    if manifest is None:
        return
    if job is not None:
        begun, ended = job.to_json(), manifest.to_json()
        if differences := changed(begun, {key: ended.get(key) for key in begun}):
            check.complain(
                "manifest.json: is that of another job than _job.json "
                f"({describe_changes(differences, NAMES)})"
            )
    if report is not None and report.counts != manifest.counts.to_json():
        check.complain("report/report.json: its counts are not those of the manifest")


def check_manifest(check: Check, manifest: Manifest, spread: Spread = in_threads) -> None:
    """Check that the files of a manifest are there, and are what it says."""
    counts, settings, limit = manifest.counts, manifest.settings, manifest.settings.max_rejected
    input_rows = sum(file.rows for file in manifest.input_files)
    rows = settings.width * input_rows
    if counts.rows != rows:
        check.complain(f"manifest.json: {counts.rows:,} rows, but the input had {rows:,}")
    if counts.translated + counts.rejected != counts.rows:
        check.complain(
            f"manifest.json: {counts.rows:,} rows are not {counts.translated:,} translated and "
            f"{counts.rejected:,} rejected"
        )
    if rows and counts.rejected / rows > limit and manifest.exit_status == 0:
        check.complain(
            f"manifest.json: {counts.rejected:,} rows rejected are more than --max-rejected "
            f"{limit}, but the exit status is 0"
        )
    _check_others(check, manifest.others)
    _check_exports(check, manifest)
    every = rows if settings.numbered else None
    # Of several text columns no pair of id and column stands there twice, so that none is missing.
    numbers = settings.id_column is None and every is None
    bounds = dict.fromkeys(manifest.files, (0, input_rows)) if numbers else None
    rows_of = check_parts(check, manifest.files, settings, every, bounds, spread)
    for folder, name in (("translations", "translated"), ("rejected", "rejected")):
        if rows_of[folder] != getattr(counts, name):
            check.complain(
                f"{folder}/: {rows_of[folder]:,} rows, but the manifest has "
                f"{getattr(counts, name):,} {name}"
            )


def _check_others(check: Check, others: Mapping[str, FileEntry]) -> None:
    """Check records of units and files of the report; they may be gone, which is noted, but not be
    others."""
    for name, entry in others.items():
        try:
            file = check.location.named(name)
            if file.is_file():
                file.read(partial(check_recorded, file, entry=entry, remedy=""))
            elif file.exists():
                check.part(name, "is a folder")
            else:
                check.note(f"{name}: is not there any more; no translation was in it", "gone")
        except ChangedFile as error:
            check.part(name, str(error).removeprefix(f"{file}: "))
        except UnusableInput as error:
            check.part(name, f"cannot be one of its files ({error})")


def _check_exports(check: Check, manifest: Manifest) -> None:
    """Check the files in other formats: they must all be there, and hold a row per row."""
    exports, most = manifest.exports, _EXPORT + _EXPORTED_ROW * manifest.counts.rows
    for name, entry in exports.items():
        try:
            file = check.location.named(name)
            if not file.is_file():
                check.part(name, "is missing")
                continue
            if entry.bytes > most:
                check.part(name, f"has {entry.bytes:,} bytes, more than the {most:,} of its rows")
                continue
            file.read(partial(check_recorded, file, entry=entry, remedy=""))
        except ChangedFile as error:
            check.part(name, str(error).removeprefix(f"{file}: "))
        except UnusableInput as error:
            check.part(name, f"cannot be one of its files ({error})")
    settings = manifest.settings
    rows, every = (
        sum(entry.rows for entry in exports.values()), manifest.counts.rows // settings.width
    )  # fmt: skip
    if settings.exported != bool(exports) or (exports and rows != every):
        check.complain(
            f"{EXPORT}/: {rows:,} rows, but the manifest has {every:,} and the "
            f"format {settings.output_format}"
        )


def _check_units(check: Check, job: JobRecord, known: set[str]) -> set[str]:
    """Check the committed units of an unfinished output; returns their files' names.

    Args:
        known: names that were checked already.
    """
    output = Output(check.location, job.generation)
    are_numbers, width = job.settings.id_column is None, job.settings.width
    numbers: set[int] = set()
    files: dict[str, TableEntry] = {}
    bounds: dict[str, tuple[int, int]] = {}
    rejected: dict[str, tuple[int, ...]] = {}
    for file in output.record_files():
        record = check.json(file, UnitRecord)
        if record is None:
            continue
        if file != output.record_file(record.unit):
            check.part(f"_units/{file.name}", f"is the record of unit {record.unit}")
        for name in sorted(files.keys() & record.files.keys()):
            check.part(name, "is named by the records of two units")
        numbers.add(record.unit)
        files |= record.files
        rejected |= dict.fromkeys(record.files, tuple(record.rejected_rows))
        counts = record.counts
        for folder, rows in (("translations", counts.translated), ("rejected", counts.rejected)):
            entries = [e for name, e in record.files.items() if name.startswith(f"{folder}/")]
            if sum(entry.rows for entry in entries) != rows:
                check.complain(f"unit {record.unit}: its {folder} are not {rows} rows")
        if counts.translated + counts.rejected != counts.rows:
            check.complain(f"unit {record.unit}: rows in are not translations and rejected")
        if are_numbers:
            stop = (record.first + counts.rows) // width
            bounds |= dict.fromkeys(record.files, (record.first // width, stop))
    check.note(f"not finished; {len(numbers)} units are committed: {_runs(sorted(numbers))}")
    fresh = {name: entry for name, entry in files.items() if name not in known}
    check_parts(check, fresh, job.settings, bounds=bounds, rejected=rejected)
    return set(files)


def _runs(numbers: list[int]) -> str:
    """Ascending numbers as text: 0-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return join_names([f"{a}" if a == b else f"{a}-{b}" for a, b in runs]) or "none"

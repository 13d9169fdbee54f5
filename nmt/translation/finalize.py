"""The end of a translation job: report, manifest, verdict."""

from __future__ import annotations

import datetime
import logging
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

from nmt.cluster import connection
from nmt.cluster.parallel_map import spread
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.normalization import describe
from nmt.evaluation.sentences import References
from nmt.inference.row_filter import cleaning_of
from nmt.records.model import ModelRecord
from nmt.records.output import JobRecord, Manifest
from nmt.records.report import Measured, ModelDescription, Report
from nmt.report import page
from nmt.storage.location import Location
from nmt.translation.input.corpus import InputCorpus
from nmt.translation.outcome import Outcome, judge
from nmt.translation.output import Output
from nmt.translation.report import summary
from nmt.translation.report.measures import MOST_HERE, measure
from nmt.translation.request import TranslateRequest
from nmt.translation.verify.files import Verification, in_threads
from nmt.translation.verify.output import verify_manifest, verify_units
from nmt.version import __version__

log = logging.getLogger(__name__)

_NAMED = 3  # files that a line names


def close(
    request: TranslateRequest,
    info: ModelRecord,
    corpus: InputCorpus,
    references: References,
    output: Output,
    job: JobRecord,
    seconds: float,
) -> Outcome:
    """Write report, manifest and _SUCCESS from the units' records.

    Args:
        request: of the job.
        info: the content of model.json.
        corpus: the input.
        references: where the references are.
        output: the OUT folder, all units committed.
        job: what identifies the job.
        seconds: what the job took so far.

    Raises:
        JobFailed: rows in are not rows translated and rows rejected, the input has changed
            meanwhile, or this job may no longer write to the output.
        UnusableInput: the baseline cannot be read any more.
    """
    refuse_changed(corpus, output)
    unfinished = job.model_copy(update={"generation": output.generation})
    with _damage_forgotten(output, unfinished):
        records = output.records()
        counts = summary.total_counts(records)
        if counts.rows != corpus.rows or counts.translated + counts.rejected != corpus.rows:
            raise JobFailed(
                f"{request.output}: {corpus.rows:,} rows in, but {counts.translated:,} translated "
                f"and {counts.rejected:,} rejected; give another --output"
            )
        added = _added(corpus)
        measured = measure(request, info, references, output, records, seconds, len(added))
        measured = _with_names(measured, added)
        status, verdict = judge(request, measured.alarms)
        report = Report.model_validate(
            {
                **measured.to_json(),
                "title": f"Translation of {Location(request.input).name}",
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "verdict": verdict,
                "exit_status": status,
                "model": _model(request, info),
                "settings": {
                    **job.settings.to_json(),
                    "batch_size": request.batch_size,
                    "cache": None if request.cache is None else request.cache.shown,
                },
                "inputs": corpus.inputs,
                "versions": _versions(),
            }
        )
        # Loads matplotlib, which is not needed before.
        from nmt.report import picture
        from nmt.report.length_plot import length_plot
        from nmt.report.sheet import contact_sheet

        output.guard()
        folder = request.output / "report"
        output.store_json(folder / "report.json", report)
        images = output.drawings.heatmaps()
        drawn = [image for _, image in images]
        if images and request.heatmap_pages:
            output.store_bytes(folder / "heatmaps.pdf", contact_sheet(drawn))
        output.store_bytes(folder / "index.html", page.render(report.to_json(), images).encode())
        if plot := length_plot([entry.to_json() for entry in report.by_length], [report.title]):
            output.store_bytes(folder / "lengths.png", plot)
            drawn.append(plot)
        if line := picture.warning(drawn):
            log.warning(f"{line}")
        exported = {}
        if (export := request.export) is not None:
            exported["exports"] = export.write(output, records, job.settings, corpus.ids_of_units())
        manifest = Manifest.model_validate(
            {
                **job.to_json(),
                "exit_status": status,
                "verdict": verdict,
                "created": report.created,
                "counts": counts,
                "direction": info.direction.to_json(),
                "text": describe(info.tokenizer, cleaning_of(info)),
                "input_files": corpus.inputs,
                "input_versions": corpus.versions,
                "added_files": added,
                "versions": report.versions,
                "files": {
                    name: entry for record in records for name, entry in record.files.items()
                },
                "others": output.others(),
                **exported,
            }
        )
        _verify(output, manifest, request.address, len(records))
        output.finish(manifest)
        output.scratch.clear()
        return Outcome(status, verdict, report)


@contextmanager
def _damage_forgotten(output: Output, job: JobRecord) -> Iterator[None]:
    """Forget the units whose files cannot be read, so that the same command does them again.

    Raises:
        JobFailed: there are such units.
    """
    try:
        yield
    except UnusableInput:
        output.guard()  # perhaps a job that took over has removed them
        _refuse_damaged(output, verify_units(output.location, job))
        raise


def refuse_changed(corpus: InputCorpus, output: Output) -> None:
    """Make sure that what was translated is what was looked through.

    Raises:
        JobFailed: it may be something else. The units concerned are forgotten, for the file may
            be put back as it was, and the same command would go on with them.
    """
    if changed := corpus.changed():
        files = frozenset(changed)
        units = [u for u in corpus.units() if any(str(s.file) in files for s in u.slices)]
        output.forget(unit.number for unit in units)
        others = f" and {len(changed) - 1} other files" if len(changed) > 1 else ""
        raise JobFailed(
            f"{changed[0]}{others}: changed or removed while the job ran, and what was translated "
            "of it is discarded; put it back as it was and run the same command again, or "
            "translate it as it is now with --overwrite"
        )


def _with_names(measured: Measured, added: list[str]) -> Measured:
    """The same, with the names of the first files that were added in the alarm that counts them."""
    if not added:
        return measured
    names = ", ".join(added[:_NAMED]) + (", …" if len(added) > _NAMED else "")
    alarms = [
        alarm.model_copy(update={"text": f"{alarm.text} ({names})"})
        if alarm.measure == "added_files"
        else alarm
        for alarm in measured.alarms
    ]
    return measured.model_copy(update={"alarms": alarms})


def _added(corpus: InputCorpus) -> list[str]:
    """The files that were added to the input while the job ran, which it does not translate."""
    try:
        added = corpus.added()
    except UnusableInput as error:
        log.warning(f"{error}; what was added to the input meanwhile is not known")
        return []
    if added:
        others = f" and {len(added) - 1} other files" if len(added) > 1 else ""
        log.warning(f"{added[0]}{others}: added to the input while the job ran; not translated")
    return added


def _verify(output: Output, manifest: Manifest, address: str | None, units: int) -> None:
    """Check everything that is stored before the output is said to be whole; where there are many
    units, in Ray tasks.

    Raises:
        JobFailed: there are violations. The units concerned are forgotten, so that the same
            command translates them again.
    """
    every = in_threads
    if units > MOST_HERE:
        connection.connect(address)
        every = partial(spread, title="verifying")
    _refuse_damaged(output, verify_manifest(output.location, manifest, every))


def _refuse_damaged(output: Output, verification: Verification) -> None:
    if verification.count:
        output.forget(verification.damaged)
        shown = "; ".join(verification.violations[:3])
        raise JobFailed(
            f"{output.location}: {verification.count:,} violations ({shown}); `nmt verify` "
            "lists them; run the same command again to translate the units concerned anew"
        )


def _model(request: TranslateRequest, info: ModelRecord) -> ModelDescription:
    direction = info.direction
    return ModelDescription(
        id=info.model_id,
        name=", ".join(model.shown for model in request.models),
        direction=f"{direction.source} → {direction.target}",
        parameters=info.parameters,
        architecture=info.architecture,
        validation=info.validation,
    )


def _versions() -> dict[str, str]:
    libraries = ("tensorflow", "keras", "onnxruntime", "ray", "pyarrow", "sacrebleu")
    return {
        "nmt": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }

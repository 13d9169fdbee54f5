"""`nmt translate`: translate a corpus on a pool of Ray actors, resumably, with a report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from nmt import bundle, records
from nmt.cluster import connection
from nmt.cluster.parallel_map import ActorPool, stream_units
from nmt.cluster.resources import wait_for_room
from nmt.cluster.tasks import Tasks
from nmt.console import activity, echo
from nmt.errors import ChangedFile, JobFailed, Stopped, UnusableInput
from nmt.evaluation.samples import page_samples, sample_rows
from nmt.records.model import ModelRecord
from nmt.records.output import DecodingCost, JobRecord, Manifest, UnitRecord
from nmt.records.report import Report
from nmt.report.numbers import counted
from nmt.storage.lease import HeldLease, check_owner, hold
from nmt.storage.retry import wait_for_stores
from nmt.translation.cache.job import Lookup, copies_words, make_plan
from nmt.translation.cache.plan import Plan
from nmt.translation.checks import check
from nmt.translation.ending import ends_in_order
from nmt.translation.failure_report import report_failure
from nmt.translation.finalize import close, refuse_changed
from nmt.translation.first_rows import remarks
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.earlier_output import recorded_input
from nmt.translation.input.marker import await_marker
from nmt.translation.input.units import Unit
from nmt.translation.layout import lay_out, refuse_impossible
from nmt.translation.notification import notify
from nmt.translation.outcome import Outcome
from nmt.translation.output import Output
from nmt.translation.preview import plan_of
from nmt.translation.progress import Progress
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.work import Work
from nmt.translation.worker import DecodeActor, Item

log = logging.getLogger(__name__)

Outcomes = Generator[tuple[int, UnitRecord | DecodingCost], None, None]
Stream = Callable[[list[Item]], Outcomes]


def translate(request: TranslateRequest) -> Outcome | None:
    """Translate a corpus, or continue, or return the outcome of the finished job.

    Args:
        request: of the job.

    Raises:
        UnusableInput: model, input, references or output that cannot be used; nothing is
            written then.
        JobFailed: the work failed; the same command continues it.
    """
    started = time.monotonic()
    info = bundle.check_all(request.models)
    output = Output(request.output)
    request = request.resolved(info, output.runtime())
    _await_input(request, started)
    outcome = None if request.dry_run else _recognised(request, info, output)
    if outcome is None:
        outcome = _translate_input(request, info, output, started)
    if request.notify is not None and outcome is not None:
        report = request.output / "report" / "report.json"
        notify(request.notify, report, outcome.exit_status, outcome.reason)
    return outcome


def _recognised(request: TranslateRequest, info: ModelRecord, output: Output) -> Outcome | None:
    """The outcome of this job if it is finished, where that can be told without its input."""
    if (manifest := output.stored_manifest()) is None:
        return None
    recorded = recorded_input(request.input, request.id_column, manifest)
    if recorded is None:
        return None
    return _stored(request, output.finished(identify(request, info, recorded)))


def _translate_input(
    request: TranslateRequest, info: ModelRecord, output: Output, started: float
) -> Outcome | None:
    """Read the input, and translate it; None after a dry run."""
    with activity("reading the input"):
        corpus = inspect(
            *(request.input, request.text_column[0], request.id_column),
            *(request.allow_empty, request.rows_per_file, info.direction.source),
            request.text_column[1:],
        )
        references = check(request, info, corpus)
    job = identify(request, info, corpus)
    outcome = _stored(request, output.finished(job))
    if outcome is None:
        output.check(job, request.overwrite)
    units, work = corpus.units(), work_of(request, info, job, corpus)
    if request.dry_run or outcome is None:
        for remark in remarks(request, info, corpus, work):
            log.warning(remark)
    if request.dry_run:
        for line in plan_of(request, info, corpus, work):
            echo(line)
        return None
    if outcome is None:
        wait_for_stores()
        with hold(request.output, request.lease_seconds) as lease:
            # It reads the object: a job that was paused has not heard yet that it lost its lease.
            output.guard = partial(check_owner, request.output, lease.owner)
            # The job that had the lease may have finished it, or it may be another's output now.
            outcome = _stored(request, output.begin(job, request.overwrite))
            if outcome is None:
                with report_failure(request, output, job):
                    try:
                        _decode(request, info, job, corpus, units, output, lease, started)
                    except ChangedFile:
                        refuse_changed(corpus, output)
                        raise
                    except UnusableInput as error:  # the arguments were found usable
                        raise JobFailed(str(error)) from error
                    with activity("writing the report"):
                        seconds = time.monotonic() - started
                        outcome = close(request, info, corpus, references, output, job, seconds)
    return outcome


def _await_input(request: TranslateRequest, started: float) -> None:
    """Wait for the marker of the input, within the time of the job; tell the hook if it fails."""
    if request.input_complete is None:
        if request.input_wait:
            raise UnusableInput("--input-wait: waits for --input-complete MARKER; name it")
        return
    minutes = 0.0 if request.dry_run else request.input_wait
    try:
        with ends_in_order(started, request.max_minutes, request.deadline):
            await_marker(request.input_complete, minutes)
    except (UnusableInput, Stopped) as error:
        if request.notify is not None and minutes:
            report = request.output / "report" / "report.json"
            notify(request.notify, report, error.exit_status, f"failed: {error}")
        raise


def _stored(request: TranslateRequest, manifest: Manifest | None) -> Outcome | None:
    """The outcome of a finished job; None without its manifest."""
    if manifest is None:
        return None
    log.info(f"{request.output}: already finished; nothing to do")
    report = records.read(request.output / "report" / "report.json", Report)
    return Outcome(manifest.exit_status, manifest.verdict, report)


def _decode(
    request: TranslateRequest,
    info: ModelRecord,
    job: JobRecord,
    corpus: InputCorpus,
    units: list[Unit],
    output: Output,
    lease: HeldLease,
    started: float,
) -> None:
    """Translate the units that have no record yet.

    Raises:
        Stopped: a signal came, or the job's time is over.
    """
    committed = output.committed(units)
    waiting = [unit for unit in units if unit.number not in committed]
    if committed:
        log.info(f"{len(committed)} of {len(units)} units are done already")
    if not waiting:
        return
    ray = connection.connect(request.address)
    work = work_of(request, info, job, corpus)
    work = replace(work, generation=output.generation, owner=lease.owner)
    if work.search.has_shortlist:
        log.info(
            f"shortlist: {work.search.shortlist} words per source token, and the most frequent "
            "ones; --set search.shortlist=0 turns it off"
        )
    # After Ray, which takes the signals for itself.
    try:
        with ends_in_order(started, request.max_minutes, request.deadline):
            plan = look_up = None
            if request.cache is not None:
                plan = make_plan(request.cache, work, info, job)
            pool = _pool(request, work, plan, corpus.rows, len(waiting), ray, corpus.things)
            if plan is not None:
                look_up = Lookup(plan, Tasks(ray), pool.most)
            _translate(request, work, pool, waiting, lease, look_up)
    except Stopped as error:
        done = len(output.record_files())
        raise error.with_remark(f"{done:,} of {counted(len(units), 'unit')} are done") from None


def _translate(
    request: TranslateRequest,
    work: Work,
    pool: ActorPool,
    waiting: list[Unit],
    lease: HeldLease,
    look_up: Lookup | None,
) -> None:
    def stream(items: list[Item]) -> Outcomes:
        count = len(items)
        fitting = replace(pool, least=min(pool.least, count), most=min(pool.most, count))
        outcomes: Outcomes = stream_units(fitting, items, title="translating")
        with closing(outcomes):
            for outcome in outcomes:
                lease.check()
                yield outcome

    rows = sum(unit.rows for unit in waiting)
    progress = Progress(rows, request.cost_per_hour)
    with (
        activity("translating", total=rows) as shown,
        closing(translate_units(waiting, stream, look_up)) as committed,
    ):
        work.metrics.show_left(len(waiting))
        for done, record in enumerate(committed, 1):
            work.metrics.show_left(len(waiting) - done)
            counts = record.counts
            shown.advance(counts.rows, progress.add(counts.rows, counts.target_tokens))


def translate_units(
    units: list[Unit], stream: Stream, look_up: Lookup | None = None
) -> Generator[UnitRecord, None, None]:
    """Translate and commit units.

    With a cache the units of a wave are looked up together, and each missing sentence is decoded
    by the first of them that has it. A unit that awaits others is done in the next pass, which
    finds what they have decoded. The first unit awaits none, so each pass ends some.

    Args:
        units: those that are not committed.
        stream: hands items to `DecodeActor`s; yields their places and what became of them.
        look_up: in the cache.

    Yields:
        The records of units, as they are committed.
    """
    for wave in [units] if look_up is None else look_up.waves(units):
        costs: dict[int, DecodingCost | None] = {unit.number: None for unit in wave}
        while costs:
            left = [unit for unit in wave if unit.number in costs]
            items = look_up(left, costs) if look_up else [Item(unit) for unit in left]
            with closing(stream(items)) as outcomes:
                for place, outcome in outcomes:
                    if isinstance(outcome, DecodingCost):
                        costs[items[place].unit.number] = outcome
                    else:
                        del costs[outcome.unit]
                        yield outcome
            if look_up is not None:
                look_up.settle()


def work_of(
    request: TranslateRequest, info: ModelRecord, job: JobRecord, corpus: InputCorpus
) -> Work:
    """What every actor needs to know.

    Args:
        request: of the job.
        info: the content of model.json.
        job: see `identify`.
        corpus: the input.
    """
    return Work(
        models=tuple(str(model) for model in request.models),
        model_id=job.model_id,
        output=str(request.output),
        search=request.search,
        dictionary_hash=job.dictionary,
        text_column=corpus.text_column,
        id_column=corpus.id_column,
        reference_column=request.own_reference_column,
        alignment_column=request.alignment_column,
        tag_column=request.tag_column,
        batch_size=request.batch_size,
        threads=1,
        alignments=request.alignments,
        heatmaps=frozenset(sample_rows(corpus.rows, request.heatmaps)),
        heatmap_words=request.heatmap_words,
        page=frozenset(page_samples(corpus.rows)),
        gpus=request.gpus_per_actor,
        unit_timeout=request.unit_timeout,
        raw_keys=copies_words(info, request.search.replace_unknown),
    )


def _pool(
    request: TranslateRequest,
    work: Work,
    plan: Plan | None,
    rows: int,
    items: int,
    ray: Any,
    things: str = "row",
) -> ActorPool:
    nodes, gpus = ray.nodes(), request.gpus_per_actor
    own = connection.is_own(request.address)
    layout = lay_out(nodes, rows, items, request.actors, request.cpus_per_actor, gpus, own)
    if own:
        refuse_impossible(nodes, layout.share)
    else:
        wait_for_room(ray, layout.share, layout.least)
    if layout.useful and not own:
        log.info(
            f"the cluster has room for {counted(layout.most, 'actor')} now, and so many it gets; "
            f"if it can grow, --actors {layout.most}:{layout.useful} lets the pool grow with it"
        )
    log.info(f"{counted(rows, things)} on {layout.describe()}")
    arguments = (replace(work, threads=layout.share.threads), plan)
    return ActorPool(DecodeActor, arguments, layout.least, layout.most, layout.share)

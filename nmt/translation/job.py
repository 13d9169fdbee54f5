"""`jobs/translate.py`: translate a corpus on a pool of Ray actors, resumably, with a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from nmt import bundle, cluster
from nmt.console import activity, say
from nmt.evaluation.samples import sample_rows
from nmt.probe import check_writable
from nmt.translation.actor import DecodeActor, Work
from nmt.translation.closing import Verdict, close
from nmt.translation.corpus import InputCorpus, Unit, inspect
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest, check, identify
from nmt.units import ActorPool, stream_units

_SMALL = 20_000  # rows; more are worth an actor a core


def translate(request: TranslateRequest, dry_run: bool = False) -> Verdict | None:
    """Translate a corpus, or continue, or return the verdict of the finished job.

    Args:
        request: what was asked for.
        dry_run: check and tell only; returns None.

    Raises:
        UnusableInput: model, input, references or output that cannot be used; nothing is
            written then.
        JobFailed: the work failed; the same command continues it.
    """
    started, request = time.monotonic(), request.resolved()
    info = bundle.check_all(request.models)
    with activity("reading the input"):
        corpus = inspect(request.input, request.text_column, request.id_column)
        references = check(request, info, corpus)
    output = Output(request.output)
    job = identify(request, info, corpus)
    output.check(job, request.overwrite)
    units = corpus.units()
    if dry_run:
        say(f"model     {request.model_names}: {info['parameters']:,} parameters")
        say(f"input     {request.input}: {corpus.rows:,} rows in {len(units)} units")
        say(f"output    {request.output}: {check_writable(request.output)}")
        return None
    if manifest := output.begin(job, request.overwrite):
        say(f"{request.output}: already finished; nothing to do")
        report = (request.output / "report" / "report.json").read_json()
        return Verdict(manifest["exit_status"], manifest["verdict"], report)
    _decode(request, job, corpus, units, output)
    with activity("writing the report"):
        seconds = time.monotonic() - started
        return close(request, info, corpus, references, output, job, seconds)


def _decode(
    request: TranslateRequest,
    job: dict[str, Any],
    corpus: InputCorpus,
    units: list[Unit],
    output: Output,
) -> None:
    """Translate the units that have no record yet."""
    committed = output.records()
    waiting = [unit for unit in units if unit.number not in committed]
    if committed:
        say(f"{len(committed)} of {len(units)} units are done already")
    if not waiting:
        return
    ray = cluster.connect(request.address)
    total, largest = cluster.cpus(ray)
    most = _actors(request, corpus, len(waiting), total)
    threads = max(1, min(total // most[1], largest))
    work = work_of(request, job, corpus, threads)
    pool = ActorPool(DecodeActor, (work,), most[0], most[1], threads)
    rows = sum(unit.rows for unit in waiting)
    say(f"{rows:,} rows on {most[1]} actor(s) of {threads} core(s)")
    started = time.monotonic()
    with activity("translating", total=rows) as shown:
        done: Iterator[tuple[int, dict[str, Any]]]
        done = stream_units(pool, waiting, title="translating")
        for _, record in done:
            count = record["counts"]["rows"]
            rate = (shown.done + count) / (time.monotonic() - started)
            shown.advance(count, f"{rate:,.0f} rows/s")


def work_of(
    request: TranslateRequest, job: dict[str, Any], corpus: InputCorpus, threads: int
) -> Work:
    """What every actor needs to know.

    Args:
        request: what was asked for.
        job: what `identify` said of it.
        corpus: the input.
        threads: cores of an actor.
    """
    return Work(
        models=tuple(str(model) for model in request.models),
        model_id=job["model_id"],
        output=str(request.output),
        search=request.search,
        dictionary_hash=job["dictionary"],
        text_column=request.text_column,
        id_column=corpus.id_column,
        reference_column=request.reference_column,
        alignment_column=request.alignment_column,
        batch_size=request.batch_size,
        threads=threads,
        alignments=request.alignments,
        heatmaps=frozenset(sample_rows(corpus.rows, request.heatmaps)),
        heatmap_words=request.heatmap_words,
    )


def _actors(
    request: TranslateRequest, corpus: InputCorpus, units: int, cpus: int
) -> tuple[int, int]:
    """Least and most actors: as asked; else one, or one a core for a large corpus."""
    if request.actors is not None:
        least, most = request.actors
    else:
        least = most = cpus if corpus.rows > _SMALL else 1
    return min(least, units), min(most, units)

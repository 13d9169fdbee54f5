"""The commands of ``nmt``: each takes its request, calls one function and prints the results."""

from __future__ import annotations

import datetime
import logging
import shlex
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from nmt.benchmark.request import BenchmarkRequest, measured_settings
from nmt.cli.command import SettingsSources
from nmt.console import echo
from nmt.corpus.request import PrepareRequest
from nmt.errors import UnusableInput
from nmt.evaluation.request import EvaluateRequest
from nmt.options import Option
from nmt.process import module_process
from nmt.report.numbers import counted, number, signed, size
from nmt.storage.location import Location
from nmt.storage.uri import scheme_of
from nmt.training.request import TrainRequest
from nmt.translation.cache.generations import (
    Generation,
    by_prefix,
    differing_settings,
    generations,
    unused,
)
from nmt.translation.cache.store import Cache
from nmt.translation.cache.upkeep import remove_unused
from nmt.translation.request import TranslateRequest

log = logging.getLogger(__name__)

# What takes long to import is imported by the command that needs it, so that --help is quick.


def prepare(request: PrepareRequest) -> None:
    """Prepare a parallel corpus: clean, filter, split, learn vocabularies.

    Give exactly one of --pairs, --source with --target, --corpora, --demo. Set further settings,
    such as single rules of cleaning and thresholds of filters, with --set data.KEY=VALUE and
    --set filter.KEY=VALUE. Run the same command again to continue after an interruption; a finished
    DATASET is left alone.
    """
    from nmt.corpus.prepare import prepare

    if request.forward_model is None and request.backward_model is None:
        dataset = prepare(request)
    else:
        from nmt.inference.pair_scores import open_scorer

        dataset = prepare(request, open_scorer)
    info = dataset.info
    for split in ("train", "valid", "test", "rejected"):
        detail = ", ".join(f"{name} {count:,}" for name, count in info.drops.items())
        shown = f"  ({detail})" if split == "rejected" and detail else ""
        echo(f"{split:<9}{getattr(info.counts, split):>12,} pairs{shown}")
    for side in ("source", "target"):
        entry = getattr(info.tokenizer, side)
        echo(f"{side:<9}{entry.size:>12,} entries  {getattr(info.languages, side)}  {entry.file}")
    echo(f"DATASET {dataset.location}")


def train(request: TrainRequest) -> None:
    """Train an attention translation model, or continue a training."""
    from nmt.training.ray import job

    status = job.train(request)
    if not request.dry_run:
        echo(f"MODEL {request.output / 'model'}")
    if status:
        raise typer.Exit(status)


def translate(request: TranslateRequest) -> None:
    """Translate a corpus, or the lines of standard input.

    With --input and --output it is a batch job on Ray: run the same command again to continue after
    an interruption. Without both it reads standard input and writes standard output, line n in,
    line n out.
    """
    from nmt.translation import job

    outcome = job.translate(request)
    if outcome is None:
        return
    for line in outcome.summary():
        log.info(line)
    level = logging.WARNING if outcome.report.alarms or outcome.exit_status else logging.INFO
    for line in outcome.verdict():
        log.log(level, line)
    for name, value in outcome.headline().items():
        echo(f"{name} {value}")
    echo(f"REPORT {request.output / 'report' / 'index.html'}")
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)


def evaluate(request: EvaluateRequest) -> None:
    """Score a finished translation, or any file of translations, alone or beside a baseline."""
    from nmt.evaluation import job
    from nmt.evaluation.metrics import METRICS
    from nmt.evaluation.ter import remark
    from nmt.report.quality import direction

    report = job.evaluate(request)
    for score in report.scores:
        places = 2 if score.text else 4  # of other metrics, many of which end at 1
        value, low, high = (
            number(float(one), places)
            for one in (score.score, *(score.confidence or (score.score, score.score)))
        )
        log.info(f"{score.metric:6} {value:>6}  [{low}, {high}]  {score.text}  {score.signature}"
            f"{direction(score)}{remark(score.rows_without_shifts)}")  # fmt: skip
    for entry in report.comparison.metrics if report.comparison else ():
        p = "–" if entry.p is None else f"{entry.p:.3f}"
        places = 2 if entry.metric in METRICS else 4
        log.info(f"{entry.metric:6} {signed(entry.difference, places):>6}  against the baseline "
            f"(one-sided p {p}){direction(entry)}")  # fmt: skip
    if report.comparison and report.comparison.searches:
        log.info(report.comparison.searches)
    for alarm in report.alarms:
        log.warning(alarm.text)
    echo(f"BLEU {report.scores[0].score:.2f}")
    if report.alignment:
        echo(f"AER {report.alignment.aer:.3f}")
    echo(f"REPORT {request.output / 'index.html'}")
    if report.exit_status:
        raise typer.Exit(report.exit_status)


@dataclass(frozen=True)
class VerifyRequest:
    """What ``nmt verify`` is asked for."""

    output: Annotated[Location, Option("Folder of a translation, finished or not.", "OUT")]
    repair: Annotated[
        bool,
        Option(
            "If there are violations, forget the units concerned and remove _SUCCESS; then the "
            "same `nmt translate` command does them again."
        ),
    ] = False


def verify(request: VerifyRequest) -> None:
    """Read and hash every file of a translation again.

    OUT may be finished or not. The command lists the violations, one per line, the first 20 of a
    kind. The exit status is 1 if there are any, else 0; with --repair it is 0, unless all are files
    that are not named, which are yours to move away.
    """
    from nmt.translation.verify.output import repair, verify

    verification = verify(request.output, show=echo)
    for note in verification.notes:
        log.info(note)
    if verification.count:
        log.info(counted(verification.count, "violation"))
    else:
        log.info(f"no violation in {verification.rows:,} rows")
    if request.repair and verification.count > verification.strays:
        repair(request.output, verification.damaged)
        log.info(_to_do(verification.damaged | verification.forgotten))
        return
    if verification.forgotten and not verification.finished:
        log.info(_to_do(verification.forgotten))
    if verification.count:
        raise typer.Exit(1)


def _to_do(units: Collection[int]) -> str:
    what = f"{counted(len(units), 'unit')} {'is' if len(units) == 1 else 'are'}"
    if not units:
        what = "only the end of the job is"
    return f"{what} to be done again: run the job's command again"


@dataclass(frozen=True)
class ExportRequest:
    """What ``nmt export`` is asked for."""

    model: Annotated[Location, Option("Folder of a trained model, e.g. RUN/model.", "MODEL")]


def export(request: ExportRequest) -> None:
    """Write a model as ONNX graphs for CPUs.

    With them `nmt translate` decodes on CPUs without TensorFlow, and faster.

    The graphs go into MODEL beside the weights. `nmt train` does the same at its end.
    """
    from nmt import bundle

    bundle.export(request.model)
    echo(f"MODEL {request.model}")


def benchmark(request: BenchmarkRequest, sources: SettingsSources) -> None:
    """Measure the speed of training, decoding and reading."""
    from nmt.benchmark import job
    from nmt.benchmark.table import table

    settings, origin = measured_settings(
        request.model, sources.preset, sources.config, sources.assignments
    )
    report = job.benchmark(replace(request, settings=settings, origin=origin))
    for line in table(report):
        echo(line)
    if request.output:
        request.output.write_json(report)


@dataclass(frozen=True)
class ListCacheRequest:
    """What ``nmt cache list`` is asked for."""

    cache: Annotated[Location, Option("The folder of `nmt translate --cache`.", "URI")]


@dataclass(frozen=True)
class PruneCacheRequest:
    """What ``nmt cache prune`` is asked for."""

    cache: Annotated[Location, Option("The folder of `nmt translate --cache`.", "URI")]
    unused: Annotated[
        float | None,
        Option(
            "Remove what no job has used for so many days: whole generations, and of the others "
            "single translations, these up to four weeks later.",
            "DAYS",
            least=0,
        ),
    ] = None
    generations: Annotated[
        tuple[str, ...],
        Option(
            "Remove the generation whose name begins so. Repeatable.",
            "GENERATION",
            name="--generation",
        ),
    ] = ()
    dry_run: Annotated[bool, Option("Print what would be removed, and remove nothing.")] = False


def list_cache(request: ListCacheRequest) -> None:
    """List the generations of a cache.

    A line has name, last use, files, size, model, beam size, and the settings that other
    generations of this model have otherwise. Another model or other settings make another
    generation.
    """
    stored = generations(request.cache)
    differing = differing_settings(stored)
    for generation in stored:
        own = differing[generation.location.name]
        echo("  ".join([*_described(generation), *own]))


def prune_cache(request: PruneCacheRequest) -> None:
    """Remove generations of a cache that no job will read again, and translations that none uses.

    A generation is read only by jobs with its model and its settings. To remove something costs no
    more than to decode its sentences again.
    """
    if request.unused is None and not request.generations:
        raise UnusableInput("give --unused DAYS or --generation GENERATION: what to remove")
    stored = generations(request.cache)
    chosen, action = _chosen(request, stored), "would be removed" if request.dry_run else "removed"
    for generation in chosen:
        if not request.dry_run:
            generation.delete()
        echo("  ".join([*_described(generation), action]))
    others = [one for one in stored if one.is_current and one not in chosen]
    removed = 0
    if request.unused is not None:
        removed = sum(_prune_within(one, request.unused, request.dry_run, action) for one in others)
    if not chosen and not removed:
        log.info(f"{request.cache}: nothing is unused for {request.unused:g} days")


def _prune_within(generation: Generation, days: float, dry_run: bool, action: str) -> int:
    """Remove single translations of a generation; returns how many."""
    removed = remove_unused(Cache(generation.location), days, dry_run)
    if removed:
        number = counted(removed, "translation")
        echo("  ".join([*_described(generation), f"{number} {action}"]))
    return removed


def _chosen(request: PruneCacheRequest, stored: Sequence[Generation]) -> list[Generation]:
    named = {by_prefix(stored, prefix).location.name for prefix in request.generations}
    old = [] if request.unused is None else unused(list(stored), request.unused)
    wanted = {*named, *(generation.location.name for generation in old)}
    return [generation for generation in stored if generation.location.name in wanted]


def _described(generation: Generation) -> list[str]:
    last_use = datetime.datetime.fromtimestamp(generation.used, datetime.UTC)
    return [
        generation.location.name,
        f"{last_use:%Y-%m-%d %H:%M}",
        f"{generation.files} files",
        size(generation.bytes),
        f"model {generation.description.model_id[:12]}",
        f"beam {generation.description.search.beam_size}",
    ]


@dataclass(frozen=True)
class DemoRequest:
    """What ``nmt demo`` is asked for."""

    output: Annotated[str, Option("Folder for dataset, run and translations.", "FOLDER")] = "demo"


def demo(request: DemoRequest) -> None:
    """Prepare, train, translate and report on a built-in corpus."""
    location = Location(request.output)
    folder = location if scheme_of(request.output) else Path(request.output)  # as it was typed
    data, run = folder / "dataset", folder / "run"
    for words in (
        ["prepare", "--demo", "60000", "--vocab-size", "3000", "--output", str(data)],
        ["train", "--data", str(data), "--output", str(run), "--preset", "demo"],
        ["translate", "--model", str(run / "model"), "--input", str(data / "test"),
         "--output", str(folder / "translations"), "--reference-column", "target",
         "--alignment-column", "alignment"],
    ):  # fmt: skip
        log.info(f"$ nmt {shlex.join(words)}")
        status = subprocess.run(**module_process("nmt", *words), check=False).returncode
        if status:
            raise typer.Exit(status)

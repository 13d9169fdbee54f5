"""`jobs/translate.py`: translate a corpus on a pool of Ray actors, resumably, with a report."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from nmt import bundle, cluster
from nmt.console import activity, say
from nmt.errors import JobFailed, UnusableInput
from nmt.report import page
from nmt.settings import DataSettings, SearchSettings
from nmt.storage import Location
from nmt.translation import summary
from nmt.translation.actor import DecodeActor, Work
from nmt.translation.corpus import InputCorpus, Unit, inspect, read_references
from nmt.translation.output import Output
from nmt.units import ActorPool, stream_units
from nmt.version import __version__
from nmt.vocabulary import load as load_vocabulary

FORMAT_VERSION = 1
_SMALL = 20_000  # rows; more are worth an actor a core
_OWN_COLUMNS = (
    *("id", "source", "translation", "score", "source_tokens", "target_tokens"),
    *("attention_entropy", "coverage", "flags", "reason"),
)


@dataclass(frozen=True)
class TranslateRequest:
    """What the command line asked for; see ``jobs/translate.py --help``."""

    model: Location
    input: str
    output: Location
    search: SearchSettings
    references: tuple[str, ...] = ()
    reference_column: str | None = None
    alignment_column: str | None = None
    text_column: str = "source"
    id_column: str = "id"
    batch_size: int = 64
    actors: tuple[int, int] | None = None
    heatmaps: int = 16
    alignments: bool = False
    max_rejected: float = 0.01
    overwrite: bool = False
    address: str | None = None


@dataclass(frozen=True)
class Verdict:
    """How a job ended: its exit status (0 or 3), why, and its report."""

    exit_status: int
    reason: str
    report: dict[str, Any]

    def headline(self) -> dict[str, str]:
        """BLEU and AER as text, where they are known."""
        scores = self.report.get("scores", [])
        lines = {"BLEU": f"{scores[0]['score']:.2f}"} if scores else {}
        if "alignment" in self.report:
            lines["AER"] = f"{self.report['alignment']['aer']:.3f}"
        return lines


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
    started = time.monotonic()
    info = bundle.check(request.model)
    with activity("reading the input"):
        corpus = inspect(request.input, request.text_column, request.id_column)
        references = _check_columns(request, corpus)
    output = Output(request.output)
    job = _job(request, info, corpus)
    output.check(job, request.overwrite)
    units = corpus.units()
    if dry_run:
        say(f"model     {request.model}: {info['parameters']:,} parameters")
        say(f"input     {request.input}: {corpus.rows:,} rows in {len(units)} units")
        say(f"output    {request.output}")
        return None
    if manifest := output.begin(job, request.overwrite):
        say(f"{request.output}: already finished; nothing to do")
        report = (request.output / "report" / "report.json").read_json()
        return Verdict(manifest["exit_status"], manifest["verdict"], report)
    actors = _decode(request, corpus, units, output)
    with activity("writing the report"):
        return _finish(request, info, corpus, references, output, job, actors, started)


def _check_columns(request: TranslateRequest, corpus: InputCorpus) -> list[list[str]]:
    """Check the columns that options name; returns the references that come from files."""
    if request.references and request.reference_column:
        raise UnusableInput("give --references or --reference-column, not both")
    for option, column in (
        ("--reference-column", request.reference_column),
        ("--alignment-column", request.alignment_column),
    ):
        if column and column not in corpus.columns.names:
            there = ", ".join(corpus.columns.names) or "none, for it is text"
            raise UnusableInput(
                f"{request.input}: no column '{column}' for {option} (other columns: {there})"
            )
    if request.alignment_column and not request.reference_column:
        raise UnusableInput("--alignment-column needs --reference-column, the aligned references")
    if clash := sorted(set(corpus.columns.names) & set(_OWN_COLUMNS)):
        raise UnusableInput(
            f"{request.input}: column '{clash[0]}' has the name of an output column; rename it"
        )
    return [read_references(name, corpus.rows) for name in request.references]


def _job(request: TranslateRequest, info: dict[str, Any], corpus: InputCorpus) -> dict[str, Any]:
    """Everything that decides about the contents of the output."""
    inputs = {item["path"]: f"sha256 {item['sha256']}" for item in corpus.inputs}
    return {
        "format_version": FORMAT_VERSION,
        "model_id": info["model_id"],
        "inputs": inputs,
        "references": {name: Location(name).sha256() for name in request.references},
        "settings": {
            "search": request.search.model_dump(),
            "reference_column": request.reference_column,
            "alignment_column": request.alignment_column,
            "text_column": request.text_column,
            "id_column": request.id_column,
            "heatmaps": request.heatmaps,
            "alignments": request.alignments,
            "max_rejected": request.max_rejected,
        },
    }


def _decode(
    request: TranslateRequest, corpus: InputCorpus, units: list[Unit], output: Output
) -> int:
    """Translate the units that have no record yet; returns the number of actors."""
    committed = output.records()
    waiting = [unit for unit in units if unit.number not in committed]
    if committed:
        say(f"{len(committed)} of {len(units)} units are done already")
    if not waiting:
        return 0
    ray = cluster.connect(request.address)
    total, largest = cluster.cpus(ray)
    most = _actors(request, corpus, len(waiting), total)
    threads = max(1, min(total // most[1], largest))
    work = Work(
        model=str(request.model),
        output=str(request.output),
        search=request.search,
        text_column=request.text_column,
        id_column=request.id_column,
        reference_column=request.reference_column,
        alignment_column=request.alignment_column,
        batch_size=request.batch_size,
        threads=threads,
        alignments=request.alignments,
        heatmaps=frozenset(summary.sample_rows(corpus.rows, request.heatmaps)),
    )
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
    return most[1]


def _actors(
    request: TranslateRequest, corpus: InputCorpus, units: int, cpus: int
) -> tuple[int, int]:
    """Least and most actors: as asked; else one, or one a core for a large corpus."""
    if request.actors is not None:
        least, most = request.actors
    else:
        least = most = cpus if corpus.rows > _SMALL else 1
    return min(least, units), min(most, units)


def _finish(
    request: TranslateRequest,
    info: dict[str, Any],
    corpus: InputCorpus,
    references: list[list[str]],
    output: Output,
    job: dict[str, Any],
    actors: int,
    started: float,
) -> Verdict:
    """Write report, manifest and _SUCCESS from the units' records."""
    records = [record for _, record in sorted(output.records().items())]
    counts = summary.total_counts(records)
    if counts["rows"] != corpus.rows or counts["translated"] + counts["rejected"] != corpus.rows:
        raise JobFailed(
            f"{request.output}: {corpus.rows:,} rows in, but {counts['translated']:,} translated "
            f"and {counts['rejected']:,} rejected; run it again with --overwrite"
        )
    report = _report(request, info, corpus, references, output, job, records, counts)
    decoding = sum(record["decode_seconds"] for record in records)
    parallel = max(actors, 1)
    report["throughput"] = {
        "sentences_per_second": round(counts["translated"] / max(decoding / parallel, 1e-9), 2),
        "target_tokens_per_second": round(
            counts["target_tokens"] / max(decoding / parallel, 1e-9), 2
        ),
        "decode_seconds": round(decoding, 2),
        "total_seconds": round(time.monotonic() - started, 2),
        "actors": actors,
    }
    share = counts["rejected"] / corpus.rows
    status, verdict = 0, "done"
    if share > request.max_rejected:
        status = 3
        verdict = (
            f"{100 * share:.2f} % of the rows were rejected, more than --max-rejected "
            f"{100 * request.max_rejected:.2f} %"
        )
    report["verdict"] = verdict
    folder = request.output / "report"
    (folder / "report.json").write_json(report)
    images = [(f"row {row}", image) for row, image in sorted(output.heatmaps().items())]
    (folder / "index.html").write_text(page.render(report, images))
    manifest = {
        **job,
        "exit_status": status,
        "verdict": verdict,
        "created": report["created"],
        "counts": counts,
        "input_files": corpus.inputs,
        "versions": report["versions"],
        "files": {name: entry for record in records for name, entry in record["files"].items()},
    }
    (request.output / "manifest.json").write_json(manifest)
    (request.output / "_SUCCESS").write_bytes(b"")
    return Verdict(status, verdict, report)


def _report(
    request: TranslateRequest,
    info: dict[str, Any],
    corpus: InputCorpus,
    references: list[list[str]],
    output: Output,
    job: dict[str, Any],
    records: list[dict[str, Any]],
    counts: dict[str, Any],
) -> dict[str, Any]:
    sentences = summary.Sentences(output, records, references, request.reference_column)
    name = next(name for name in info["files"] if name.startswith("target."))
    vocabulary = load_vocabulary(info["tokenizer"], (request.model / name).read_bytes())
    scored = summary.scores(sentences, vocabulary, DataSettings.model_validate(info["data"]))
    direction = info.get("direction") or {}
    report: dict[str, Any] = {
        "title": f"Translation of {PurePosixPath(request.input).name or request.input}",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": {
            "id": info["model_id"],
            "name": str(request.model),
            "direction": f"{direction.get('source', '?')} → {direction.get('target', '?')}",
            "parameters": info["parameters"],
            "architecture": info["architecture"],
            "validation": info.get("validation"),
        },
        "counts": counts,
        "rates": summary.rates(counts, records, scored.pop("reference_words", None)),
        **scored,
        "samples": list(sentences.samples(summary.page_samples(corpus.rows))),
        "settings": {**job["settings"], "batch_size": request.batch_size},
        "inputs": corpus.inputs,
        "versions": {
            "nmt": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "ray", "pyarrow")},
            "sacrebleu": version("sacrebleu"),
        },
    }
    if (aligned := summary.alignment(records)) is not None:
        report["alignment"] = aligned
    return report

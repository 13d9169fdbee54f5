"""`nmt evaluate`: score a finished translation, alone or against a baseline, with a report."""

from __future__ import annotations

import datetime
import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from nmt.console import activity
from nmt.errors import UnusableInput
from nmt.evaluation import measures, samples
from nmt.evaluation.alarms import GATE, metric_alarms
from nmt.evaluation.comparison import most_different, paired, searched_otherwise
from nmt.evaluation.error_rates import error_rates
from nmt.evaluation.metric_scores import MetricScores
from nmt.evaluation.request import KIND, EvaluateRequest, Material, check
from nmt.evaluation.sentences import References, Sentence
from nmt.evaluation.system import System, read_system
from nmt.evaluation.totals import RANGES, GroupSums, range_of, scores_by_length
from nmt.evaluation.translations import Translations
from nmt.records.report import (
    ChangedSample,
    Comparison,
    EvaluationReport,
    EvaluationSettings,
    Grouping,
    LengthScores,
    MetricComparison,
    Sample,
    WordAttention,
)
from nmt.report import page, picture
from nmt.report.length_plot import length_plot
from nmt.storage.location import Location
from nmt.tables.values import json_values
from nmt.version import __version__

log = logging.getLogger(__name__)

_HEATMAPS = 16  # of the candidate's, on the page


def evaluate(request: EvaluateRequest) -> EvaluationReport:
    """Evaluate a finished output of a translation job and write the report.

    Args:
        request: the evaluation.

    Returns:
        The content of ``report.json``.

    Raises:
        UnusableInput: outputs, references or gold alignments that cannot be used; then nothing
            is written.
    """
    with activity("reading"):
        material = check(request)
    with activity("scoring"):
        report = _report(request, material)
    _write(request, material.candidate, report)
    return report


def _report(request: EvaluateRequest, material: Material) -> EvaluationReport:
    output = material.candidate
    normalizations = output.normalizations()
    own = read_system(request, material, output, normalizations, request.group_by)
    pages = samples.page_samples(output.rows)
    sentences = output.sentences(
        material.references, [*pages, *(suspect.row for suspect in own.worst)]
    )
    listed = {sentence.row: sentence for sentence in sentences}
    more: dict[str, object] = {}
    if material.baseline is None:
        if output.has_sources:
            every = np.arange(len(own.scorer))
            more["by_length"] = _by_length(own, None, every, every)
    else:
        other = read_system(request, material, material.baseline, normalizations)
        more |= _compared(own, other, material)
    if request.group_by:
        more["groups"] = _groups(own, material.scores)
    if request.gold_alignments or request.alignment_column:
        more["alignment"] = error_rates(
            output, material.references, request.own_alignment_column, material.gold
        )
    report = EvaluationReport(
        kind=KIND,
        title=f"Evaluation of {output.location.name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        model=output.model,
        counts=output.counts,
        rates=output.known_rates(measures.rates(output.rate_counts(), own.sums))
        | own.scorer.brevity(),
        scores=[
            *(score for scorer in own.scorers for score in scorer.scores()),
            *(metric.score() for metric in material.scores),
        ],
        scored_sentences=len(own.scorer),
        samples=_samples([listed[row] for row in pages if row in listed], output.attention()),
        suspicious=samples.suspicious(own.worst, listed.values()),
        settings=_settings(request),
        inputs=output.inputs,
        versions=_versions(),
    )
    report = report.model_copy(update=more)
    return report if report.comparison is None else _judged(request, report, report.comparison)


def _judged(
    request: EvaluateRequest, report: EvaluationReport, comparison: Comparison
) -> EvaluationReport:
    """The report with its alarms, and with the exit status that they give."""
    beyond = metric_alarms(comparison.metrics, request.drift)
    if not beyond:
        return report
    texts = "; ".join(alarm.text for alarm in beyond)
    verdict = "a gate says no" if request.gate else "done, but look"
    status = GATE if request.gate else 0
    outcome = {"alarms": beyond, "verdict": f"{verdict}: {texts}", "exit_status": status}
    return report.model_copy(update=outcome)


def _groups(own: System, metrics: Sequence[MetricScores]) -> list[Grouping]:
    """For each column its name and its groups."""
    result = []
    for number, grouping in enumerate(own.groupings):
        codes = np.asarray(own.codes[number])
        means = [
            {
                metric.name: mean
                for metric in metrics
                if (mean := metric.mean_of(np.flatnonzero(codes == code))) is not None
            }
            for code in range(len(grouping))
        ]
        table = grouping.table(own.scorer.metrics, own.group_sums(number), means=means)
        values = [
            group.model_copy(update={"rates": own.output.known_rates(group.rates)})
            for group in table
        ]
        result.append(Grouping(column=grouping.column, values=values))
    return result


def _compared(own: System, other: System, material: Material) -> dict[str, object]:
    """For the common sentences: scores by length, the paired test, and the largest differences."""
    ids, other_ids = (
        keys.take(pa.array(np.array(one.places)))
        for one, keys in zip((own, other), _keys(own.output, other.output), strict=True)
    )
    here, there = paired(ids, other_ids)
    if not len(here):
        raise UnusableInput(
            f"{other.output.location}: has no scored sentence in common with "
            f"{own.output.location}; a baseline must be a translation of the same input"
        )
    sources, others = np.array(own.sources)[here], np.array(other.sources)[there]
    both = own.output.has_sources and other.output.has_sources
    if both and len(odd := np.flatnonzero(sources != others)):
        (shown,) = json_values(ids.slice(here[odd[0]], 1))
        raise UnusableInput(
            f"{other.output.location}: id {shown!r} is another sentence "
            f"than in {own.output.location}; a baseline must be a translation of the same input"
        )
    scores = own.scorers[-1].sentence_scores("chrF")[here]  # of raw text
    baseline = other.scorers[-1].sentence_scores("chrF")[there]
    chosen = most_different(scores, baseline)
    pairs = [(own.rows[here[i]], other.rows[there[i]]) for i in chosen.tolist()]
    texts = _by_row(own.output, material.references, [row for row, _ in pairs])
    theirs = _by_row(other.output, References(), [row for _, row in pairs])
    lengths = own.output.has_sources
    searches = searched_otherwise(own.output, other.output)
    remarks: dict[str, Any] = {} if searches is None else {"searches": searches}
    return {
        **({"by_length": _by_length(own, other, here, there)} if lengths else {}),
        "comparison": Comparison(
            baseline=other.output.location.shown,
            baseline_model_id=other.output.model.id,
            sentences=len(here),
            metrics=[
                *own.scorer.compare(other.scorer, here, there),
                *_others(own, other, material),
            ],
            **remarks,
        ),
        "differences": [
            ChangedSample(
                **samples.sample(texts[row]).to_json() | {"chrf": round(float(scores[i]), 2)},
                baseline=samples.clipped(theirs[their_row].translation),
                baseline_chrf=round(float(baseline[i]), 2),
                difference=round(float(scores[i] - baseline[i]), 2),
            )
            for i, (row, their_row) in zip(chosen.tolist(), pairs, strict=True)
        ],
    }


def _by_length(
    own: System, other: System | None, here: np.ndarray, there: np.ndarray
) -> list[LengthScores]:
    """Scores by source length: of the sentences at some places, beside the other's at theirs."""
    metrics, ranges = own.scorer.metrics, range_of(own.lengths)[here]
    sums = GroupSums(RANGES, metrics.width)
    sums.add(ranges, own.scorer.statistics[here])
    if other is None:
        return scores_by_length(metrics, sums)
    beside = GroupSums(RANGES, metrics.width)
    beside.add(ranges, other.scorer.statistics[there])
    return scores_by_length(metrics, sums, beside)


def _others(own: System, other: System, material: Material) -> Iterator[MetricComparison]:
    """The comparison of the metrics of which both systems have scores."""
    theirs = {metric.name: metric for metric in material.baseline_scores}
    here, there = paired(*_keys(own.output, other.output))
    for metric in material.scores:
        if (baseline := theirs.get(metric.name)) is None:
            log.info(f"{metric.name}: no such column in --baseline-scores; not compared")
        elif entry := metric.compare(baseline, here, there):
            yield entry


def _keys(own: Translations, other: Translations) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """By what the translated rows of two systems are known: their ids, or where one of them has
    none, their numbers."""
    if own.numbered == other.numbered:
        return own.ids, other.ids
    numbers, others = (pa.chunked_array([pa.array(one.numbers)]) for one in (own, other))
    return numbers, others


def _by_row(output: Translations, references: References, rows: list[int]) -> dict[int, Sentence]:
    return {sentence.row: sentence for sentence in output.sentences(references, rows)}


def _write(request: EvaluateRequest, candidate: Translations, report: EvaluationReport) -> None:
    names = [output.shown for output in (request.candidate, request.baseline) if output]
    if plot := length_plot([entry.to_json() for entry in report.by_length], names):
        (request.output / "lengths.png").write_bytes(plot)
        if line := picture.warning([plot]):
            log.warning(line)
    html = page.render(report.to_json(), candidate.heatmaps(_HEATMAPS))
    (request.output / "index.html").write_text(html)
    (request.output / "report.json").write_json(report)


def _samples(sentences: list[Sentence], kept: Mapping[int | str, WordAttention]) -> list[Sample]:
    """Sentences of the page, with the attention in the translation job's report."""
    return [
        samples.sample(s).model_copy(update={"attention": kept[s.id]} if s.id in kept else {})
        for s in sentences
    ]


def _settings(request: EvaluateRequest) -> EvaluationSettings:
    gold, source = request.gold_alignments, request.source
    settings = {
        "candidate": request.candidate.shown,
        "baseline": request.baseline.shown if request.baseline else None,
        "references": _shown(request.references),
        "reference_column": request.reference_column,
        "gold_alignments": Location(gold).shown if gold else None,
        "alignment_column": request.alignment_column,
        "lowercase": request.lowercase,
        "tokenize": request.tokenize,
    }
    more = {
        "candidate_column": request.candidate_column,
        "source": Location(source).shown if source else None,
        "source_column": request.source_column,
        "id_column": request.id_column,
        "target_language": request.target_language,
        "scores": _shown(request.scores),
        "baseline_scores": _shown(request.baseline_scores),
        "lower_is_better": list(request.lower_is_better),
        "group_by": list(request.group_by),
    }
    settings |= {name: value for name, value in more.items() if value}
    return EvaluationSettings.model_validate(settings)


def _shown(names: Sequence[str]) -> list[str]:
    return [Location(name).shown for name in names]


def _versions() -> dict[str, str]:
    libraries = ("sacrebleu", "numpy", "pyarrow")
    return {
        "nmt": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }

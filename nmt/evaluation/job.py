"""`nmt evaluate`: score a finished translation, alone or against a baseline, with a report."""

from __future__ import annotations

import datetime
import logging
import platform
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain

import numpy as np
import pyarrow as pa

from nmt.console import activity
from nmt.errors import UnusableInput
from nmt.evaluation import quality_checks, rates, samples
from nmt.evaluation.comparison import most_different, paired
from nmt.evaluation.error_rates import error_rates
from nmt.evaluation.lengths import BaselineScores, scores_by_length, source_length
from nmt.evaluation.measures import Measures
from nmt.evaluation.normalization import Normalization
from nmt.evaluation.request import KIND, EvaluateRequest, Material, check
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import References, Sentence, chunks
from nmt.evaluation.translations import Translations
from nmt.records.output import Suspect
from nmt.records.report import (
    ChangedSample,
    Comparison,
    EvaluationReport,
    EvaluationSettings,
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
_TOKENISED = 0.5  # share of translations that end in " ." from which they look tokenised


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


def _numbers() -> array[int]:
    return array("q")


@dataclass
class _System:
    """One output, read through once: what it keeps of a scored sentence is numbers alone.

    Attributes:
        output: the translations.
        scorers: the sentences that have all references, one scorer per normalization.
        places: their positions among the translated rows.
        rows: their numbers in the input.
        lengths: words of their sources.
        sources: a checksum of the source of each.
        sums: over all sentences; see `rates.sums`.
        worst: the most suspicious sentences.
        spaced: scored translations that end in a full stop with a blank before it.
    """

    output: Translations
    scorers: list[Scorer]
    places: array[int] = field(default_factory=_numbers)
    rows: array[int] = field(default_factory=_numbers)
    lengths: array[int] = field(default_factory=_numbers)
    sources: array[int] = field(default_factory=_numbers)
    sums: dict[str, float] = field(default_factory=dict)
    worst: list[Suspect] = field(default_factory=list)
    spaced: int = 0

    def read(self, where: References) -> None:
        """Read the output and its references."""
        place = 0
        for chunk in chunks(self.output.sentences(where)):
            measures = Measures.of(chunk)
            self.sums = rates.added([self.sums, rates.sums(measures)])
            suspects = quality_checks.suspects(measures, [sentence.row for sentence in chunk])
            self.worst = quality_checks.worst(chain(self.worst, suspects))
            scored = []
            for position, sentence in enumerate(chunk, place):
                if references := sentence.complete:
                    scored.append((sentence.translation, references))
                    self.places.append(position)
                    self.rows.append(sentence.row)
                    self.lengths.append(source_length(sentence.source))
                    self.sources.append(zlib.crc32(sentence.source.encode("utf-8")))
                    self.spaced += sentence.translation.endswith(" .")
            for scorer in self.scorers:
                scorer.add(scored)
            place += len(chunk)

    @property
    def scorer(self) -> Scorer:
        """The scorer of the main normalization."""
        return self.scorers[0]


def _report(request: EvaluateRequest, material: Material) -> EvaluationReport:
    output = material.candidate
    normalizations = output.normalizations()
    own = _read(request, material, output, normalizations)
    pages = samples.page_samples(output.rows)
    sentences = output.sentences(
        material.references, [*pages, *(suspect.row for suspect in own.worst)]
    )
    listed = {sentence.row: sentence for sentence in sentences}
    more: dict[str, object] = {}
    if material.baseline is None:
        if output.has_sources:
            more["by_length"] = scores_by_length(own.lengths, own.scorer)
    else:
        other = _read(request, material, material.baseline, normalizations)
        more |= _compared(own, other, material.references)
    if request.gold_alignments or request.alignment_column:
        more["alignment"] = error_rates(
            output, material.references, request.alignment_column, material.gold
        )
    report = EvaluationReport(
        kind=KIND,
        title=f"Evaluation of {output.location.name}",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        model=output.model,
        counts=output.counts,
        rates=output.rates(own.sums) | own.scorer.brevity(),
        scores=[score for scorer in own.scorers for score in scorer.scores()],
        scored_sentences=len(own.scorer),
        samples=_samples([listed[row] for row in pages if row in listed], output.attention()),
        suspicious=samples.suspicious(own.worst, listed.values()),
        settings=_settings(request),
        inputs=output.inputs,
        versions=_versions(),
    )
    return report.model_copy(update=more)


def _read(
    request: EvaluateRequest,
    material: Material,
    output: Translations,
    normalizations: list[Normalization],
) -> _System:
    scorers = [
        Scorer(normalization, lowercase=request.lowercase, tokenize=material.tokenize)
        for normalization in normalizations
    ]
    system = _System(output, scorers)
    system.read(material.references)
    if not len(system.scorer):
        raise UnusableInput(
            f"{output.location}: no translated row has a reference; check --references or "
            "--reference-column"
        )
    if material.tokenize != "none" and system.spaced > _TOKENISED * len(system.scorer):
        log.info(
            f"{output.location}: the translations look tokenised (they end in ' .'); compare "
            "tokenised text with tokenised references, with --tokenize none"
        )
    return system


def _compared(own: _System, other: _System, references: References) -> dict[str, object]:
    """For the common sentences: scores by length, the paired test, and the largest differences."""
    ids, other_ids = _keys(own, other)
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
    texts = _by_row(own.output, references, [row for row, _ in pairs])
    theirs = _by_row(other.output, References(), [row for _, row in pairs])
    beside = BaselineScores(other.scorer, here, there)
    lengths = own.output.has_sources
    return {
        **({"by_length": scores_by_length(own.lengths, own.scorer, beside)} if lengths else {}),
        "comparison": Comparison(
            baseline=other.output.location.shown,
            baseline_model_id=other.output.model.id,
            sentences=len(here),
            metrics=own.scorer.compare(other.scorer, here, there),
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


def _keys(own: _System, other: _System) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """By what the scored sentences of two systems are known: their ids, or where one of them has
    none, their numbers."""
    if own.output.numbered != other.output.numbered:
        rows, other_rows = (pa.chunked_array([np.array(one.rows)]) for one in (own, other))
        return rows, other_rows
    ids, other_ids = (one.output.ids.take(pa.array(np.array(one.places))) for one in (own, other))
    return ids, other_ids


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
    files = {
        "candidate_column": request.candidate_column,
        "source": Location(source).shown if source else None,
        "source_column": request.source_column,
        "id_column": request.id_column,
        "target_language": request.target_language,
    }
    return EvaluationSettings(
        candidate=request.candidate.shown,
        baseline=request.baseline.shown if request.baseline else None,
        references=[Location(name).shown for name in request.references],
        reference_column=request.reference_column,
        gold_alignments=Location(gold).shown if gold else None,
        alignment_column=request.alignment_column,
        lowercase=request.lowercase,
        tokenize=request.tokenize,
        **{name: value for name, value in files.items() if value is not None},
    )


def _versions() -> dict[str, str]:
    libraries = ("sacrebleu", "numpy", "pyarrow")
    return {
        "nmt": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }

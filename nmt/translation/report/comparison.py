"""What a report says of a translation beside its baseline, the output of an earlier night."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from nmt.evaluation import samples
from nmt.evaluation.baseline import Baseline
from nmt.evaluation.comparison import LISTED
from nmt.evaluation.metrics import differences as signature_differences
from nmt.evaluation.metrics import sentence_chrf
from nmt.evaluation.sentences import Sentence
from nmt.records.report import (
    Beside,
    ChangedSample,
    Comparison,
    Measured,
    MetricComparison,
    Report,
    Score,
)
from nmt.translation.report.scoring import Scoring, ScoringOptions

_SPEEDS = ("sentences_per_second", "target_tokens_per_second")


def compared(
    measured: Measured,
    earlier: Report,
    baseline: Baseline,
    scoring: Scoring,
    options: ScoringOptions,
) -> Comparison:
    """A translation beside its baseline.

    Args:
        measured: the translation.
        earlier: the baseline's report.
        baseline: the baseline.
        scoring: has read the translation, and what the baseline has of it.
        options: how.
    """
    changes, metrics = scoring.changes, scoring.compared(options)
    reason = None if metrics else _not_comparable(measured, earlier)
    return Comparison(
        baseline=baseline.output.location.shown,
        baseline_model_id=baseline.output.manifest.model_id,
        baseline_created=earlier.created or None,
        paired=changes.paired,
        changed=round(changes.changed / changes.paired, 6) if changes.paired else None,
        sentences=scoring.scored_pairs,
        metrics=metrics,
        rates=_beside(measured.rates, earlier.rates),
        # 0: nothing was decoded.
        throughput=_beside({k: v for k, v in _speeds(measured).items() if v}, _speeds(earlier)),
        **({} if metrics else {"not_comparable": reason}),
    )


def bleu_of_both(
    measured: Measured, earlier: Report, comparison: Comparison
) -> MetricComparison | None:
    """BLEU beside the baseline's: of the sentences that both have, else of both outputs as they
    are, if they were scored alike."""
    paired = next((metric for metric in comparison.metrics if metric.metric == "BLEU"), None)
    if paired is not None:
        return paired
    own, other = _bleu(measured), _bleu(earlier)
    if own is None or other is None or _not_comparable(measured, earlier):
        return None
    return MetricComparison(
        metric="BLEU",
        score=own.score,
        baseline=other.score,
        difference=own.score - other.score,
        p=None,
    )


def _speeds(measured: Measured) -> dict[str, float]:
    return {name: getattr(measured.throughput, name) for name in _SPEEDS}


def _beside(own: Mapping[str, float], other: Mapping[str, float]) -> dict[str, Beside]:
    """What both have: the value, the baseline's, and the difference."""
    return {
        name: Beside(
            value=own[name],
            baseline=other[name],
            difference=round(own[name] - other[name], 6),
        )
        for name in own
        if name in other
    }


def _bleu(measured: Measured) -> Score | None:
    return next((score for score in measured.scores if score.metric == "BLEU"), None)


def _not_comparable(measured: Measured, earlier: Report) -> str | None:
    """Why BLEU of the whole outputs cannot be compared; None where it can, or one has none."""
    own, other = _bleu(measured), _bleu(earlier)
    if own is None or other is None:
        return None
    reasons = signature_differences(other.signature, own.signature)
    if own.text != other.text:
        reasons.append(f"text:{other.text} → text:{own.text}")
    return f"BLEU cannot be compared with the baseline's: {', '.join(reasons)}" if reasons else None


def differences(
    baseline: Baseline,
    scoring: Scoring,
    read: Callable[[Iterable[int]], Iterator[Sentence]],
) -> list[ChangedSample]:
    """The sentences that differ most from the baseline's, as a report shows them.

    With references by chrF of both against them; without, those whose translations have the
    least in common, by chrF of the one against the other, among changed ones drawn at random.

    Args:
        baseline: the baseline.
        scoring: has read the translation, and what the baseline has of it.
        read: the translated rows of the given numbers.
    """
    if not scoring.scored_pairs:
        drawn = scoring.changes.drawn
        return _least_alike([*read(drawn)], baseline.texts([*drawn.values()]))
    rows, places, chrf = scoring.most_changed()
    texts = dict(zip(rows, baseline.texts(places), strict=True))
    listed = {sentence.row: sentence for sentence in read(rows)}
    return [
        ChangedSample(
            **samples.sample(listed[row]).to_json() | {"chrf": round(own, 2)},
            baseline=samples.clipped(texts[row] or ""),
            baseline_chrf=round(other, 2),
            difference=round(own - other, 2),
        )
        for row, (own, other) in zip(rows, chrf, strict=True)
    ]


def _least_alike(
    sentences: Sequence[Sentence], others: Sequence[str | None]
) -> list[ChangedSample]:
    alike = [
        (sentence_chrf(sentence.translation, [other]), sentence, other)
        for sentence, other in zip(sentences, others, strict=True)
        if other is not None
    ]
    alike.sort(key=lambda item: (item[0], item[1].row))
    return [
        ChangedSample(
            **samples.sample(sentence).to_json(),
            baseline=samples.clipped(other),
            similarity=round(similarity, 2),
        )
        for similarity, sentence, other in alike[:LISTED]
    ]

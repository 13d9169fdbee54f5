"""What a report says of a translation beside its baseline, the output of an earlier night."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nmt.evaluation import samples
from nmt.evaluation.baseline import Baseline
from nmt.evaluation.comparison import LISTED
from nmt.evaluation.scores import sentence_chrf
from nmt.evaluation.sentences import Sentence
from nmt.evaluation.signatures import differences as signature_differences
from nmt.translation.report.scoring import Scoring

_SPEEDS = ("sentences_per_second", "target_tokens_per_second")


def compared(
    report: Mapping[str, Any],
    earlier: Mapping[str, Any],
    baseline: Baseline,
    scoring: Scoring,
) -> dict[str, Any]:
    """The entry ``comparison`` of a report.

    Args:
        report: of the translation; it holds rates, throughput and perhaps scores.
        earlier: the baseline's report.
        baseline: the baseline.
        scoring: has read the translation, and what the baseline has of it.
    """
    found = report["throughput"]
    speeds = {name: found[name] for name in _SPEEDS if found[name]}  # 0: nothing was decoded
    comparison = {
        "baseline": baseline.output.location.shown,
        "baseline_model_id": baseline.output.manifest["model_id"],
        "baseline_created": earlier.get("created"),
        **scoring.comparison(),
        "rates": _beside(report["rates"], earlier["rates"]),
        "throughput": _beside(speeds, earlier.get("throughput", {})),
    }
    if not comparison["metrics"]:
        comparison["not_comparable"] = _not_comparable(report, earlier)
    return comparison


def bleu_of_both(report: Mapping[str, Any], earlier: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """BLEU beside the baseline's: of the sentences that both have, else of both outputs as they
    are, if they were scored alike."""
    paired = _bleu(report["comparison"]["metrics"])
    own, other = (_bleu(found.get("scores") or []) for found in (report, earlier))
    if paired is not None or own is None or other is None or _not_comparable(report, earlier):
        return paired
    return {"score": own["score"], "baseline": other["score"]}


def _beside(own: Mapping[str, float], other: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """What both have: the value, the baseline's, and the difference."""
    return {
        name: {
            "value": own[name],
            "baseline": other[name],
            "difference": round(own[name] - other[name], 6),
        }
        for name in own
        if name in other
    }


def _bleu(metrics: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((entry for entry in metrics if entry["metric"] == "BLEU"), None)


def _not_comparable(report: Mapping[str, Any], earlier: Mapping[str, Any]) -> str | None:
    """Why BLEU of the whole outputs cannot be compared; None where it can, or one has none."""
    own, other = (_bleu(found.get("scores") or []) for found in (report, earlier))
    if own is None or other is None:
        return None
    found = signature_differences(other["signature"], own["signature"])
    if own["text"] != other["text"]:
        found.append(f"text:{other['text']} → text:{own['text']}")
    return f"BLEU cannot be compared with the baseline's: {', '.join(found)}" if found else None


def differences(
    baseline: Baseline,
    scoring: Scoring,
    read: Callable[[Iterable[int]], Iterator[Sentence]],
) -> list[dict[str, Any]]:
    """The sentences that differ most from the baseline's, as a report shows them.

    With references by chrF of both against them; without, those whose translations have the
    least in common, by chrF of the one against the other, among changed ones drawn at random.

    Args:
        baseline: the baseline.
        scoring: has read the translation, and what the baseline has of it.
        read: the translated rows of the given numbers.
    """
    rows, chrf = scoring.most_changed()
    if not scoring.scored_pairs:
        return _least_alike(baseline, list(read(scoring.sampled_changes)))
    found = list(read(rows))
    texts = dict(zip([s.row for s in found], baseline.translations(found), strict=True))
    listed = {sentence.row: sentence for sentence in found}
    return [
        {
            **samples.shown(listed[row]),
            "chrf": round(own, 2),
            "baseline": texts[row],
            "baseline_chrf": round(other, 2),
            "difference": round(own - other, 2),
        }
        for row, (own, other) in zip(rows, chrf, strict=True)
    ]


def _least_alike(baseline: Baseline, sentences: Sequence[Sentence]) -> list[dict[str, Any]]:
    others = baseline.translations(sentences)
    alike = [
        (sentence_chrf(sentence.translation, [other]), sentence, other)
        for sentence, other in zip(sentences, others, strict=True)
        if other is not None
    ]
    alike.sort(key=lambda item: (item[0], item[1].row))
    return [
        {**samples.shown(sentence), "baseline": other, "similarity": round(similarity, 2)}
        for similarity, sentence, other in alike[:LISTED]
    ]

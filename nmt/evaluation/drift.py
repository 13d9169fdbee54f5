"""Alarms where a translation has drifted from its baseline, the output of an earlier night.

The whole outputs are compared, whatever sentences they have in common: a change of the input
shows here as well as one of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from nmt.settings import DriftSettings

_SIGNIFICANT = 0.05  # one-sided, as the alarm is: one in twenty where only chance is at work


class _Measure(NamedTuple):
    """How one rate is watched: ``lower``, ``higher`` or ``either`` way it may go wrong."""

    title: str
    wrong: str
    relative: bool = False
    share: bool = False


_RATES = {
    "score": _Measure("score", "lower"),
    "length_ratio": _Measure("length ratio", "either", relative=True),
    "unk": _Measure("share of unknown tokens", "higher", share=True),
    "rejected": _Measure("share of rejected rows", "higher", share=True),
    "attention_entropy": _Measure("attention entropy", "either"),
}


def alarms(
    rates: Mapping[str, float],
    baseline: Mapping[str, float],
    bleu: Mapping[str, Any] | None,
    settings: DriftSettings,
) -> list[dict[str, Any]]:
    """What has drifted.

    Args:
        rates: of the translation, as `nmt.evaluation.rates` makes them.
        baseline: those of the baseline.
        bleu: ``score``, ``baseline`` and, of the same sentences, ``p`` (one-sided, see
            `nmt.evaluation.significance.paired_p_value`); None where unknown.
        settings: from which difference on it is an alarm.

    Returns:
        For each alarm ``measure``, ``value``, ``baseline``, ``limit`` and ``text``: one line
        with both numbers.
    """
    found = []
    for name, measure in _RATES.items():
        limit, value, other = getattr(settings, name), rates.get(name), baseline.get(name)
        if limit is None or value is None or other is None:
            continue
        change = value - other
        if measure.relative:
            change = change / other if other else float(change != 0)
        wrong = {"lower": -change, "higher": change, "either": abs(change)}[measure.wrong]
        if wrong > limit:
            found.append(_alarm(name, measure, value, other, limit))
    if bleu and settings.bleu is not None and bleu["baseline"] - bleu["score"] > settings.bleu:
        p = bleu.get("p")
        if p is None or p < _SIGNIFICANT:
            measure = _Measure("BLEU", "lower")
            found.append(_alarm("bleu", measure, bleu["score"], bleu["baseline"], settings.bleu))
    return found


def _alarm(
    name: str, measure: _Measure, value: float, other: float, limit: float
) -> dict[str, Any]:
    if measure.share:
        numbers = f"{100 * value:.2f} % against {100 * other:.2f} %"
    elif name == "bleu":
        numbers = f"{value:.2f} against {other:.2f}"
    else:
        numbers = f"{value:.3f} against {other:.3f}"
    way = "lower" if value < other else "higher"
    text = f"{measure.title} {numbers} of the baseline, {way} by more than drift.{name}={limit:g}"
    return {"measure": name, "value": value, "baseline": other, "limit": limit, "text": text}

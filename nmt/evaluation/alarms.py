"""What a person should look at before using a translation: each measure beyond its limits.

A limit is absolute (settings ``gate``, ``--max-rejected``), or relative to a baseline, the output
of an earlier night (settings ``drift``). A baseline is compared as a whole, whatever sentences it
has in common with the translation: a change of the input shows as well as one of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nmt.report.numbers import percent
from nmt.settings import DriftSettings, GateSettings

MAX_REJECTED = "--max-rejected"
_SIGNIFICANT = 0.05  # one-sided, as the alarm is: one in twenty where only chance is at work


class _Measure(NamedTuple):
    """How one number is told and watched: ``lower``, ``higher`` or ``either`` way it goes wrong."""

    sentence: str
    wrong: str
    share: bool = False
    relative: bool = False

    def write(self, value: float, *others: float) -> str:
        """A value, with as many digits as tell it from others."""
        text, *same = (percent(v) if self.share else f"{v:.3f}" for v in (value, *others))
        digits = 3
        while text in same and value not in others and digits < 15:
            digits += 1
            text, *same = (self._write(v, digits) for v in (value, *others))
        return text

    def _write(self, value: float, digits: int) -> str:
        return f"{100 * value:.{digits - 2}f} %" if self.share else f"{value:.{digits}f}"


# In the order in which they are told.
_MEASURES = {
    "rejected": _Measure("{} of the rows are rejected", "higher", share=True),
    "suspicious": _Measure("{} of the translations are suspicious", "higher", share=True),
    "truncated": _Measure(
        "{} of the translations are cut off at the length limit", "higher", share=True
    ),
    "repetition": _Measure("{} of the translations repeat themselves", "higher", share=True),
    "unk": _Measure("{} of the tokens are unknown words", "higher", share=True),
    "bytes": _Measure(
        "{} of the source tokens are bytes, of characters that the vocabulary lacks",
        "higher",
        share=True,
    ),
    "score": _Measure("the mean score is {} nats a token", "lower"),
    "length_ratio": _Measure("the length ratio is {}", "either", relative=True),
    "attention_entropy": _Measure("the attention's entropy is {} nats", "either"),
    "bleu": _Measure("BLEU is {}", "lower"),
}


@dataclass(frozen=True)
class Limits:
    """What the numbers of a translation are held against.

    Attributes:
        gate: the absolute limits.
        max_rejected: and that of the share of rejected rows.
        drift: how far it may be from a baseline.
    """

    gate: GateSettings
    max_rejected: float
    drift: DriftSettings


def alarms(
    rates: Mapping[str, float],
    limits: Limits,
    baseline: Mapping[str, float] | None = None,
    bleu: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """What is beyond its limits, each measure at most once.

    Args:
        rates: of the translation, as `nmt.evaluation.rates` makes them.
        limits: what is too much.
        baseline: the rates of the baseline, if there is one.
        bleu: ``score``, ``baseline`` and, of the same sentences, ``p`` (one-sided, see
            `nmt.evaluation.significance.paired_p_value`); None where unknown.

    Returns:
        For each alarm ``measure``, ``value``, ``baseline`` (where it is one of drift), ``limits``
        (the settings that it breaks, and their values) and ``text``: one line with all of that.
    """
    values, others = dict(rates), dict(baseline or {})
    drift = limits.drift.model_dump()
    if bleu:
        values["bleu"], others["bleu"] = bleu["score"], bleu["baseline"]
        if (p := bleu.get("p")) is not None and p >= _SIGNIFICANT:
            drift["bleu"] = None
    gate = {**limits.gate.model_dump(), "rejected": limits.max_rejected}
    found = []
    for name, measure in _MEASURES.items():
        value, other = values.get(name), others.get(name)
        if value is None:
            continue
        alarm: dict[str, Any] = {"measure": name, "value": value, "limits": {}}
        words, beside = [], []
        limit = gate.get(name)
        if limit is not None and _excess(measure, value, limit) > 0:
            setting = MAX_REJECTED if name == "rejected" else f"gate.{name}"
            alarm["limits"][setting] = limit
            beside.append(limit)
            words.append(f"{'below' if value < limit else 'more than'} {setting}={limit:g}")
        limit = drift.get(name)
        if limit is not None and other is not None and _drift(measure, value, other) > limit:
            alarm["limits"][f"drift.{name}"] = limit
            alarm["baseline"] = other
            beside.append(other)
            words.append(
                f"{'lower' if value < other else 'higher'} than the baseline's "
                f"{measure.write(other, value)} by more than drift.{name}={limit:g}"
            )
        if words:
            text = (
                f"{measure.sentence.format(measure.write(value, *beside))}, {' and '.join(words)}"
            )
            found.append({**alarm, "text": text})
    return found


def _excess(measure: _Measure, value: float, other: float) -> float:
    """By how much a value is wrong beside another one; negative where it is better."""
    change = value - other
    return {"lower": -change, "higher": change, "either": abs(change)}[measure.wrong]


def _drift(measure: _Measure, value: float, other: float) -> float:
    """By how much, or what share of it, a value is wrong beside the baseline's."""
    if not measure.relative:
        return _excess(measure, value, other)
    return _excess(measure, value, other) / other if other else float(value != other)

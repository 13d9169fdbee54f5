"""Alarms: each measure of a translation that is beyond its limits.

A limit is absolute (settings ``gate``, ``--max-rejected``), or relative to a baseline, the output
of an earlier night (settings ``drift``). A baseline is compared as a whole, not only the common
sentences: so a change of the input shows, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nmt.evaluation.metrics import METRICS
from nmt.records.report import Alarm, MetricComparison
from nmt.report.numbers import percent
from nmt.settings import DriftSettings, GateSettings

MAX_REJECTED = "--max-rejected"
GATE = 3  # exit status: everything is written, but a gate says no
_SIGNIFICANT = 0.05  # one-sided: one false alarm in twenty


class _Measure(NamedTuple):
    """A measure: its sentence, and whether ``lower``, ``higher`` or ``either`` is an alarm."""

    sentence: str
    wrong: str
    share: bool = False
    relative: bool = False
    whole: bool = False

    def write(self, value: float, *others: float) -> str:
        """A value, with enough digits to differ from others."""
        if self.whole:
            return f"{value:,.0f}"
        text, *same = (percent(v) if self.share else f"{v:.3f}" for v in (value, *others))
        digits = 3
        while text in same and value not in others and digits < 15:
            digits += 1
            text, *same = (self._write(v, digits) for v in (value, *others))
        return text

    def _write(self, value: float, digits: int) -> str:
        return f"{100 * value:.{digits - 2}f} %" if self.share else f"{value:.{digits}f}"


# In the order of the messages.
_MEASURES = {
    "added_files": _Measure(
        "files added to the input while the job ran, and not translated: {}",
        "higher",
        whole=True,
    ),
    "rejected": _Measure("{} of the {things} are rejected", "higher", share=True),
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
    "score": _Measure("the mean score is {} nats per token", "lower"),
    "length_ratio": _Measure("the length ratio is {}", "either", relative=True),
    "attention_entropy": _Measure("the attention's entropy is {} nats", "either"),
    "bleu": _Measure("BLEU is {}", "lower"),
}


@dataclass(frozen=True)
class Limits:
    """The limits of the measures of a translation.

    Attributes:
        gate: the absolute limits.
        max_rejected: the limit of the share of rejected rows.
        drift: the limits of differences from a baseline.
    """

    gate: GateSettings
    max_rejected: float
    drift: DriftSettings


def alarms(
    rates: Mapping[str, float],
    limits: Limits,
    baseline: Mapping[str, float] | None = None,
    bleu: MetricComparison | None = None,
    things: str = "rows",
) -> list[Alarm]:
    """The measures beyond their limits, each at most once.

    Args:
        rates: of the translation, as `nmt.evaluation.measures` makes them.
        limits: of the measures.
        baseline: the rates of the baseline, if there is one.
        bleu: BLEU of both; None if unknown.
        things: what is translated: rows or, of several text columns, texts.

    Returns:
        The alarms: ``baseline`` is set for one of drift, ``limits`` has the settings that are
        exceeded, and ``text`` says all of it in one line.
    """
    values, others = dict(rates), dict(baseline or {})
    drift = limits.drift.model_dump()
    if bleu:
        values["bleu"], others["bleu"] = bleu.score, bleu.baseline
        if bleu.p is not None and bleu.p >= _SIGNIFICANT:
            drift["bleu"] = None
    gate = {**limits.gate.model_dump(), "rejected": limits.max_rejected}
    result = []
    for name, measure in _MEASURES.items():
        value, other = values.get(name), others.get(name)
        if value is None:
            continue
        exceeded: dict[str, float] = {}
        words, beside, drifted = [], [], {}
        limit = gate.get(name)
        if limit is not None and _excess(measure, value, limit) > 0:
            setting = MAX_REJECTED if name == "rejected" else f"gate.{name}"
            exceeded[setting] = limit
            beside.append(limit)
            words.append(f"{'below' if value < limit else 'more than'} {setting}={limit:g}")
        limit = drift.get(name)
        if limit is not None and other is not None and _drift(measure, value, other) > limit:
            exceeded[f"drift.{name}"] = limit
            drifted["baseline"] = other
            beside.append(other)
            words.append(
                f"{'lower' if value < other else 'higher'} than the baseline's "
                f"{measure.write(other, value)} by more than drift.{name}={limit:g}"
            )
        if words:
            sentence = measure.sentence.format(measure.write(value, *beside), things=things)
            text = f"{sentence}, {' and '.join(words)}"
            result.append(Alarm(measure=name, value=value, limits=exceeded, text=text, **drifted))
    return result


def metric_alarms(metrics: Sequence[MetricComparison], drift: DriftSettings) -> list[Alarm]:
    """The scores of an evaluation that are significantly worse than the baseline's: BLEU by more
    than ``drift.bleu``, those of other metrics by more than the share ``drift.metrics``.

    Args:
        metrics: the comparison.
        drift: the limits.
    """
    limits = Limits(GateSettings(), 1.0, drift)
    result = []
    for entry in metrics:
        if entry.metric == "BLEU":
            result += alarms({}, limits, None, entry)
        if entry.metric in METRICS or drift.metrics is None:
            continue
        worse = entry.difference if entry.lower_is_better else -entry.difference
        significant = entry.p is not None and entry.p < _SIGNIFICANT
        if significant and worse > drift.metrics * abs(entry.baseline):
            direction = "higher" if entry.lower_is_better else "lower"
            text = (
                f"{entry.metric} is {entry.score:.4f}, {direction} than the baseline's "
                f"{entry.baseline:.4f} by more than the share drift.metrics={drift.metrics:g}"
            )
            exceeded = {"drift.metrics": drift.metrics}
            alarm = Alarm(
                measure=entry.metric,
                value=entry.score,
                baseline=entry.baseline,
                limits=exceeded,
                text=text,
            )
            result.append(alarm)
    return result


def _excess(measure: _Measure, value: float, other: float) -> float:
    """By how much a value is worse than another; negative if it is better."""
    change = value - other
    return {"lower": -change, "higher": change, "either": abs(change)}[measure.wrong]


def _drift(measure: _Measure, value: float, other: float) -> float:
    """By how much a value is worse than the baseline's, or by what share of it."""
    if not measure.relative:
        return _excess(measure, value, other)
    return _excess(measure, value, other) / other if other else float(value != other)

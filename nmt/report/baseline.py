"""The page's sections on the baseline, and on groups of rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nmt.report.numbers import date, is_number, number, p_value, percent, signed, words
from nmt.report.quality import interval

_SHOWN = ("score", "length_ratio", "unk", "rejected", "attention_entropy")  # of a group's rates


class MetricRow(NamedTuple):
    """A score beside the baseline's."""

    metric: str
    score: str
    interval: str | None
    baseline: str
    baseline_interval: str | None
    difference: str
    p: str
    significant: bool


class NumberRow(NamedTuple):
    """A rate or speed beside the baseline's; `alarm` marks it."""

    name: str
    value: str
    baseline: str
    difference: str
    alarm: bool


class ComparisonSection(NamedTuple):
    """The baseline, the number of common sentences, the paired test, and rates."""

    baseline: str
    created: str | None
    paired: str | None
    changed: str
    sentences: str
    not_comparable: str | None
    rates: list[NumberRow]
    rows: list[MetricRow]


class GroupRow(NamedTuple):
    """The numbers of a group; `named` is whether its label is a value of the column."""

    label: str
    named: bool
    numbers: list[str]


class GroupTable(NamedTuple):
    """The groups of one column; `names` are the heads of the numbers."""

    column: str
    names: list[str]
    rows: list[GroupRow]


def comparison(
    comparison: Mapping[str, Any],
    alarms: Sequence[Mapping[str, Any]],
    rates: Mapping[str, tuple],
    throughput: Mapping[str, tuple],
) -> ComparisonSection | None:
    """Build the section on the baseline.

    Args:
        comparison: of the report; the section is None without metrics and rates.
        alarms: of the report; they mark rates.
        rates: name, meaning and format of each rate.
        throughput: name and format of each number of the throughput.
    """
    metrics = comparison.get("metrics") or []
    measures = {str(alarm.get("measure")) for alarm in alarms if "baseline" in alarm}
    numbers = [
        _number_row(names.get(key, (words(key), number)), entry, key in measures)
        for names, part in ((rates, "rates"), (throughput, "throughput"))
        for key, entry in (comparison.get(part) or {}).items()
        if isinstance(entry, Mapping)
    ]
    if not metrics and not numbers:
        return None
    created = comparison.get("baseline_created")
    return ComparisonSection(
        baseline=str(comparison.get("baseline")),
        created=date(created) if created else None,
        paired=number(comparison["paired"]) if comparison.get("paired") else None,
        changed=percent(comparison.get("changed")),
        sentences=number(comparison.get("sentences")),
        not_comparable=comparison.get("not_comparable"),
        rates=numbers,
        rows=[
            MetricRow(
                metric=str(entry.get("metric")),
                score=number(entry.get("score"), 1),
                interval=interval(entry.get("confidence")),
                baseline=number(entry.get("baseline"), 1),
                baseline_interval=interval(entry.get("baseline_confidence")),
                difference=signed(entry.get("difference"), 2),
                p=p_value(entry.get("p")),
                significant=is_number(p := entry.get("p")) and p < 0.05,
            )
            for entry in metrics
        ],
    )


def _number_row(description: tuple, entry: Mapping[str, Any], alarm: bool) -> NumberRow:
    name, form = description[0], description[-1]
    difference: Any = entry.get("difference")
    plus = "+" if is_number(difference) and difference > 0 else ""
    return NumberRow(
        name=name,
        value=form(entry.get("value")),
        baseline=form(entry.get("baseline")),
        difference=f"{plus}{form(difference)}",
        alarm=alarm,
    )


def groups(groups: Sequence[Mapping[str, Any]], rates: Mapping[str, tuple]) -> list[GroupTable]:
    """Build a table per column."""
    return [_table(group, rates) for group in groups]


def _table(group: Mapping[str, Any], rates: Mapping[str, tuple]) -> GroupTable:
    entries = group.get("values") or []
    scores = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER", "baseline": "Baseline BLEU"}
    scores = {key: name for key, name in scores.items() if any(key in e for e in entries)}
    measured = [
        key for key in _SHOWN if any(key in (entry.get("rates") or {}) for entry in entries)
    ]
    rows = []
    for entry in entries:
        own, value, other = entry.get("rates") or {}, entry.get("value"), entry.get("other")
        label = "other" if other else "null" if value is None else str(value) or "empty"
        numbers = [
            number(entry.get("rows")),
            *(number(entry.get(key), 1) for key in scores),
            *(rates[key][-1](own.get(key)) for key in measured),
        ]
        rows.append(GroupRow(label, not other and value not in (None, ""), numbers))
    heads = ["Rows", *scores.values(), *(rates[key][0] for key in measured)]
    return GroupTable(str(group.get("column")), heads, rows)

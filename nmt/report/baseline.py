"""What the page shows of a baseline, and of the groups that may have drifted from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmt.report.numbers import date, is_number, number, p_value, percent, signed, words
from nmt.report.quality import interval

_SHOWN = ("score", "length_ratio", "unk", "rejected", "attention_entropy")  # of a group's rates


def comparison(
    comparison: Mapping[str, Any],
    alarms: Sequence[Mapping[str, Any]],
    rates: Mapping[str, tuple],
    throughput: Mapping[str, tuple],
) -> dict[str, Any] | None:
    """The baseline, how many sentences both have, the paired test, and rates side by side.

    Args:
        comparison: of the report; without metrics and rates there is nothing to show.
        alarms: of the report; a rate that is one against the baseline is marked.
        rates: name, meaning and way of writing of each rate.
        throughput: name and way of writing of each number of the throughput.
    """
    metrics = comparison.get("metrics") or []
    measures = {str(alarm.get("measure")) for alarm in alarms if "baseline" in alarm}
    beside = [
        _beside(names.get(key, (words(key), number)), entry, key in measures)
        for names, part in ((rates, "rates"), (throughput, "throughput"))
        for key, entry in (comparison.get(part) or {}).items()
        if isinstance(entry, Mapping)
    ]
    if not metrics and not beside:
        return None
    return {
        "baseline": comparison.get("baseline"),
        "created": date(comparison["baseline_created"])
        if comparison.get("baseline_created")
        else None,
        "paired": number(comparison["paired"]) if comparison.get("paired") else None,
        "changed": percent(comparison.get("changed")),
        "sentences": number(comparison.get("sentences")),
        "not_comparable": comparison.get("not_comparable"),
        "rates": beside,
        "rows": [
            {
                "metric": entry.get("metric"),
                "score": number(entry.get("score"), 1),
                "interval": interval(entry.get("confidence")),
                "baseline": number(entry.get("baseline"), 1),
                "baseline_interval": interval(entry.get("baseline_confidence")),
                "difference": signed(entry.get("difference"), 2),
                "p": p_value(entry.get("p")),
                "significant": is_number(p := entry.get("p")) and p < 0.05,
            }
            for entry in metrics
        ],
    }


def _beside(named: tuple, entry: Mapping[str, Any], alarm: bool) -> dict[str, Any]:
    name, written = named[0], named[-1]
    difference: Any = entry.get("difference")
    plus = "+" if is_number(difference) and difference > 0 else ""
    return {
        "name": name,
        "value": written(entry.get("value")),
        "baseline": written(entry.get("baseline")),
        "difference": f"{plus}{written(difference)}",
        "alarm": alarm,
    }


def groups(groups: Sequence[Mapping[str, Any]], rates: Mapping[str, tuple]) -> list[dict[str, Any]]:
    """A table a column that was grouped by: its name, heads, and a row a value."""
    return [_table(group, rates) for group in groups]


def _table(group: Mapping[str, Any], rates: Mapping[str, tuple]) -> dict[str, Any]:
    entries = group.get("values") or []
    scores = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER", "baseline": "Baseline BLEU"}
    scores = {key: name for key, name in scores.items() if any(key in e for e in entries)}
    measured = [
        key for key in _SHOWN if any(key in (entry.get("rates") or {}) for entry in entries)
    ]
    rows = []
    for entry in entries:
        found, value = entry.get("rates") or {}, entry.get("value")
        named = value is not None and not entry.get("other")
        rows.append(
            {
                "label": str(value) if named else "other" if entry.get("other") else "null",
                "named": named and value != "",
                "numbers": [
                    number(entry.get("rows")),
                    *(number(entry.get(key), 1) for key in scores),
                    *(rates[key][-1](found.get(key)) for key in measured),
                ],
            }
        )
        if value == "":
            rows[-1]["label"] = "empty"
    heads = ["Rows", *scores.values(), *(rates[key][0] for key in measured)]
    return {"column": str(group.get("column")), "names": heads, "rows": rows}

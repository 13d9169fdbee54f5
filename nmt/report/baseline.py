"""The page's sections on the baseline, and on groups of rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmt.report.numbers import date, is_number, number, p_value, percent, signed, words
from nmt.report.quality import digits, interval, lower_is_better

_SHOWN = ("score", "length_ratio", "unk", "rejected", "attention_entropy")  # of a group's rates


def comparison(
    comparison: Mapping[str, Any],
    alarms: Sequence[Mapping[str, Any]],
    rates: Mapping[str, tuple],
    throughput: Mapping[str, tuple],
) -> dict[str, object] | None:
    """The baseline, the number of common sentences, the paired test, and rates side by side.

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
    return {
        "baseline": comparison.get("baseline"),
        "created": date(created) if created else None,
        "paired": number(comparison["paired"]) if comparison.get("paired") else None,
        "changed": percent(comparison.get("changed")),
        "sentences": number(comparison.get("sentences")),
        "remarks": [
            f"{text[:1].upper()}{text[1:]}"
            for key in ("not_comparable", "searches")
            if (text := comparison.get(key))
        ],
        "rates": numbers,
        "rows": [
            {
                "metric": entry.get("metric"),
                "score": number(entry.get("score"), digits(entry)),
                "interval": interval(entry.get("confidence"), digits(entry)),
                "baseline": number(entry.get("baseline"), digits(entry)),
                "baseline_interval": interval(entry.get("baseline_confidence"), digits(entry)),
                "difference": signed(entry.get("difference"), max(2, digits(entry))),
                "p": p_value(entry.get("p")),
                "lower": lower_is_better(entry),
                **_outcome(entry),
            }
            for entry in metrics
        ],
    }


def _outcome(entry: Mapping[str, Any]) -> dict[str, str | None]:
    """Whether a metric is significantly better or worse than the baseline's, and its colour."""
    p: Any = entry.get("p")
    difference: Any = entry.get("difference")
    if not is_number(p) or not is_number(difference) or p >= 0.05 or not difference:
        return {"outcome": "not significant", "tone": None}
    if (difference < 0) == lower_is_better(entry):
        return {"outcome": "significantly better", "tone": "good"}
    return {"outcome": "significantly worse", "tone": "warn"}


def _number_row(description: tuple, entry: Mapping[str, Any], alarm: bool) -> dict[str, object]:
    name, form = description[0], description[-1]
    difference: Any = entry.get("difference")
    shown = [form(entry.get("value")), form(entry.get("baseline"))]
    # As many places as the two numbers have, so that their difference is what a reader sees.
    places = max(len(text.rstrip(" %").partition(".")[2]) for text in shown)
    if form is percent and is_number(difference):
        change = f"{signed(100 * difference, places)} %"
    else:
        change = signed(difference, places)
    return {
        "name": name,
        "value": shown[0],
        "baseline": shown[1],
        "difference": change,
        "alarm": alarm,
    }


def groups(
    groups: Sequence[Mapping[str, Any]], rates: Mapping[str, tuple], things: str = "rows"
) -> list[dict[str, object]]:
    """A table per column: its name, heads, and a row per group.

    Args:
        groups: of the report.
        rates: name, meaning and format of each rate.
        things: what a group has: rows or texts.
    """
    return [_table(group, rates, things) for group in groups]


def _table(group: Mapping[str, Any], rates: Mapping[str, tuple], things: str) -> dict[str, object]:
    entries = group.get("values") or []
    scores = {"bleu": "BLEU", "chrf": "chrF", "chrfpp": "chrF++", "ter": "TER"}
    scores["baseline"] = "Baseline BLEU"
    scores = {key: name for key, name in scores.items() if any(key in e for e in entries)}
    metrics = list(dict.fromkeys(name for e in entries for name in e.get("metrics") or {}))
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
            *(number((entry.get("metrics") or {}).get(name), 4) for name in metrics),
            *(rates[key][-1](own.get(key)) for key in measured),
        ]
        named = not other and value not in (None, "")
        rows.append({"label": label, "named": named, "numbers": numbers})
    heads = [things.capitalize(), *scores.values(), *metrics, *(rates[key][0] for key in measured)]
    return {"column": str(group.get("column")), "names": heads, "rows": rows}

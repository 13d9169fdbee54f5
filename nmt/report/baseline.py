"""The page's sections on the baseline, and on groups of rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from nmt.report.numbers import date, is_number, number, p_value, percent, signed, words
from nmt.report.quality import digits, interval

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
        "not_comparable": comparison.get("not_comparable"),
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
                "significant": is_number(p := entry.get("p")) and p < 0.05,
            }
            for entry in metrics
        ],
    }


def _number_row(description: tuple, entry: Mapping[str, Any], alarm: bool) -> dict[str, object]:
    name, form = description[0], description[-1]
    difference: Any = entry.get("difference")
    plus = "+" if is_number(difference) and difference > 0 else ""
    return {
        "name": name,
        "value": form(entry.get("value")),
        "baseline": form(entry.get("baseline")),
        "difference": f"{plus}{form(difference)}",
        "alarm": alarm,
    }


def groups(
    groups: Sequence[Mapping[str, Any]], rates: Mapping[str, tuple]
) -> list[dict[str, object]]:
    """A table per column: its name, heads, and a row per group."""
    return [_table(group, rates) for group in groups]


def _table(group: Mapping[str, Any], rates: Mapping[str, tuple]) -> dict[str, object]:
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
    heads = ["Rows", *scores.values(), *metrics, *(rates[key][0] for key in measured)]
    return {"column": str(group.get("column")), "names": heads, "rows": rows}

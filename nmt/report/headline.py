"""The top of the page, how the job ended and the headline numbers; and the rejected rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nmt.reject_reasons import TRANSLATE, RejectReason
from nmt.report import quality
from nmt.report.numbers import is_number, number, p_value, percent, signed

_DESCRIPTIONS = RejectReason.descriptions_of(TRANSLATE)

_TILE_METRICS = {"bleu": "BLEU", "chrf": "chrF", "chrf2": "chrF", "ter": "TER"}


def things_of(report: Mapping[str, Any]) -> str:
    """What is translated: ``rows`` or, of several text columns, ``texts``."""
    if (report.get("settings") or {}).get("text_columns"):
        return "texts"
    samples = [*(report.get("samples") or []), *(report.get("rejected") or [])]
    return "texts" if any(sample.get("text_column") for sample in samples) else "rows"


def reasons(
    counts: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]
) -> list[dict[str, object]]:
    """Each reason with its count, what it means and its first rows; the most frequent first.

    Args:
        counts: of the report.
        samples: rejected rows of the report.
    """
    by_reason = counts.get("rejected_by_reason") or {}
    return [
        {
            "name": str(reason),
            "count": number(count),
            "description": _DESCRIPTIONS.get(str(reason), ""),
            "samples": [_row(sample) for sample in own],
            "several": any(sample.get("text_column") for sample in own),
        }
        for reason, count in sorted(by_reason.items(), key=lambda item: (-item[1], str(item[0])))
        for own in [[sample for sample in samples if sample.get("reason") == reason]]
    ]


def _row(sample: Mapping[str, Any]) -> dict[str, object]:
    source = sample.get("source")
    return {
        "id": sample.get("id"),
        "text_column": sample.get("text_column"),
        "source": None if source is None else str(source),
    }


class Tile(NamedTuple):
    """A headline number."""

    label: str
    value: str
    note: str | None
    better: str | None = None
    lead: bool = False
    alarm: bool = False


def judged(rates: Mapping[str, Any]) -> str:
    """Why a translation counts as suspicious, in words: in a file that no model tells of, neither
    how sure it was nor where it looked."""
    checks = ["looping", "empty"]
    if "score" in rates:
        checks += ["cut off", "low score"]
    if "coverage" in rates:
        checks += ["low coverage"]
    return f"{', '.join(checks[:-1])} or {checks[-1]}"


def outcome(report: Mapping[str, Any]) -> dict[str, object] | None:
    """How the job ended, with its alarms; None if the report does not say."""
    alarms = [_sentence(alarm) for alarm in report.get("alarms") or []]
    text = str(report.get("verdict") or "")
    if alarms:  # the alarms, which the text repeats in one line, have a line each
        text = text.partition(": ")[0] or "alarms"
    if not text:
        return None
    return {
        "text": text[:1].upper() + text[1:],
        "alarms": alarms,
        "tone": "bad" if report.get("exit_status") else "warn" if alarms else None,
    }


def _sentence(alarm: Mapping[str, Any]) -> str:
    """The text of an alarm, which begins with a capital unless the name of a metric does not."""
    text = str(alarm.get("text"))
    named = text.startswith(f"{alarm.get('measure')} ")
    return text if named else text[:1].upper() + text[1:]


def tiles(report: Mapping[str, Any], scores: Sequence[Mapping]) -> list[Tile]:
    """The headline numbers; of several scores of one metric the first."""
    scored: dict[str, Tile] = {}
    for score in scores:
        name = _TILE_METRICS.get(str(score.get("metric")).lower().rstrip("+"))
        if name and name not in scored:
            interval = quality.interval(score.get("confidence"))
            note = f"95 % CI {interval}" if interval else "no confidence interval"
            better = "lower is better" if name == "TER" else None
            value = number(score.get("score"), 1)
            scored[name] = Tile(name, value, note, better=better, lead=True)
    shown = [scored[name] for name in ("BLEU", "chrF", "TER") if name in scored]
    for entry in (report.get("comparison") or {}).get("metrics") or []:
        if entry.get("metric") == "BLEU":
            note = f"p = {p_value(entry.get('p'))} (one-sided), paired bootstrap"
            value = signed(entry.get("difference"), 2)
            shown.append(Tile("BLEU against the baseline", value, note))
    compared = report.get("comparison") or {}
    if is_number(compared.get("changed")):
        note = f"of {number(compared.get('paired'))} sentences of the baseline"
        changed = percent(compared["changed"])
        shown.append(Tile("Translated otherwise", changed, note))
    things = things_of(report)
    counts, throughput = report["counts"], report.get("throughput") or {}
    rates = report.get("rates") or {}
    measures = {alarm.get("measure") for alarm in report.get("alarms") or []}
    if "translated" in counts:
        rows = f"of {number(counts['rows'])} {things}" if "rows" in counts else None
        shown.append(Tile("Sentences", number(counts["translated"]), rows))
    elif "rows" in counts:
        shown.append(Tile("Sentences", number(counts["rows"]), f"{things} read"))
    if "suspicious" in rates:
        alarm, note = "suspicious" in measures, judged(rates)
        shown.append(Tile("Suspicious", percent(rates["suspicious"]), note, alarm=alarm))
    if "sentences_per_second" in throughput:
        speed = number(throughput["sentences_per_second"])
        shown.append(Tile("Sentences/s", speed, "per actor, decoding only"))
    if "rejected" in counts:
        share = f"{percent(rates['rejected'])} of {things}" if "rejected" in rates else None
        alarm = "rejected" in measures
        shown.append(Tile("Rejected", number(counts["rejected"]), share, alarm=alarm))
    return shown

"""Turn the dictionary of a report into what the page shows: sections of ready-made rows.

A section that has no data is None and the template leaves it out, so an old report, or one
without references, still makes a page.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nmt.report import baseline, quality
from nmt.report.numbers import (
    date,
    is_number,
    number,
    p_value,
    percent,
    plain,
    seconds,
    signed,
    size,
    words,
)

_COUNTS = {
    "rows": "Rows read",
    "translated": "Translated",
    "rejected": "Rejected",
    "decoded": "Decoded",
    "reused": "Reused from the memory",
    "repeated": "Repeated, decoded once",
    "empty": "Empty lines",
    "truncated": "Cut at the length limit",
    "split": "Too long, translated in pieces",
    "unk_replaced": "Unknown words replaced",
    "multiline": "Several lines or sentences in one",
    "markup": "With markup, as HTML",
    "source_tokens": "Source tokens",
    "target_tokens": "Target tokens",
}
RATES = {  # name, what it means, how it is written
    "rejected": ("Rejected", "rows that could not be translated", percent),
    "unk": ("Unknown tokens", "target tokens that are [UNK], or bytes of no character", percent),
    "bytes": ("Spelled in bytes", "source tokens of characters that the vocabulary lacks", percent),
    "multiline": ("Multiline", "sources of several lines or sentences, translated as one", percent),
    "markup": ("Markup", "sources that hold tags, as HTML", percent),
    "truncated": ("Truncated", "sentences cut at the length limit", percent),
    "repetition": ("Repetition", "sentences that repeat themselves", percent),
    "suspicious": ("Suspicious", "looping, empty, truncated, low score or coverage", percent),
    "score": ("Score", "mean log-probability, nats a target token", number),
    "length_ratio": ("Length ratio", "words of the translations over words of the sources", number),
    "reference_ratio": (
        "Length against references",
        "tokens of the translations over those of the references",
        number,
    ),
    "brevity_penalty": ("Brevity penalty", "factor of BLEU; 1 is not too short", number),
    "attention_entropy": (
        "Attention entropy",
        "nats a target token, end of source included; low is sharp",
        number,
    ),
    "coverage": ("Coverage", "how much of the source was attended to", number),
}
THROUGHPUT = {
    "sentences_per_second": ("Sentences a second", number),
    "target_tokens_per_second": ("Target tokens a second", number),
    "decode_seconds": ("Time decoding", seconds),
    "padding": ("Padding of the sources", percent),
    "driver_peak_bytes": ("Memory of the driver, at most", size),
    "actor_peak_bytes": ("Memory of an actor, at most", size),
    "task_peak_bytes": ("Memory of a task, at most", size),
    "total_seconds": ("Time of the last run", seconds),
    "actors": ("Actors", number),
    "cost": ("Cost of the last run", number),
}
_KINDS = {"evaluation": "Evaluation report"}
_TILE_METRICS = {"bleu": "BLEU", "chrf": "chrF", "chrf2": "chrF", "ter": "TER"}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_WEIGHTS = re.compile(r"\d{1,3}( \d{1,3})*")
_FLAG_TONES = {"empty": "quiet"}


def build(report: Mapping[str, Any]) -> dict[str, Any]:
    """Prepare every section of the page.

    Args:
        report: The dictionary described in ``nmt.report.page``.

    Returns:
        The variables of the template: text still unescaped, sections None where the report
        has no data for them.

    Raises:
        ValueError: If ``title`` or ``counts`` is missing.
    """
    for key in ("title", "counts"):
        if key not in report:
            raise ValueError(f"a report needs the key {key!r}; it has {sorted(report)}")
    model = report.get("model") or {}
    scores = report.get("scores") or []
    source_language, target_language = _languages(model.get("direction"))
    return {
        "title": report["title"],
        "kind": _KINDS.get(str(report.get("kind")), "Translation report"),
        "created": report.get("created"),
        "created_shown": date(report["created"]) if report.get("created") else None,
        "model": _model(model),
        "source_language": source_language,
        "target_language": target_language,
        "verdict": _verdict(report),
        "tiles": _tiles(report, scores),
        "scores": quality.scores(scores),
        "by_length": quality.by_length(report.get("by_length") or []) if scores else None,
        "comparison": baseline.comparison(
            report.get("comparison") or {}, report.get("alarms") or [], RATES, THROUGHPUT
        ),
        "groups": baseline.groups(report.get("groups") or [], RATES),
        "alignment": quality.alignment(report.get("alignment") or {}),
        "alignment_of": (report.get("alignment") or {}).get("of") or "Attention",
        "counts": _counts(report["counts"]),
        "rates": _described(report.get("rates") or {}),
        "throughput": _throughput(report.get("throughput") or {}),
        "suspicious": [_sample(sample) for sample in report.get("suspicious") or []],
        "suspicious_share": percent((report.get("rates") or {}).get("suspicious")),
        "differences": [_sample(sample) for sample in report.get("differences") or []],
        **_samples(report.get("samples") or []),
        "settings": _flat(report.get("settings") or {}),
        "model_rows": _flat(model),
        "inputs": [_input(entry) for entry in report.get("inputs") or []],
        "versions": _flat(report.get("versions") or {}),
    }


def _verdict(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the job ended, with its alarms; None where the report does not say."""
    alarms = [str(alarm.get("text")) for alarm in report.get("alarms") or []]
    said = str(report.get("verdict") or "")
    if alarms:  # the verdict tells them in one line; here each has one of its own
        said = said.partition(": ")[0] or "alarms"
    if not said:
        return None
    return {
        "text": said[:1].upper() + said[1:],
        "alarms": [text[:1].upper() + text[1:] for text in alarms],
        "warn": bool(alarms) or bool(report.get("exit_status")),
    }


def _languages(direction: Any) -> tuple[str | None, str | None]:
    """Language tags from ``en → de``, for the ``lang`` attributes."""
    tags = re.split(r"\s*(?:→|->)\s*", direction.strip()) if isinstance(direction, str) else []
    if len(tags) == 2 and all(_LANGUAGE.fullmatch(tag) for tag in tags):
        return tags[0], tags[1]
    return None, None


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    identity = None if model.get("id") is None else str(model["id"])
    return {
        "id": identity,
        "short": identity[:12] if identity else None,
        "name": model.get("name"),
        "direction": model.get("direction"),
        "parameters": number(model["parameters"]) if "parameters" in model else None,
    }


def _tiles(report: Mapping[str, Any], scores: Sequence[Mapping]) -> list[dict[str, Any]]:
    """The headline numbers; of several scores of one metric the first."""
    tiles: dict[str, dict[str, Any]] = {}
    for score in scores:
        name = _TILE_METRICS.get(str(score.get("metric")).lower().rstrip("+"))
        if name and name not in tiles:
            interval = quality.interval(score.get("confidence"))
            note = f"95 % CI {interval}" if interval else "no confidence interval"
            better = "lower is better" if name == "TER" else None
            tiles[name] = {
                "label": name, "value": number(score.get("score"), 1), "note": note,
                "better": better, "lead": True,
            }  # fmt: skip
    shown = [tiles[name] for name in ("BLEU", "chrF", "TER") if name in tiles]
    for entry in (report.get("comparison") or {}).get("metrics") or []:
        if entry.get("metric") == "BLEU":
            note = f"p = {p_value(entry.get('p'))} (one-sided), paired bootstrap"
            value = signed(entry.get("difference"), 2)
            shown.append({"label": "BLEU against the baseline", "value": value, "note": note})
    compared = report.get("comparison") or {}
    if is_number(compared.get("changed")):
        note = f"of {number(compared.get('paired'))} sentences of the baseline"
        changed = percent(compared["changed"])
        shown.append({"label": "Translated otherwise", "value": changed, "note": note})
    counts, throughput = report["counts"], report.get("throughput") or {}
    rates = report.get("rates") or {}
    measures = {alarm.get("measure") for alarm in report.get("alarms") or []}
    if "translated" in counts:
        rows = f"of {number(counts['rows'])} rows" if "rows" in counts else None
        shown.append({"label": "Sentences", "value": number(counts["translated"]), "note": rows})
    elif "rows" in counts:
        shown.append({"label": "Sentences", "value": number(counts["rows"]), "note": "rows read"})
    if "suspicious" in rates:
        note = "looping, empty, cut off, low score or coverage"
        shown.append(
            {"label": "Suspicious", "value": percent(rates["suspicious"]), "note": note,
             "alarm": "suspicious" in measures}
        )  # fmt: skip
    if "sentences_per_second" in throughput:
        actors = throughput.get("actors")
        team = f"{number(actors)} actor{'' if actors == 1 else 's'}" if actors else None
        speed = number(throughput["sentences_per_second"])
        shown.append({"label": "Sentences/s", "value": speed, "note": team})
    if "rejected" in counts:
        share = f"{percent(rates['rejected'])} of rows" if "rejected" in rates else None
        shown.append(
            {"label": "Rejected", "value": number(counts["rejected"]), "note": share,
             "alarm": "rejected" in measures}
        )  # fmt: skip
    return shown


def _counts(counts: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Rows of name, number and whether it is a part of the row above."""
    reasons = counts.get("rejected_by_reason") or {}
    rows = []
    for key, value in counts.items():
        if key == "rejected_by_reason":
            continue
        rows.append((_COUNTS.get(key, words(key)), number(value), False))
        if key == "rejected":
            ordered = sorted(reasons.items(), key=lambda item: str(item[0]))
            rows += [(str(reason), number(count), True) for reason, count in ordered]
    return rows


def _described(rates: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for key, value in rates.items():
        name, meaning, written = RATES.get(key, (words(key), "", number))
        rows.append((name, meaning, written(value)))
    return rows


def _throughput(throughput: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for key, value in throughput.items():
        name, written = THROUGHPUT.get(key, (words(key), number))
        rows.append((name, written(value)))
    return rows


def _samples(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The samples, the flags that they have, and where the words of some looked."""
    shown: list[dict[str, Any]] = []
    attention: list[dict[str, Any]] = []
    for sample in samples:
        entry = {**_sample(sample), "looked": None}
        if looked := _looked(sample.get("attention")):
            entry["looked"] = len(attention)
            attention.append(looked)
        shown.append(entry)
    flags = sorted({str(flag) for entry in shown for flag, _ in entry["flags"]})
    return {"samples": shown, "sample_flags": flags, "attention": attention}


def _looked(attention: Any) -> dict[str, Any] | None:
    """Words and weights as the script takes them; None where they do not fit together."""
    if not isinstance(attention, Mapping):
        return None
    source, target = ([str(w) for w in attention.get(k) or []] for k in ("source", "target"))
    weights = [str(row) for row in attention.get("weights") or []]
    if not source or not target or len(weights) != len(target):
        return None
    if not all(_WEIGHTS.fullmatch(row) and row.count(" ") == len(source) - 1 for row in weights):
        return None
    return {"source": source, "target": target, "weights": weights}


def _sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    score, chrf = sample.get("score"), sample.get("chrf")
    source = str(sample.get("source") or "")
    return {
        "id": sample.get("id"),
        "source": source,
        "translation": str(sample.get("translation") or ""),
        "reference": sample.get("reference"),
        "score": _measure(score),
        "score_key": score if is_number(score) else None,
        "chrf": _measure(chrf, 1),
        "chrf_key": chrf if is_number(chrf) else None,
        "coverage": _measure(sample.get("coverage")),
        "entropy": _measure(sample.get("attention_entropy")),
        "length": len(source),
        "flags": [(flag, _FLAG_TONES.get(flag, "warn")) for flag in sample.get("flags") or []],
        "reasons": [str(reason) for reason in sample.get("reasons") or []],
        "baseline": sample.get("baseline"),
        "baseline_chrf": _measure(sample.get("baseline_chrf"), 1),
        "difference": signed(sample["difference"], 1) if "difference" in sample else None,
        "similarity": _measure(sample.get("similarity"), 1),
        "better": is_number(sample.get("difference")) and sample["difference"] > 0,
    }


def _measure(value: Any, digits: int = 2) -> str | None:
    return None if value is None else number(value, digits)


def _input(entry: Mapping[str, Any]) -> dict[str, Any]:
    digest = entry.get("sha256") or entry.get("etag")
    return {
        "path": entry.get("path"),
        "rows": number(entry.get("rows")),
        "bytes": size(entry.get("bytes")),
        "sha256": digest,
    }


def _flat(nested: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Rows of dotted name and value; an empty mapping or list still has its row."""
    rows: list[tuple[str, str]] = []
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{name}.")
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            rows.append((name, ", ".join(map(plain, value)) if value else "none"))
        else:
            rows.append((name, plain(value)))
    return rows

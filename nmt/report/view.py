"""The sections of the page from the content of ``report.json``.

A section without data is None, and the template omits it: so an old report, or one without
references, still has a page.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nmt.report import baseline, headline, quality
from nmt.report.numbers import (
    date,
    is_number,
    number,
    percent,
    plain,
    seconds,
    signed,
    size,
    words,
)

_COUNTS = {
    "translated": "Translated",
    "rejected": "Rejected",
    "decoded": "Decoded",
    "reused": "Reused from the cache",
    "repeated": "Repeated, decoded once",
    "empty": "Empty lines",
    "truncated": "Cut at the length limit",
    "split": "Too long, translated in pieces",
    "unk_replaced": "Unknown words replaced",
    "recased": "In capitals, translated as sentences",
    "multiline": "Several lines or sentences in one",
    "markup": "With markup, as HTML",
    "source_tokens": "Source tokens",
    "target_tokens": "Target tokens",
}
RATES = {  # name, meaning, format
    "rejected": ("Rejected", "what could not be translated, see rejected/", percent),
    "unk": ("Unknown tokens", "target tokens that are [UNK], or bytes of no character", percent),
    "bytes": ("Spelled in bytes", "source tokens of characters that the vocabulary lacks", percent),
    "multiline": ("Multiline", "sources of several lines or sentences, translated as one", percent),
    "markup": ("Markup", "sources that hold tags, as HTML", percent),
    "truncated": ("Truncated", "sentences cut at the length limit", percent),
    "repetition": ("Repetition", "translations whose tokens repeat", percent),
    "suspicious": ("Suspicious", "", percent),
    "score": ("Score", "mean log-probability, nats per target token", number),
    "length_ratio": (
        "Length ratio",
        "words (or characters, without blanks) of the translations over those of the sources",
        number,
    ),
    "reference_ratio": (
        "Length against references",
        "tokens of the translations over those of the references",
        number,
    ),
    "brevity_penalty": ("Brevity penalty", "factor of BLEU; 1 is not too short", number),
    "attention_entropy": (
        "Attention entropy",
        "nats per target token, end of source included; low is sharp",
        number,
    ),
    "coverage": ("Coverage", "how much of the source was attended to", number),
}
THROUGHPUT = {
    "sentences_per_second": ("Sentences per second of an actor's decoding", number),
    "target_tokens_per_second": ("Target tokens per second of an actor's decoding", number),
    "decode_seconds": ("Time decoding", seconds),
    "padding": ("Padding of the sources", percent),
    "driver_peak_bytes": ("Memory of the driver, at most", size),
    "actor_peak_bytes": ("Memory of an actor, at most", size),
    "total_seconds": ("Time of the last run", seconds),
    "cost": ("Cost of the last run", number),
}
_KINDS = {"evaluation": "Evaluation report"}
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
    things = headline.things_of(report)
    source_language, target_language = _languages(model.get("direction"))
    return {
        "title": report["title"],
        "kind": _KINDS.get(str(report.get("kind")), "Translation report"),
        "created": report.get("created"),
        "created_shown": date(report["created"]) if report.get("created") else None,
        "model": _model(model),
        "source_language": source_language,
        "target_language": target_language,
        "verdict": headline.outcome(report),
        "tiles": headline.tiles(report, scores),
        "scores": quality.scores(scores),
        "by_length": quality.by_length(report.get("by_length") or []) if scores else None,
        "comparison": baseline.comparison(
            report.get("comparison") or {}, report.get("alarms") or [], RATES, THROUGHPUT
        ),
        "groups": baseline.groups(report.get("groups") or [], RATES, things),
        "alignment": quality.alignment(report.get("alignment") or {}),
        "alignment_of": (report.get("alignment") or {}).get("of") or "Attention",
        "things": things,
        "rejected": headline.reasons(report["counts"], report.get("rejected") or []),
        "counts": _counts(report["counts"], things),
        "rates": _rates(report.get("rates") or {}),
        "throughput": _throughput(report.get("throughput") or {}),
        "suspicious": [_sample(sample) for sample in report.get("suspicious") or []],
        "suspicious_share": percent((report.get("rates") or {}).get("suspicious")),
        "suspicious_checks": headline.judged(report.get("rates") or {}),
        "differences": [_sample(sample) for sample in report.get("differences") or []],
        **_samples(report.get("samples") or []),
        "settings": _flat(report.get("settings") or {}),
        "model_rows": _flat(model),
        "inputs": [_input(entry) for entry in report.get("inputs") or []],
        "versions": _flat(report.get("versions") or {}),
    }


def _languages(direction: Any) -> tuple[str | None, str | None]:
    """Language tags from ``en → de``, for the ``lang`` attributes."""
    tags = re.split(r"\s*(?:→|->)\s*", direction.strip()) if isinstance(direction, str) else []
    if len(tags) == 2 and all(_LANGUAGE.fullmatch(tag) for tag in tags):
        return tags[0], tags[1]
    return None, None


def _model(model: Mapping[str, Any]) -> dict[str, object]:
    identity = None if model.get("id") is None else str(model["id"])
    return {
        "id": identity,
        "short": identity[:12] if identity else None,
        "name": model.get("name"),
        "direction": model.get("direction"),
        "parameters": number(model["parameters"]) if "parameters" in model else None,
    }


def _counts(counts: Mapping[str, Any], things: str) -> list[tuple[str, str, bool]]:
    """Rows of name, number and whether it is a part of the row above."""
    reasons = counts.get("rejected_by_reason") or {}
    names = {"rows": f"{things.capitalize()} read", **_COUNTS}
    rows = []
    for key, value in counts.items():
        if key == "rejected_by_reason":
            continue
        rows.append((names.get(key, words(key)), number(value), False))
        if key == "rejected":
            ordered = sorted(reasons.items(), key=lambda item: str(item[0]))
            rows += [(str(reason), number(count), True) for reason, count in ordered]
    return rows


def _rates(rates: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    others = {"suspicious": headline.judged(rates)}
    if "score" not in rates:  # of files, whose tokens nobody knows
        others["repetition"] = "translations whose words repeat; of an output its tokens count"
    for key, value in rates.items():
        name, meaning, written = RATES.get(key, (words(key), "", number))
        meaning = others.get(key, meaning)
        rows.append((name, meaning, written(value)))
    return rows


def _throughput(throughput: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for key, value in throughput.items():
        name, written = THROUGHPUT.get(key, (words(key), number))
        rows.append((name, written(value)))
    return rows


def _samples(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The samples, their flags, and the attention between the words of some."""
    rows: list[dict[str, Any]] = []
    attention: list[dict[str, list[str]]] = []
    for sample in samples:
        row = {**_sample(sample), "attention_index": None}
        if weights := _attention(sample.get("attention")):
            row["attention_index"] = len(attention)
            attention.append(weights)
        rows.append(row)
    flags = sorted({str(flag) for row in rows for flag, _ in row["flags"]})
    return {"samples": rows, "sample_flags": flags, "attention": attention}


def _attention(attention: Any) -> dict[str, list[str]] | None:
    """Words and weights for the script; None if they do not fit together."""
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
        "text_column": sample.get("text_column"),
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


def _input(entry: Mapping[str, Any]) -> dict[str, object]:
    return {
        "path": entry.get("path"),
        "rows": number(entry.get("rows")),
        "bytes": size(entry.get("bytes")),
        "sha256": entry.get("sha256") or entry.get("etag"),
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

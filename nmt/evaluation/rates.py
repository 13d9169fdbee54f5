"""Rates of translations without references: unknown words, loops, lengths, attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nmt.evaluation.measures import Measures
from nmt.evaluation.quality_checks import reasons

_DIGITS = 12  # significant; later digits depend on the order of the additions


def sums(measures: Measures) -> dict[str, float]:
    """Sums over sentences, from which `rates` makes shares and means."""
    attended = ~np.isnan(measures.attention_entropy)  # an empty translation has a coverage only
    return {
        "score": float(np.nansum(measures.score)),
        "attended": float(np.count_nonzero(attended)),
        "unattended": float(np.count_nonzero(~attended & ~np.isnan(measures.coverage))),
        "attention_entropy": float(np.nansum(measures.attention_entropy)),
        "coverage": float(np.nansum(measures.coverage)),
        "unk": float(measures.unknown.sum()),
        "bytes": float(measures.spelled.sum()),
        "source_tokens": float(measures.source_tokens.sum()),
        "multiline": float(np.count_nonzero(measures.multiline)),
        "markup": float(np.count_nonzero(measures.markup)),
        "source_words": float(measures.source_words.sum()),
        "target_words": float(measures.target_words.sum()),
        "repetition": float(np.count_nonzero(measures.looping)),
        "suspicious": float(np.count_nonzero(np.any(list(reasons(measures).values()), axis=0))),
    }


def rates(counts: Mapping[str, float], sums: Mapping[str, float]) -> dict[str, float]:
    """Shares and means over a whole output; the length ratio is target to source words.

    Empty lines are not counted as sentences, because their score of 0 would change each mean. A
    rate of no sentences is omitted.

    Args:
        counts: rows, translated, empty, rejected, truncated, target_tokens.
        sums: as the function `sums` makes them, added up; those of an earlier release lack some.
    """
    sentences, attended = counts["translated"] - counts["empty"], sums["attended"]
    parts = {
        "rejected": (counts["rejected"], counts["rows"]),
        "truncated": (counts["truncated"], sentences),
        "unk": (sums["unk"], counts["target_tokens"]),
        "bytes": (sums.get("bytes", 0), sums.get("source_tokens", 0)),
        "multiline": (sums.get("multiline", 0), sentences),
        "markup": (sums.get("markup", 0), sentences),
        "repetition": (sums["repetition"], sentences),
        "suspicious": (sums.get("suspicious", 0), sentences),
        "score": (sums["score"], sentences),
        "length_ratio": (sums["target_words"], sums["source_words"]),
        "attention_entropy": (sums["attention_entropy"], attended),
        "coverage": (sums["coverage"], attended + sums.get("unattended", 0)),
    }
    return {
        name: float(f"{total / number:.{_DIGITS}g}")
        for name, (total, number) in parts.items()
        if number
    }


def added(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers added up key by key, nested dictionaries too."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = added([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total

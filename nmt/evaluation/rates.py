"""What can be said of translations without references: unknown words, loops, lengths, attention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nmt.evaluation.measures import Measures
from nmt.evaluation.suspicion import reasons


def sums(measures: Measures) -> dict[str, float]:
    """Sums over sentences, from which `rates` makes shares and means."""
    return {
        "score": float(measures.score.sum()),
        "attended": float(np.count_nonzero(~np.isnan(measures.coverage))),
        "attention_entropy": float(np.nansum(measures.attention_entropy)),
        "coverage": float(np.nansum(measures.coverage)),
        "unk": float(measures.unknown.sum()),
        "source_words": float(measures.source_words.sum()),
        "target_words": float(measures.target_words.sum()),
        "repetition": float(np.count_nonzero(measures.looping)),
        "suspicious": float(np.count_nonzero(np.any(list(reasons(measures).values()), axis=0))),
    }


def rates(counts: dict[str, Any], sums: dict[str, Any]) -> dict[str, float]:
    """Shares and means over a whole output; the length ratio is target to source words.

    Args:
        counts: rows, translated, rejected, truncated, target_tokens.
        sums: as the function `sums` makes them, added up.
    """
    sentences, tokens = max(counts["translated"], 1), max(counts["target_tokens"], 1)
    result = {
        "rejected": counts["rejected"] / max(counts["rows"], 1),
        "truncated": counts["truncated"] / sentences,
        "unk": sums["unk"] / tokens,
        "repetition": sums["repetition"] / sentences,
        "suspicious": sums.get("suspicious", 0) / sentences,
        "score": sums["score"] / sentences,
        "length_ratio": sums["target_words"] / max(sums["source_words"], 1),
    }
    if attended := sums["attended"]:
        result["attention_entropy"] = sums["attention_entropy"] / attended
        result["coverage"] = sums["coverage"] / attended
    return {name: round(value, 6) for name, value in result.items()}


def added(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Numbers added up key by key, nested dictionaries too."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = added([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total

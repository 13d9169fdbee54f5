"""What can be said of translations without references: unknown words, loops, lengths, attention."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nmt.evaluation.sentences import Sentence
from nmt.evaluation.suspicion import reasons, repeats
from nmt.vocabulary.special import SPECIALS, UNK


def sums(sentences: Iterable[Sentence]) -> dict[str, float]:
    """Sums over sentences, from which `rates` makes shares and means."""
    names = ("score", "attended", "attention_entropy", "coverage", "unk", "source_words")
    total = dict.fromkeys((*names, "target_words", "repetition", "suspicious"), 0.0)
    for sentence in sentences:
        total["score"] += sentence.score
        total["attended"] += sentence.coverage is not None
        total["attention_entropy"] += sentence.attention_entropy or 0.0
        total["coverage"] += sentence.coverage or 0.0
        total["unk"] += sentence.target_tokens.count(SPECIALS[UNK])
        total["source_words"] += len(sentence.source.split())
        total["target_words"] += len(sentence.translation.split())
        total["repetition"] += repeats(sentence.target_tokens)
        total["suspicious"] += bool(reasons(sentence))
    return total


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

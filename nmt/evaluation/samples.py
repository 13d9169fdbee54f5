"""Sentences as a report shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nmt.evaluation.quality_checks import Suspect
from nmt.evaluation.scores import sentence_chrf
from nmt.evaluation.sentences import Sentence

_SAMPLES = 200  # sentences on the page


def sample_rows(rows: int, count: int, seed: int = 1) -> list[int]:
    """Rows drawn at random, the same for the same corpus on every run, ascending."""
    random = np.random.default_rng(seed)
    return sorted(random.choice(rows, min(count, rows), replace=False).tolist())


def page_samples(rows: int) -> list[int]:
    """The rows whose sentences stand on the page."""
    return sample_rows(rows, _SAMPLES, seed=2)


def shown(sentence: Sentence) -> dict[str, Any]:
    """One sentence with what was measured of it; chrF where it has references."""
    texts = sentence.complete
    entry: dict[str, Any] = {
        "id": sentence.id,
        "source": sentence.source,
        "translation": sentence.translation,
        "reference": texts[0] if texts else None,
        "score": round(sentence.score, 4),
        "flags": sentence.flags,
    }
    for name in ("coverage", "attention_entropy"):
        if (value := getattr(sentence, name)) is not None:
            entry[name] = round(value, 4)
    if texts:
        entry["chrf"] = round(sentence_chrf(sentence.translation, texts), 2)
    return entry


def suspicious(worst: list[Suspect], sentences: Iterable[Sentence]) -> list[dict[str, Any]]:
    """The suspicious translations in their order, each with its ``reasons``.

    Args:
        worst: which they are.
        sentences: at least these sentences.
    """
    found = {sentence.row: shown(sentence) for sentence in sentences}
    return [{**found[s["row"]], "reasons": s["reasons"]} for s in worst if s["row"] in found]

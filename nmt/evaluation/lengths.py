"""Scores by source length, BLEU's as in Bahdanau et al. (2015, arXiv 1409.0473, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nmt.evaluation.scores import Scorer

WIDTH, LAST = 5, 40  # words of a range; longer sources than LAST share one range


def source_length(source: str) -> int:
    """Words between blanks; at least 1."""
    return max(1, len(source.split()))


def scores_by_length(
    lengths: Sequence[int],
    scorer: Scorer,
    baseline: Scorer | None = None,
    baseline_lengths: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """BLEU, chrF and TER of the sentences of each range of source lengths.

    Args:
        lengths: of the source of each sentence of `scorer`, as `source_length` counts.
        scorer: holds the sentences.
        baseline: another system's translations of the same corpus.
        baseline_lengths: of the source of each sentence of `baseline`.

    Returns:
        For each range that has sentences: ``from``, ``to`` (None for the last, open one),
        ``sentences``, ``bleu``, ``chrf`` and ``ter``, with a baseline also ``baseline``, its BLEU.
    """
    groups, others = _groups(lengths), _groups(baseline_lengths)
    result = []
    for number in np.unique(groups).tolist():
        rows = np.flatnonzero(groups == number)
        entry = {
            "from": number * WIDTH + 1,
            "to": None if number == LAST // WIDTH else (number + 1) * WIDTH,
            "sentences": len(rows),
            **scorer.part(rows),
        }
        if baseline is not None:
            rows = np.flatnonzero(others == number)
            entry["baseline"] = round(baseline.score("BLEU", rows), 4) if len(rows) else None
        result.append(entry)
    return result


def _groups(lengths: Sequence[int]) -> np.ndarray:
    return np.minimum((np.asarray(lengths, np.int64) - 1) // WIDTH, LAST // WIDTH)

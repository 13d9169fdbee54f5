"""Scores by source length, BLEU's as in Bahdanau et al. (2015, arXiv 1409.0473, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.evaluation.metrics import Metrics
from nmt.evaluation.totals import GroupSums
from nmt.records.report import LengthScores
from nmt.segmentation import count_words

WIDTH, LAST = 5, 40  # words of a range; longer sources than LAST share one range
RANGES = LAST // WIDTH + 1


def source_length(source: str) -> int:
    """Words, see `nmt.segmentation`; at least 1."""
    return max(1, count_words(source))


def range_of(lengths: Sequence[int]) -> np.ndarray:
    """The number of the range that each length is in, below `RANGES`."""
    return np.minimum((np.asarray(lengths, np.int64) - 1) // WIDTH, RANGES - 1)


def scores_by_length(
    metrics: Metrics, sums: GroupSums, baseline: GroupSums | None = None
) -> list[LengthScores]:
    """BLEU, chrF and TER of the sentences of each range of source lengths.

    Args:
        metrics: have counted.
        sums: of the statistics of the sentences by `range_of` their sources.
        baseline: another system's translations of them.

    Returns:
        The scores of each range that has sentences; ``baseline`` is the baseline's BLEU.
    """
    result = []
    for number in np.flatnonzero(sums.counts).tolist():
        entry = {
            "from": number * WIDTH + 1,
            "to": None if number == RANGES - 1 else (number + 1) * WIDTH,
            "sentences": int(sums.counts[number]),
            **metrics.by_key(sums.sums[number]),
        }
        if baseline is not None:
            entry["baseline"] = round(metrics.score("BLEU", baseline.sums[number]), 4)
        result.append(LengthScores.model_validate(entry))
    return result

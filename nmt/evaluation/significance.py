"""Bootstrap resampling of corpus scores: confidence intervals, and the paired test of two systems.

Koehn 2004. The numbers are those of sacrebleu's ``n_bootstrap`` and of its ``PairedTest``, for
the random stream is the same; but a few resamples are held at a time, where sacrebleu holds the
statistics of all of them at once: 80 MB a thousand sentences.

One stream for all sentences needs all of them in one place. So a large corpus is resampled by
weights: how often a row is in a resample is drawn for that row alone, from the Poisson distribution
that the number of draws approaches for many rows (Hanley and MacGibbon 2006; Chamandy et al. 2012,
"Estimating uncertainty for massive data streams"). Resamples are then sums, which can be made
wherever rows lie, and added up.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, factorial

import numpy as np

from nmt.evaluation.metrics import Resampling

RESAMPLES, SEED = 1000, 12345  # as sacrebleu draws them
DRAWN = Resampling(RESAMPLES, SEED)
WEIGHTED = Resampling(RESAMPLES, SEED, "poisson")
_TOGETHER = 32  # resamples that are drawn before rows are added up
_ROWS = 4096  # whose statistics are added up together
_BLOCK = 1024  # rows whose weights are drawn together
_LEVELS = 1 << 16  # of the random numbers of which weights are made
_MOST = 9  # times that a row is in a resample: more often is less likely than one level


def resampled_totals(statistics: np.ndarray) -> np.ndarray:
    """The totals of resamples of sentences, drawn as sacrebleu draws them.

    Args:
        statistics: shape (sentences, statistics).

    Returns:
        Shape (`RESAMPLES`, statistics).
    """
    count = len(statistics)
    random = np.random.default_rng(SEED)
    totals = np.zeros((RESAMPLES, statistics.shape[1]))
    for start in range(0, RESAMPLES, _TOGETHER):
        some = totals[start : start + _TOGETHER]
        drawn = np.empty((len(some), count))
        for times in drawn:
            times[:] = np.bincount(random.choice(count, size=count), minlength=count)
        for first in range(0, count, _ROWS):
            rows = slice(first, first + _ROWS)
            some += drawn[:, rows] @ statistics[rows].astype(np.float64)
    return totals


def weighted_totals(rows: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """What sentences add to the totals of resamples by weights. The totals of a corpus are the sum
    of those of its parts, whatever they are.

    Args:
        rows: the number of each sentence, from which its weights follow, shape (sentences,).
        statistics: shape (sentences, statistics).

    Returns:
        Shape (`RESAMPLES`, statistics).
    """
    totals = np.zeros((RESAMPLES, statistics.shape[1]))
    blocks, places = np.divmod(rows, _BLOCK)
    for block in np.unique(blocks).tolist():
        chosen = np.flatnonzero(blocks == block)
        times = _weights(block)[places[chosen]].astype(np.float64)
        totals += times.T @ statistics[chosen].astype(np.float64)
    return totals


@lru_cache(maxsize=2)
def _weights(block: int) -> np.ndarray:
    """How often each row of a block is in each resample, shape (`_BLOCK`, `RESAMPLES`)."""
    stream = np.random.Philox(key=SEED, counter=[0, 0, block, 0])
    levels = np.random.Generator(stream).integers(
        _LEVELS, size=(_BLOCK, RESAMPLES), dtype=np.uint16
    )
    return _poisson()[levels]


@lru_cache
def _poisson() -> np.ndarray:
    """The Poisson distribution of mean 1 as a table: of each level its number."""
    shares = np.cumsum([exp(-1) / factorial(number) for number in range(_MOST)])
    middles = (np.arange(_LEVELS) + 0.5) / _LEVELS
    return np.searchsorted(shares, middles).astype(np.uint8)


def confidence(scores: np.ndarray) -> list[float]:
    """The 95 % interval: the mean of the resamples, and half the width of their middle 95 %.

    Args:
        scores: of the resamples of one system.
    """
    ordered = np.sort(scores)
    low, high = ordered[len(ordered) // 40], ordered[-1 - len(ordered) // 40]
    middle, half = float(ordered.mean()), float(high - low) / 2
    return [round(middle - half, 4), round(middle + half, 4)]


def paired_p_value(scores: np.ndarray, difference: float) -> float:
    """The probability of a difference so large, in its direction, if both systems are equally good.

    sacrebleu's number, which is about one-sided: the share of resamples whose absolute difference
    exceeds the mean of these by more than the difference itself. It is the p-value of the
    one-sided test where that is below 0.05, and less than it (0.12 for 0.16, 0.43 for 0.5) where
    it would not be significant anyway. Whether two systems differ in either direction is
    a question with twice the p-value. Of systems that never differ it is 1, where sacrebleu, which
    counts larger differences only, says 0.001.

    Args:
        scores: of the same resamples for both systems, shape (2, resamples).
        difference: of the two scores on the corpus itself.
    """
    differences = np.abs(scores[0] - scores[1])
    if not differences.any():
        return 1.0
    extreme = int((differences - differences.mean() > abs(difference)).sum())
    return (extreme + 1) / (len(differences) + 1)

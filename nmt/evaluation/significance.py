"""Bootstrap resampling of corpus scores: confidence intervals, and the paired test of two systems.

Koehn 2004. The numbers are those of sacrebleu's ``n_bootstrap`` and of its ``PairedTest``, for
the random stream is the same; but one resample is held at a time, where sacrebleu holds the
statistics of all of them at once: 80 MB a thousand sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES, SEED = 1000, 12345  # as sacrebleu draws them


def resample(metric: Any, systems: Sequence[np.ndarray]) -> np.ndarray:
    """Score the same resamples of the sentences for each system.

    Args:
        metric: one of sacrebleu's; its signature then names the resampling.
        systems: for each system its statistics, shape (sentences, statistics).

    Returns:
        The scores, shape (systems, resamples).
    """
    together = np.stack([np.asarray(system, np.float64) for system in systems], axis=1)
    count, flat = len(together), together.reshape(len(together), -1)
    random = np.random.default_rng(SEED)
    scores = np.zeros((len(systems), RESAMPLES))
    for number in range(RESAMPLES):
        drawn = np.bincount(random.choice(count, size=count), minlength=count)
        totals = (drawn @ flat).reshape(len(systems), -1)
        for system, total in enumerate(totals):
            scores[system, number] = metric._compute_score_from_stats(total).score
    metric.n_bootstrap, metric.seed = RESAMPLES, str(SEED)  # for the signature
    return scores


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

"""The filter that asks trained models, after Junczys-Dowmunt (2018), arXiv:1809.00197.

Two models, one in each direction, say how improbable each side is given the other. Of a good pair
both are sure, and about equally. What a model is lies above this package: whoever prepares a corpus
hands in a function that opens one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location

PairScorer = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Mean log-probability of each target given its source, nats per token, float32, shape (pairs,);
NaN of a pair that the model cannot take."""

OpenScorer = Callable[[Location], PairScorer]
"""Loads a MODEL; it must be picklable, and quick where the same process loaded the model before."""


@dataclass(frozen=True)
class PairModels:
    """The models that score pairs.

    Attributes:
        open: loads one of them.
        forward: MODEL from source to target.
        backward: MODEL from target to source; one of both may be missing.
    """

    open: OpenScorer
    forward: Location | None = None
    backward: Location | None = None


class CrossEntropy:
    """Dual conditional cross-entropy: |H_f − H_b| + (H_f + H_b) / 2, in nats per token.

    H_f is the cross-entropy of the target given the source under the forward model, H_b that of the
    source given the target under the backward one. With one model it is its cross-entropy alone.

    Attributes:
        name, reason, bound, title, edges: as those of `nmt.corpus.filters.base.Filter`.
    """

    name, reason = "cross_entropy", RejectReason.IMPROBABLE
    bound: Literal["most", "least"] = "most"
    title = "Dual conditional cross-entropy of the models (nats per token)"
    edges: tuple[float, ...] = tuple(n / 2 for n in range(25))

    def score(
        self, models: PairModels, sources: Sequence[str], targets: Sequence[str]
    ) -> np.ndarray:
        """The score of each pair, float32, shape (pairs,); NaN where a model cannot take it.

        Args:
            models: one or two.
            sources: cleaned texts.
            targets: their translations.
        """
        entropies = []
        if models.forward is not None:
            entropies.append(-models.open(models.forward)(sources, targets))
        if models.backward is not None:
            entropies.append(-models.open(models.backward)(targets, sources))
        if len(entropies) == 1:
            return entropies[0].astype(np.float32)
        forward, backward = entropies
        return (np.abs(forward - backward) + (forward + backward) / 2).astype(np.float32)

    def rejects(self, scores: np.ndarray, threshold: float) -> np.ndarray:
        """Which pairs are dirt, bool, shape (pairs,); a threshold of 0 rejects nothing."""
        return scores > np.float32(threshold) if threshold else np.zeros(len(scores), bool)


CROSS_ENTROPY = CrossEntropy()

"""How far the alignment jumps from one target word to the next (Vogel, Ney & Tillmann 1996)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

WIDEST = 20  # words; jumps of as many or more in one direction share a weight
WEIGHTS = 2 * WIDEST + 1
_FIRST = WEIGHTS  # of the weights of the first position, behind those of jumps
_STEPS = 3  # of the maximisation


class Jumps(NamedTuple):
    """Weights of widths, shared by sentences of all lengths.

    The probability of source word i after i' is the weight of the width i - i', divided by the sum
    over all source words of the sentence. The first target word has weights of its own, by the
    place of its source word.

    Attributes:
        weights: of jumps of -WIDEST … WIDEST words, then of first places 0 … WIDEST, float64.
    """

    weights: np.ndarray

    @classmethod
    def uniform(cls) -> Jumps:
        """All widths alike."""
        return cls(np.ones(_FIRST + WIDEST + 1))

    def matrix(self, length: int) -> np.ndarray:
        """Probabilities of first places and of jumps in a source of so many words.

        Returns:
            float64, shape (length + 1, length): the first row is that of the first target word,
            row i' + 1 that after source word i'. Each sums to 1.
        """
        weights = self.weights[_classes(length)]
        return weights / weights.sum(1, keepdims=True)

    def maximised(self, jumps: Mapping[int, np.ndarray]) -> Jumps:
        """The weights that make expected jumps likelier.

        Which widths a sentence allows depends on its length and the place before, so that shares
        of the counts are not the best weights. The steps are those of the MM algorithm for Luce's
        choice model (Hunter 2004): none of them lowers the likelihood.

        Args:
            jumps: expected jumps by the length of the source, shaped as `matrix`.
        """
        if not jumps:
            return self
        classes = {length: _classes(length) for length in jumps}
        totals = sum(
            np.bincount(classes[length].ravel(), counts.ravel(), minlength=len(self.weights))
            for length, counts in jumps.items()
        )
        weights = self.weights
        for _ in range(_STEPS):
            expected = np.zeros(len(weights))
            for length, counts in jumps.items():
                own = classes[length]
                chances = counts.sum(1) / weights[own].sum(1)
                expected += np.bincount(
                    own.ravel(), np.repeat(chances, length), minlength=len(weights)
                )
            # A width that no sentence allows, or hardly any jump has, keeps a little weight.
            fitted = np.maximum(totals / np.maximum(expected, 1e-300), 1e-12)
            weights = np.where(expected > 0, fitted, weights)
            for part in (slice(_FIRST), slice(_FIRST, None)):
                weights[part] /= weights[part].mean()
        return Jumps(weights)


def _classes(length: int) -> np.ndarray:
    """The weight of each entry of `Jumps.matrix`, int64."""
    places = np.arange(length)
    widths = np.clip(places[np.newaxis] - places[:, np.newaxis], -WIDEST, WIDEST) + WIDEST
    first = np.minimum(places, WIDEST) + _FIRST
    return np.concatenate([first[np.newaxis], widths])

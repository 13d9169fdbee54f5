"""The words that a search chooses from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.search.runtime import BLOCK, NEG_INF, OutputWords
from nmt.vocabulary.special import PAD


def all_words(size: int, banned: Sequence[int]) -> OutputWords:
    """All words of a vocabulary of this size but those that are banned."""
    bias = np.zeros((1, size), np.float32)
    bias[0, list(banned)] = NEG_INF
    return OutputWords(None, bias)


class Shortlist(NamedTuple):
    """Which target words each source word allows (Jean et al. 2015, arXiv 1412.2007, section 3.2).

    A sentence's list depends on the sentence alone, so its translation does not depend on the
    batch it is in, even though the batch computes the logits of all its lists together.

    Attributes:
        candidates: the likeliest translations of each source word, int32, shape
            (source_size, k); 0 where there are fewer, and for 0, the padding, itself.
        common: ids that every sentence may use, int32, shape (n,).
    """

    candidates: np.ndarray
    common: np.ndarray

    def words(self, source: np.ndarray, size: int, banned: Sequence[int]) -> OutputWords:
        """The lists of a batch.

        Args:
            source: ids, padded with 0, shape (batch, source).
            size: entries of the target vocabulary.
            banned: ids that get no probability.
        """
        allowed = np.zeros((len(source), size), bool)
        allowed[:, self.common] = True
        own = self.candidates[source].reshape(len(source), -1)
        np.put_along_axis(allowed, own, True, 1)
        allowed[:, [PAD, *banned]] = False
        ids = np.flatnonzero(allowed.any(0)).astype(np.int32)
        bias = np.where(allowed[:, ids], np.float32(0), NEG_INF)
        padding = -len(ids) % BLOCK
        return OutputWords(
            np.pad(ids, (0, padding)),
            np.pad(bias, [(0, 0), (0, padding)], constant_values=NEG_INF),
        )

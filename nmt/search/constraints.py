"""Words that must not come next: an end that is too early, a repetition of an n-gram."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.search.runtime import NEG_INF
from nmt.vocabulary.special import EOS


class Constraints(NamedTuple):
    """Constraints on a hypothesis; the defaults rule nothing out.

    A constraint rules words out. It does not change their probabilities: the score of a hypothesis
    stays that of the model. If no word is left, the translation ends.

    Attributes:
        min_length: fewest tokens of each translation, EOS not counted, int32, shape (batch,), or
            None for no such limit.
        no_repeat_ngram: no n-gram of this size occurs twice in a translation; 0 is off
            (Paulus et al. 2017, arXiv 1705.04304, section 2.5, for any n).
    """

    min_length: np.ndarray | None = None
    no_repeat_ngram: int = 0

    def of(self, sentences: np.ndarray) -> Constraints:
        """Those of some of the sentences."""
        if self.min_length is None:
            return self
        return self._replace(min_length=self.min_length[sentences])

    def most(self, length: int) -> int:
        """How many words can be ruled out after this many."""
        ngrams = max(length - self.no_repeat_ngram + 1, 0) if self.no_repeat_ngram else 0
        return ngrams + (self.min_length is not None and bool((self.min_length > length).any()))

    def restrict(
        self, scores: np.ndarray, ids: np.ndarray, history: np.ndarray, target_size: int
    ) -> np.ndarray:
        """The scores with `NEG_INF` added where a word is ruled out.

        Args:
            scores: of next words, shape (rows, words); rows are batch · beams.
            ids: of these words, shape (rows, words).
            history: the words of each row so far, shape (rows, length).
            target_size: entries of the target vocabulary.
        """
        length = history.shape[1]
        if not self.most(length):
            return scores
        ruled_out = np.zeros(ids.shape, bool)
        if self.no_repeat_ngram:
            repeated = _repeated(history, self.no_repeat_ngram, target_size)
            ruled_out = np.take_along_axis(repeated, ids, 1)
        if self.min_length is not None:
            early = np.repeat(self.min_length > length, len(ids) // len(self.min_length))
            ruled_out |= early[:, np.newaxis] & (ids == EOS)
        restricted = scores + np.where(ruled_out, NEG_INF, np.float32(0))
        none_left = restricted.max(1, keepdims=True) < NEG_INF / 2
        return np.where(none_left & (ids == EOS), scores, restricted)


def _repeated(history: np.ndarray, n: int, target_size: int) -> np.ndarray:
    """Whether the last n-gram would be an earlier one with a word, shape (rows, target_size)."""
    rows, length = history.shape
    repeated = np.zeros((rows, target_size), bool)
    count = max(length - n + 1, 0)  # earlier n-grams
    same = np.ones((rows, count), bool)
    for k in range(n - 1):
        last = length - n + 1 + k
        same &= history[:, k : k + count] == history[:, last : last + 1]
    row, place = np.nonzero(same)
    repeated[row, history[row, n - 1 + place]] = True
    return repeated

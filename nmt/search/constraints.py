"""The words that a search chooses from, and those that must not come next: an end that is too
early, a repetition of an n-gram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.search.runtime import BLOCK, NEG_INF, OutputWords
from nmt.vocabulary.base import EOS, PAD


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

    def apply(self, length: int) -> bool:
        """Whether a word may be ruled out after so many."""
        if self.min_length is not None and (self.min_length > length).any():
            return True
        return 0 < self.no_repeat_ngram <= length

    def ruled_out(self, history: np.ndarray, words: OutputWords, target_size: int) -> np.ndarray:
        """The words that must not come next, bool, shape (rows, target_size).

        Args:
            history: the words of each row so far, shape (rows, length); rows are batch · beams.
            words: what the translations may use.
            target_size: entries of the target vocabulary.
        """
        rows, length = history.shape
        ruled_out = np.zeros((rows, target_size), bool)
        if self.no_repeat_ngram:
            _rule_out_repetitions(ruled_out, history, self.no_repeat_ngram)
        if self.min_length is not None and (self.min_length > length).any():
            early = np.repeat(self.min_length > length, rows // len(self.min_length))
            ruled_out[:, EOS] |= early
            ruled_out[:, EOS] &= _is_left(ruled_out, words)
        return ruled_out


def count(ruled_out: np.ndarray | None, batch: int) -> int:
    """The most words that are ruled out after all hypotheses of a sentence."""
    return 0 if ruled_out is None else int(ruled_out.reshape(batch, -1).sum(1).max())


def _is_left(ruled_out: np.ndarray, words: OutputWords) -> np.ndarray:
    """Whether some word may still come next, shape (rows,)."""
    ids = np.arange(ruled_out.shape[1]) if words.ids is None else words.ids
    allowed = np.repeat(words.bias > NEG_INF / 2, len(ruled_out) // len(words.bias), axis=0)
    return (allowed & ~ruled_out[:, ids]).any(1)


def _rule_out_repetitions(ruled_out: np.ndarray, history: np.ndarray, n: int) -> None:
    """Rule out the words with which the last n-gram would be an earlier one."""
    rows, length = history.shape
    count = max(length - n + 1, 0)  # earlier n-grams
    same = np.ones((rows, count), bool)
    for k in range(n - 1):
        last = length - n + 1 + k
        same &= history[:, k : k + count] == history[:, last : last + 1]
    row, place = np.nonzero(same)
    ruled_out[row, history[row, n - 1 + place]] = True

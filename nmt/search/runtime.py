"""What a search needs of the runtime that computes its steps, and what it returns.

The searches are plain NumPy. A runtime holds the model, and the states of a batch under way, which
for a GPU stay on the device: what crosses in a step are the words and the rows that they continue,
and the candidates for the next words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

BLOCK = 64  # logits are computed for a multiple of this many words
NEG_INF = np.float32(-1e9)  # log-probability of what must not be chosen


class OutputWords(NamedTuple):
    """The words that the translations of a batch may use.

    Attributes:
        ids: of the words, ascending, padded with zeros to a multiple of `BLOCK`, int32, shape
            (words,); None is all words.
        bias: what is added to their logits; `NEG_INF` rules a word out, float32, shape (1, words),
            or (batch, words) where each sentence has its own words. Of all words, without padding.
    """

    ids: np.ndarray | None
    bias: np.ndarray

    def of(self, sentences: np.ndarray) -> OutputWords:
        """Those of some of the sentences."""
        return self if len(self.bias) == 1 else self._replace(bias=self.bias[sentences])


class Candidates(NamedTuple):
    """The likeliest continuations of each sentence over all its hypotheses, best first.

    Attributes:
        ids: of the next words, int32, shape (batch, k).
        scores: log-probabilities of the hypotheses with the words, in nats, float32, shape
            (batch, k).
        beams: which hypothesis of the sentence is continued, int32, shape (batch, k).
        attention: weights for the prediction of the words, float32, shape
            (batch, beams, source or 0).
    """

    ids: np.ndarray
    scores: np.ndarray
    beams: np.ndarray
    attention: np.ndarray

    def without(self, ruled_out: np.ndarray | None, k: int) -> Candidates:
        """The `k` best of those that are not ruled out; fewer than `k` are followed by others.

        Args:
            ruled_out: words that must not follow each hypothesis, bool, shape
                (batch · beams, target_size); None is none.
            k: how many.
        """
        ids, scores, beams, attention = self
        if ruled_out is None:
            return Candidates(ids[:, :k], scores[:, :k], beams[:, :k], attention)
        batch = len(scores)
        rows = np.arange(batch)[:, np.newaxis] * (len(ruled_out) // batch) + beams
        scores = scores + np.where(ruled_out[rows, ids], NEG_INF, np.float32(0))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        ids, scores, beams = (
            np.take_along_axis(values, best, 1) for values in (ids, scores, beams)
        )
        return Candidates(ids, scores, beams, attention)


class Decoding(Protocol):
    """A batch under way. Its rows are the hypotheses, those of a sentence side by side."""

    ids: np.ndarray  # of the words that may be chosen, shape (words,)

    def candidates(
        self, words: np.ndarray, parents: np.ndarray, live: np.ndarray, k: int
    ) -> Candidates:
        """Make a step, and return the `k` best continuations, or all if there are fewer.

        Args:
            words: the last word of each row, int32, shape (batch · beams,).
            parents: which row of the step before each row continues, int32, shape
                (batch · beams,); in the first step the sentence.
            live: log-probabilities of the hypotheses, float32, shape (batch, beams).
            k: at least 1.
        """
        ...

    def distribution(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probabilities of `ids` and the attention.

        Returns:
            Float32, shape (rows, words); and (batch, beams, source or 0).
        """
        ...

    def score(
        self, words: np.ndarray, parents: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probability of one word of each row, and the attention.

        Args:
            words: see `candidates`.
            parents: see `candidates`.
            targets: ids, int32, shape (rows,); all words must be allowed.
        """
        ...

    def keep(self, sentences: np.ndarray) -> None:
        """Go on with some of the sentences only; `parents` still counts the rows before.

        Args:
            sentences: their places in the batch as it is now.
        """
        ...


class Runtime(Protocol):
    """A model, or several as one, that decodes step by step.

    Attributes:
        target_size: entries of the target vocabulary.
        attends: whether there is an attention.
    """

    target_size: int
    attends: bool

    def begin(self, source: np.ndarray, words: OutputWords) -> Decoding:
        """Encode source ids that end with EOS, padded with 0, int32, shape (batch, source)."""
        ...


class Hypotheses(NamedTuple):
    """The best hypothesis of every sentence of a batch.

    Attributes:
        ids: target ids without BOS, int32, shape (batch, length), padded with 0. The EOS is
            included; a row without one was cut off at its length limit.
        log_probability: sum over the tokens, EOS included, in nats, shape (batch,).
        length: number of tokens, EOS included, shape (batch,).
        attention: row t holds the weights for the prediction of token t, shape (batch,
            length, source); without attention (batch, length, 0).
        ranking: what the search compares hypotheses by, shape (batch,): log-probability over
            length penalty, plus coverage penalty; of greedy search the log-probability.
        n_best: if requested, all finished hypotheses, best first: the same with shape
            (batch, beam, …). In empty places the length is 0.
    """

    ids: np.ndarray
    log_probability: np.ndarray
    length: np.ndarray
    attention: np.ndarray
    ranking: np.ndarray
    n_best: Hypotheses | None = None


class AttentionLog:
    """The attention weights of the steps of a batch that gets smaller on the way."""

    def __init__(self) -> None:
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, sentences: np.ndarray, weights: np.ndarray) -> None:
        """Keep a step.

        Args:
            sentences: numbers of the sentences that are under way, shape (n,).
            weights: shape (n, beams, source).
        """
        self._steps.append((sentences, weights))

    def along(self, beams: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """The weights that the words of hypotheses had.

        Args:
            beams: which beam chose each word, -1 beyond the end, shape (batch, …, length).

        Returns:
            Float32, shape (batch, …, length, source).
        """
        beams = np.asarray(beams)
        source = self._steps[0][1].shape[-1] if self._steps else 0
        along = np.zeros((*beams.shape, source), np.float32)
        for t in range(beams.shape[-1]):
            sentences, weights = self._steps[t]
            chosen = beams[sentences, ..., t]
            places = np.arange(len(sentences)).reshape(-1, *[1] * (chosen.ndim - 1))
            along[sentences, ..., t, :] = np.where(
                (chosen >= 0)[..., np.newaxis], weights[places, chosen], 0
            )
        return along

"""Several models that decode together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nmt.search.runtime import Candidates, Decoding, OutputWords, Runtime


class Ensemble:
    """Models of the same vocabularies, searched as if they were one; a `Runtime`.

    The probability of the next word is the mean of the models' probabilities (Sutskever et al.
    2014, arXiv 1409.3215); the attention is the mean over the models that have one.

    Args:
        runtimes: at least one; their sizes may differ, not their vocabularies.
    """

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self.runtimes = tuple(runtimes)
        self.target_size: int = self.runtimes[0].target_size
        self.attends = any(runtime.attends for runtime in self.runtimes)

    def begin(self, source: np.ndarray, words: OutputWords) -> EnsembleDecoding:
        """Encode source ids that end with EOS, padded with 0, int32, shape (batch, source)."""
        return EnsembleDecoding([runtime.begin(source, words) for runtime in self.runtimes])


class EnsembleDecoding:
    """A batch under way; see `nmt.search.runtime.Decoding`.

    Args:
        decodings: of each model.
    """

    def __init__(self, decodings: Sequence[Decoding]) -> None:
        self._decodings, self.ids = decodings, decodings[0].ids

    def candidates(
        self, words: np.ndarray, parents: np.ndarray, live: np.ndarray, k: int
    ) -> Candidates:
        """Make a step, and return the `k` best continuations."""
        scores, weights = self.distribution(words, parents)
        batch, beams = live.shape
        scores = scores.reshape(batch, beams, -1) + live[..., np.newaxis]
        scores = scores.reshape(batch, -1)
        k = min(k, scores.shape[1])
        columns = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        columns.sort(axis=1)
        values = np.take_along_axis(scores, columns, 1)
        order = np.argsort(-values, axis=1, kind="stable")
        columns, values = (np.take_along_axis(x, order, 1) for x in (columns, values))
        beam, column = np.divmod(columns, len(self.ids))
        return Candidates(self.ids[column], values, beam, weights)

    def distribution(self, words: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return the log-probabilities of `ids` and the attention."""
        return _mean([decoding.distribution(words, parents) for decoding in self._decodings])

    def score(
        self, words: np.ndarray, parents: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Make a step, and return each row's log-probability of one word, and the attention."""
        return _mean([decoding.score(words, parents, targets) for decoding in self._decodings])

    def keep(self, sentences: np.ndarray) -> None:
        """Go on with some of the sentences only."""
        for decoding in self._decodings:
            decoding.keep(sentences)


def _mean(steps: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of the mean probabilities, and the mean attention."""
    scores, attention = zip(*steps, strict=True)
    mean = scores[0]
    for one in scores[1:]:
        mean = np.logaddexp(mean, one)
    attending = [weights for weights in attention if weights.shape[-1]]
    weights = np.mean(attending, axis=0) if attending else attention[0]
    return mean - np.float32(math.log(len(steps))), weights

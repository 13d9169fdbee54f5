"""What a search needs of the runtime that computes its steps.

The searches are plain NumPy. A runtime holds the model, and the states of a batch under way, which
for a GPU stay on the device: what crosses in a step are the words and the rows that they continue,
and the candidates for the next words.
"""

from __future__ import annotations

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


class Candidates(NamedTuple):
    """The likeliest next words of each row, best first.

    Attributes:
        ids: of the words, int32, shape (rows, k).
        log_probabilities: of the words, in nats, float32, shape (rows, k).
        attention: weights for their prediction, float32, shape (batch, beams, source or 0).
    """

    ids: np.ndarray
    log_probabilities: np.ndarray
    attention: np.ndarray


class Decoding(Protocol):
    """A batch under way. Its rows are the hypotheses, those of a sentence side by side."""

    ids: np.ndarray  # of the words that may be chosen, shape (words,)

    def candidates(self, words: np.ndarray, parents: np.ndarray, k: int) -> Candidates:
        """Make a step, and return the `k` likeliest next words, or all if there are fewer.

        Args:
            words: the last word of each row, int32, shape (batch · beams,).
            parents: which row of the step before each row continues, int32, shape
                (batch · beams,); in the first step the sentence.
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

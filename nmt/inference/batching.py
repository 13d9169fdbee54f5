"""Which sentences are decoded together: of like length, as many as fit, little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BATCH_TOKENS = 2048  # source tokens of a batch, padding included
_FASTER = 1.05  # by how much twice the batch must be faster to be worth its memory
_MOST_PADDING = 0.08  # share of a batch
_FEWEST = 16  # sentences that a batch may have in spite of its padding: tiny ones are slow


@dataclass
class BatchTuning:
    """Finds how many tokens a device decodes together: twice as many while that is faster.

    A batch that does not fit in memory is done in halves, which is slower, and so not tried again.

    Attributes:
        tokens: of a batch, padding included.
        settled: whether it stays so.
    """

    tokens: int = BATCH_TOKENS
    settled: bool = True
    _speed: float = 0.0

    def tell(self, speed: float) -> None:
        """Say how many tokens a second there were with this size."""
        if self.settled:
            return
        if speed < _FASTER * self._speed:
            self.tokens, self.settled = self.tokens // 2, True
        else:
            self.tokens, self._speed = 2 * self.tokens, speed


@dataclass
class Packing:
    """How well batches were filled, up to now.

    Attributes:
        tokens: source tokens, ends of sentences included.
        places: the same with the padding.
    """

    tokens: int = 0
    places: int = 0

    def add(self, tokens: int, batch: np.ndarray) -> None:
        """Count one batch, shape (sentences, places)."""
        self.tokens += tokens
        self.places += batch.size


def pack(
    lengths: Sequence[int], batch_size: int | None = None, batch_tokens: int = BATCH_TOKENS
) -> Iterator[list[int]]:
    """Cut sentences into batches.

    Args:
        lengths: tokens of each sentence, its end included.
        batch_size: so many sentences in each batch; None goes by tokens and padding.
        batch_tokens: most tokens of a batch, padding included; one sentence may have more.

    Yields:
        The places of each batch's sentences, shortest first.
    """
    sizes = np.asarray(lengths, np.int64)
    order = np.argsort(sizes, kind="stable")
    sizes = sizes[order]
    before = np.concatenate([[0], np.cumsum(sizes)])
    start = 0
    while start < len(order):
        stop = start + (batch_size or _most(sizes[start:], before[start:], batch_tokens))
        yield order[start:stop].tolist()
        start = stop


def _most(sizes: np.ndarray, before: np.ndarray, batch_tokens: int) -> int:
    """How many of the first sentences make a batch; sizes ascend, `before` are their sums."""
    size = min(len(sizes), batch_tokens)
    places = np.arange(1, size + 1) * sizes[:size]
    tokens = before[1 : size + 1] - before[0]
    fits = places <= batch_tokens
    filled = tokens >= (1.0 - _MOST_PADDING) * places
    filled[:_FEWEST] = True
    return max(1, int(np.flatnonzero(fits & filled)[-1:].sum()) + 1)

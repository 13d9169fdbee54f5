"""Which sentences are decoded together: of similar length, as many as fit, little padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from nmt.errors import JobFailed, UnusableInput

BATCH_TOKENS = 2048  # source tokens of a batch, padding included
_FASTER = 1.05  # by how much twice the batch must be faster to be worth its memory
_MOST_PADDING = 0.08  # share of a batch
_FEWEST = 16  # sentences that a batch may have in spite of its padding: tiny ones are slow


T = TypeVar("T")
R = TypeVar("R")
Failed = Callable[[int, Exception], None]  # called with a row and the error that it causes alone


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

    def record_speed(self, speed: float) -> None:
        """Take account of the tokens per second that this size has reached."""
        if self.settled:
            return
        if speed < _FASTER * self._speed:
            self.tokens, self.settled = self.tokens // 2, True
        else:
            self.tokens, self._speed = 2 * self.tokens, speed


@dataclass
class PaddingCount:
    """How much of the batches so far is padding.

    Attributes:
        tokens: source tokens, ends of sentences included.
        places: the same with the padding.
    """

    tokens: int = 0
    places: int = 0

    def add(self, lengths: Sequence[int]) -> None:
        """Count one batch of sentences of these lengths."""
        self.tokens += sum(lengths)
        self.places += len(lengths) * max(lengths)


def batches_by_length(
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


def decode_bisecting(
    decode: Callable[[Sequence[int]], T], rows: Sequence[int], failed: Failed
) -> Iterator[tuple[Sequence[int], T]]:
    """Decode a batch; if that raises, in halves, down to the rows that raise alone.

    So a batch that does not fit into memory is decoded in smaller ones, and a row that cannot be
    decoded costs no other row.

    Args:
        decode: decodes some of the rows.
        rows: of the batch.
        failed: called with each row that raises alone, and its error; may raise it again.

    Yields:
        Rows and what `decode` returned for them.

    Raises:
        UnusableInput, JobFailed: as `decode` raised them; they are not errors of a row.
    """
    try:
        decoded = decode(rows)
    except (UnusableInput, JobFailed):
        raise
    except Exception as error:
        if len(rows) == 1:
            failed(rows[0], error)
            return
    else:
        yield rows, decoded
        return
    # Outside of the handler of the error, whose frames hold the tensors of the whole batch.
    middle = len(rows) // 2
    for half in (rows[:middle], rows[middle:]):
        yield from decode_bisecting(decode, half, failed)


def convert(
    results: Iterable[tuple[int, T]], function: Callable[[int, T], R], failed: Failed
) -> Iterator[tuple[int, R]]:
    """Make something of each row's result; a row of which that raises an error costs no other.

    Args:
        results: rows and their results.
        function: of a row and its result.
        failed: see `decode_bisecting`.
    """
    for row, result in results:
        try:
            converted = function(row, result)
        except Exception as error:
            failed(row, error)
        else:
            yield row, converted


def raise_error(_: int, error: Exception) -> None:
    """The `failed` of callers that want every row decoded."""
    raise error


def lacks_memory(error: Exception) -> bool:
    """Whether an exception says that there is not enough memory, of the host or of a GPU."""
    tensorflows = type(error).__name__ == "ResourceExhaustedError"
    return isinstance(error, MemoryError) or tensorflows

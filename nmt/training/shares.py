"""How a validation is cut into batches, and how workers share them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

_MULTIPLE = 24  # of batches: 2, 3, 4, 6, 8, 12 and 24 workers get equally many
_STEP = 8  # sentences that cost as much as the rest of a step of decoding


def even_batches(widths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Cut sentences into batches of about the same cost; their number is a multiple of 24.

    It does not depend on the number of workers: in other batches, the last digits of a sentence's
    numbers may be others.

    Args:
        widths: tokens of each sentence, its end included.
        batch_tokens: most tokens of a batch, padding included; one sentence may have more.

    Returns:
        The places of each batch's sentences, shortest first. Few sentences make fewer batches.
    """
    sizes = np.asarray(widths, np.int64)
    order = np.argsort(sizes, kind="stable")
    sizes = sizes[order]
    number = _MULTIPLE
    while True:
        budgets = range(_cost(sizes))
        least = bisect_left(budgets, True, key=lambda budget: len(_cut(sizes, budget)) <= number)
        batches = [order[part] for part in _cut(sizes, least)]
        if all(len(rows) * widths[rows[-1]] <= batch_tokens for rows in batches if len(rows) > 1):
            return [rows.tolist() for rows in batches]
        number += _MULTIPLE * -(-int(sizes.sum()) // (_MULTIPLE * batch_tokens))


def _cut(sizes: np.ndarray, budget: int) -> list[slice]:
    """The fewest batches that cost at most this each, or are one sentence."""
    parts, start = [], 0
    while start < len(sizes):
        some = sizes[start : start + budget // int(sizes[start]) + 1]
        costs = (np.arange(1, len(some) + 1) + _STEP) * some  # see `_cost`
        stop = start + max(1, int(np.searchsorted(costs, budget, side="right")))
        parts.append(slice(start, stop))
        start = stop
    return parts


def _cost(widths: np.ndarray) -> int:
    """What a batch costs: its steps times its sentences and the rest of a step."""
    return (len(widths) + _STEP) * int(widths[-1])


def share_batches(batches: int, rank: int, workers: int) -> list[int]:
    """The numbers of a worker's batches.

    Batches are dealt to and fro, from the first worker to the last and back, so that all have short
    and long sentences.

    Args:
        batches: how many there are.
        rank: the worker's number.
        workers: number of workers.
    """
    places = rank, 2 * workers - 1 - rank
    return [number for number in range(batches) if number % (2 * workers) in places]

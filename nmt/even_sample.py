"""An even sample of sentence pairs that fits into memory, however they are ordered."""

from __future__ import annotations

from typing import Generic, TypeVar

Pair = TypeVar("Pair")
PAIR = 16  # cells that cost as much as the lists and arrays of a pair


class EvenSample(Generic[Pair]):
    """Every n-th of some pairs.

    A pair costs its cells, and as much as `PAIR` of them. The step is the cost of all pairs divided
    by what fits. It doubles whenever the pairs that were taken cost a quarter more than that: who
    has ordered the pairs knows which of them are taken.

    Args:
        cells: of all pairs: source words × target words.
        pairs: how many they are.
        most: cells that fit.

    Attributes:
        step: the pairs whose number is divisible by it are taken.
    """

    def __init__(self, cells: int, pairs: int, most: int) -> None:
        self.step = max(1, -(-(cells + PAIR * pairs) // most))
        self._most, self._cells = most * 5 // 4, 0
        self._taken: list[tuple[int, int, Pair]] = []

    def add(self, number: int, cells: int, pair: Pair) -> None:
        """Take a pair if it is its turn.

        Args:
            number: of the pair, ascending.
            cells: of the pair.
            pair: what is kept of it.
        """
        if number % self.step:
            return
        self._taken.append((number, cells + PAIR, pair))
        self._cells += cells + PAIR
        while self._cells > self._most and len(self._taken) > 1:
            self.step *= 2
            self._taken = [one for one in self._taken if one[0] % self.step == 0]
            self._cells = sum(own for _, own, _ in self._taken)

    @property
    def pairs(self) -> list[Pair]:
        """Those that were taken, in their order."""
        return [pair for *_, pair in self._taken]

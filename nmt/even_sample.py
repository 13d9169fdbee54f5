"""An even sample of sentence pairs that fits into memory, however they are ordered."""

from __future__ import annotations

from typing import Generic, TypeVar

Pair = TypeVar("Pair")


class EvenSample(Generic[Pair]):
    """Every n-th of some pairs.

    The step is about their cells divided by those that fit. It doubles whenever the pairs that were
    taken have a quarter more than that: who has ordered the pairs knows which of them are taken.

    Args:
        cells: of all pairs: source words × target words.
        most: that fit.

    Attributes:
        step: the pairs whose number is divisible by it are taken.
    """

    def __init__(self, cells: int, most: int) -> None:
        self.step = max(1, -(-cells // most))
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
        self._taken.append((number, cells, pair))
        self._cells += cells
        while self._cells > self._most and len(self._taken) > 1:
            self.step *= 2
            self._taken = [one for one in self._taken if one[0] % self.step == 0]
            self._cells = sum(own for _, own, _ in self._taken)

    @property
    def pairs(self) -> list[Pair]:
        """Those that were taken, in their order."""
        return [pair for *_, pair in self._taken]

"""TER (Snover et al. 2006) with a bounded cost per row.

It counts edits and shifts of whole phrases. sacrebleu looks for shifts by trying up to 1,000 of
them, and each trial takes the longer the more words there are: two seconds for a row of 100 words,
eight for one of 300. So rows of more than `LONGEST` words are compared without shifts; their edits
are those of the plain edit distance, which are never fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import TER

LONGEST = 100  # words of the translation, and of each of its references


class BoundedTER(TER):
    """sacrebleu's TER, whose statistics of a row hold a third number: 1 for one of more than
    `LONGEST` words, which was compared without shifts, else 0.

    Args:
        words: puts blanks between the words of a text that has none, a tokenizer of sacrebleu's;
            the signature names it. None is for texts with blanks.
        options: sacrebleu's.
    """

    def __init__(self, words: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self._words = words
        if words is not None:
            self.tokenizer_signature = words.signature()

    def _preprocess_segment(self, sent: str) -> str:
        text = super()._preprocess_segment(sent)
        return text if self._words is None else self._words(text)

    def _compute_segment_statistics(
        self, hypothesis: str, ref_kwargs: dict[str, Any]
    ) -> list[float]:
        words, references = hypothesis.split(), ref_kwargs["ref_words"]
        if max(len(words), *map(len, references)) <= LONGEST:
            return [*super()._compute_segment_statistics(hypothesis, ref_kwargs), 0]
        edits = min(edit_distance(words, reference) for reference in references)
        return [edits, sum(map(len, references)) / len(references), 1]


def too_long(*systems: np.ndarray) -> int:
    """In how many rows a system was compared without shifts.

    Args:
        systems: for each system its statistics of the same rows, shape (rows, 3).
    """
    return int(np.count_nonzero(np.any([statistics[:, 2] for statistics in systems], axis=0)))


def remark(rows_without_shifts: int) -> str:
    """The remark after a score in a message: the number of rows compared without shifts."""
    count = rows_without_shifts
    return f"  ({count:,} rows of more than {LONGEST} words without shifts)" if count else ""


def edit_distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions of words that make one text of the other."""
    fewer, more = sorted((one, other), key=len)
    numbers = {word: number for number, word in enumerate({*fewer, *more})}
    codes = np.array([numbers[word] for word in more], np.int64)
    places = np.arange(len(more) + 1)
    costs = places  # of making each beginning of the longer text of nothing
    for word in fewer:
        changed = np.minimum(costs[:-1] + (codes != numbers[word]), costs[1:] + 1)
        # An insertion costs 1 a place: the least of all places before, and the way from there.
        costs = np.minimum.accumulate(np.append(costs[0] + 1, changed) - places) + places
    return int(costs[-1])

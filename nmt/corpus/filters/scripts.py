"""Filters that look at letters: whether there are any, and of which script."""

from __future__ import annotations

import numpy as np

from nmt.corpus.filters.base import Filter, PairBatch, Texts, share, smaller
from nmt.corpus.filters.characters import BLANK, LETTER
from nmt.languages import scripts_of
from nmt.reject_reasons import RejectReason


class Letters(Filter):
    """Share of letters, with their marks, among the characters that are no blanks."""

    name, reason, bound = "letters", RejectReason.FEW_LETTERS, "least"
    title = "Share of letters (the side that has fewer)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return smaller(self._side(side) for side in batch.sides)

    @staticmethod
    def _side(side: Texts) -> np.ndarray:
        characters = side.characters
        return share(characters.count(LETTER), characters.lengths - characters.count(BLANK))


class ExpectedScript(Filter):
    """Share of the letters that are of a script of the side's language."""

    name, reason, bound = "script", RejectReason.WRONG_SCRIPT, "least"
    title = "Share of letters of the expected script (the side that has fewer)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return smaller(self._side(side) for side in batch.sides)

    @staticmethod
    def _side(side: Texts) -> np.ndarray:
        scripts = scripts_of(side.language)
        if not scripts:
            return np.full(len(side.texts), np.nan)
        # Marks that several scripts share belong to the letter that they stand on.
        own = side.characters.count_scripts((*scripts, "Zinh"))
        return share(own, side.characters.count(LETTER))

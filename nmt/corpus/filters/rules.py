"""Filters that judge a pair by its own texts: lengths, repetition, letters, numbers, copies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from nmt.corpus.filters.base import COUNTS, RATIOS, Filter, PairBatch, SideFilter, Texts, share
from nmt.corpus.filters.characters import BLANK, DIGIT, LETTER
from nmt.languages import scripts_of
from nmt.reject_reasons import RejectReason

_SMOOTHING = 10  # characters added to both sides: "Hi." may well be "Guten Tag zusammen."
_FEWEST = 5  # words, from which repetition is looked for: "no, no, no" is a sentence
_FEWEST_COPIED = 2  # words, from which equal sides are a copy: one may be a name or a loan
_NUMBER = re.compile(r"\d+")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"']*[\w/]|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.A
)
_MOST_CHARACTERS = 2000  # of a side in which addresses are looked for


class MostCharacters(SideFilter):
    """Characters of the longer side."""

    name, reason, bound = "characters", RejectReason.BAD_LENGTH, "most"
    title = "Characters of the longer side"
    edges = COUNTS

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        return side.characters.lengths


class MostWords(SideFilter):
    """Words of the side that has more; where a script has no blanks, its characters."""

    name, reason, bound = "words", RejectReason.BAD_LENGTH, "most"
    title = "Words of the side that has more"
    edges = COUNTS

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        return side.word_counts


class LengthRatio(Filter):
    """Characters of the longer side for each of the shorter one, 10 added to both."""

    name, reason, bound = "length_ratio", RejectReason.LENGTH_RATIO, "most"
    title = "Ratio of lengths (longer to shorter side, 10 characters added to both)"
    edges = RATIOS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (side.characters.lengths + _SMOOTHING for side in batch.sides)
        return np.fmax(source / target, target / source).astype(np.float32)


class LongestWord(SideFilter):
    """Characters of the longest word."""

    name, reason, bound = "longest_word", RejectReason.LONG_WORD, "most"
    title = "Characters of the longest word"
    edges = COUNTS

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        return side.characters.longest_word()


class Letters(SideFilter):
    """Share of letters, with their marks, among the characters that are no blanks."""

    name, reason, bound = "letters", RejectReason.FEW_LETTERS, "least"
    title = "Share of letters (the side that has fewer)"

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        characters = side.characters
        return share(characters.count(LETTER), characters.lengths - characters.count(BLANK))


class ExpectedScript(SideFilter):
    """Share of the letters that are of a script of the side's language."""

    name, reason, bound = "script", RejectReason.WRONG_SCRIPT, "least"
    title = "Share of letters of the expected script (the side that has fewer)"

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        scripts = scripts_of(side.language)
        if not scripts:
            return np.full(len(side.texts), np.nan)
        # Marks that several scripts share belong to the letter that they stand on.
        own = side.characters.count_scripts((*scripts, "Zinh"))
        return share(own, side.characters.count(LETTER))


class RepeatedCharacters(SideFilter):
    """Equal characters in a row, at most."""

    name, reason, bound = "repeated_characters", RejectReason.REPETITION, "most"
    title = "Equal characters in a row, at most"
    edges = COUNTS

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        return side.characters.longest_run()


class RepeatedWords(SideFilter):
    """Share of the pairs of neighbouring words that occur earlier in the side.

    Sides of fewer than five words have no score.
    """

    name, reason, bound = "repetition", RejectReason.REPETITION, "most"
    title = "Repeated pairs of words (the side that has more)"

    def side_score(self, side: Texts) -> np.ndarray:
        """See `SideFilter.side_score`."""
        scores = np.full(len(side.texts), np.nan, np.float32)
        words = side.words
        for place in np.flatnonzero(side.word_counts >= _FEWEST).tolist():
            one = words[place]
            pairs = len(one) - 1
            if pairs > 0:
                scores[place] = 1 - len(set(pairwise(one))) / pairs
        return scores


class Similarity(Filter):
    """Dice coefficient of the sets of lower-cased words of both sides.

    Pairs whose shorter side has fewer than two words have no score.
    """

    name, reason, bound = "similarity", RejectReason.COPIED, "most"
    title = "Similarity of both sides (Dice coefficient of their words)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        scores = [
            _dice(source, target)
            if len(source) >= _FEWEST_COPIED and len(target) >= _FEWEST_COPIED
            else np.nan
            for source, target in zip(batch.source.words, batch.target.words, strict=True)
        ]
        return np.array(scores, np.float32)

    def rejects(self, scores: np.ndarray, threshold: float) -> np.ndarray:
        """See `Filter.rejects`; the threshold itself is too much, so that 1 rejects copies."""
        return scores >= np.float32(threshold) if threshold else np.zeros(len(scores), bool)


def _dice(source: Iterable[str], target: Iterable[str]) -> float:
    first, second = set(source), set(target)
    return 2 * len(first & second) / (len(first) + len(second))


class Numbers(Filter):
    """Dice coefficient of the numbers in digits of both sides; a number may stand there twice."""

    name, reason, bound = "numbers", RejectReason.NUMBERS_DIFFER, "least"
    title = "Share of numbers in common (where there are any)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (side.characters.count(DIGIT) > 0 for side in batch.sides)
        return _in_common(batch, _NUMBER, source | target)


class Addresses(Filter):
    """Dice coefficient of the URLs and addresses of both sides."""

    name, reason, bound = "urls", RejectReason.URLS_DIFFER, "least"
    title = "Share of URLs and addresses in common (where there are any)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (self._may_have(side) for side in batch.sides)
        return _in_common(batch, _ADDRESS, source | target)

    @staticmethod
    def _may_have(side: Texts) -> np.ndarray:
        return np.fromiter(
            ("://" in text or "www." in text or "@" in text for text in side.texts),
            bool,
            len(side.texts),
        )


def _in_common(batch: PairBatch, pattern: re.Pattern[str], chosen: np.ndarray) -> np.ndarray:
    """Dice coefficient of what a pattern finds in both sides of the chosen pairs, else NaN."""
    scores = np.full(len(batch), np.nan, np.float32)
    for place in np.flatnonzero(chosen).tolist():
        source, target = (
            Counter(pattern.findall(side.texts[place][:_MOST_CHARACTERS])) for side in batch.sides
        )
        total = source.total() + target.total()
        if total:
            scores[place] = 2 * (source & target).total() / total
    return scores

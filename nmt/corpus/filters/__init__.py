"""Filters: which pairs of a corpus are dirt.

`base` says what a filter is. `RULES` judge each pair by itself, in this order; the first one that
rejects a pair gives the reason. `alignment` then learns from the pairs that are left how words and
lengths of both sides belong together; `judgement` judges pairs by it. `keys` finds repetitions
among what remains. `nmt.corpus.filtering` brings them together as stages of a preparation.
"""

from nmt.corpus.filters.base import Filter, Languages, PairBatch, histogram
from nmt.corpus.filters.copies import Addresses, Numbers, Similarity
from nmt.corpus.filters.language import ExpectedLanguage
from nmt.corpus.filters.lengths import LengthRatio, LongestWord, MostCharacters, MostWords
from nmt.corpus.filters.repetition import RepeatedCharacters, RepeatedWords
from nmt.corpus.filters.scripts import ExpectedScript, Letters

RULES: tuple[Filter, ...] = (
    MostCharacters(),
    MostWords(),
    LongestWord(),
    RepeatedCharacters(),
    RepeatedWords(),
    Letters(),
    ExpectedScript(),
    LengthRatio(),
    Similarity(),
    Numbers(),
    Addresses(),
    ExpectedLanguage(),
)

__all__ = ["RULES", "Filter", "Languages", "PairBatch", "histogram"]

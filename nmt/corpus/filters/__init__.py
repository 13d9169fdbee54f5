"""Filters: which pairs of a corpus are dirt.

`base` says what a filter is. `RULES` judge each pair by itself, in this order; the first one that
rejects a pair gives the reason. `alignment` then learns from the pairs that are left how words and
lengths of both sides belong together; `judgement` judges pairs by it. `nmt.corpus.repeated` finds
repetitions among what remains. `nmt.corpus.filtering` brings them together as stages of a
preparation.
"""

from nmt.corpus.filters.base import Filter, Languages, PairBatch, histogram
from nmt.corpus.filters.cross_entropy import CROSS_ENTROPY, CrossEntropy
from nmt.corpus.filters.judgement import LEARNT, LearntFilter
from nmt.corpus.filters.language import ExpectedLanguage
from nmt.corpus.filters.rules import (
    Addresses,
    ExpectedScript,
    LengthRatio,
    Letters,
    LongestWord,
    MostCharacters,
    MostWords,
    Numbers,
    RepeatedCharacters,
    RepeatedWords,
    Similarity,
)

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

# All scores of pairs, by the names of their filters.
SCORES: dict[str, Filter | LearntFilter | CrossEntropy] = {
    **{rule.name: rule for rule in RULES},
    **LEARNT,
    CROSS_ENTROPY.name: CROSS_ENTROPY,
}

__all__ = ["RULES", "SCORES", "Filter", "Languages", "PairBatch", "histogram"]

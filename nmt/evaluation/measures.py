"""What is measured of each sentence without references, as columns: a unit's sentences at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.evaluation.sentences import Sentence
from nmt.vocabulary.special import SPECIALS, UNK


class Measures(NamedTuple):
    """One entry a sentence in each column.

    Attributes:
        score: log-probability, nats a token.
        attention_entropy: nats a target token; NaN without attention or target token.
        coverage: mean attention a source token got in all, at most 1; NaN without attention.
        unknown: target tokens that are unk.
        source_words: words of the source, between blanks.
        target_words: words of the translation.
        looping: whether the translation repeats itself; see `repeats`.
        truncated: whether it was cut off at the length limit.
        empty: whether the source holds nothing to translate, as a blank line.
    """

    score: np.ndarray
    attention_entropy: np.ndarray
    coverage: np.ndarray
    unknown: np.ndarray
    source_words: np.ndarray
    target_words: np.ndarray
    looping: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Measures:
        """Measure sentences one by one."""
        return cls(
            score=np.array([s.score for s in sentences], np.float64),
            attention_entropy=np.array([s.attention_entropy for s in sentences], np.float64),
            coverage=np.array([s.coverage for s in sentences], np.float64),
            unknown=np.array([unknown(s.target_tokens) for s in sentences], np.int64),
            source_words=count_words([s.source for s in sentences]),
            target_words=count_words([s.translation for s in sentences]),
            looping=np.array([repeats(s.target_tokens) for s in sentences], bool),
            truncated=np.array(["truncated" in s.flags for s in sentences], bool),
            empty=np.array(["empty" in s.flags for s in sentences], bool),
        )


def count_words(texts: Sequence[str]) -> np.ndarray:
    """Words of each text, between blanks."""
    return np.fromiter((len(text.split()) for text in texts), np.int64, len(texts))


def unknown(tokens: Sequence[str]) -> int:
    """How many of the tokens are unk."""
    return tokens.count(SPECIALS[UNK])


def repeats(tokens: Sequence[str]) -> bool:
    """Whether the decoder loops: a run of two or more tokens occurs three times in a row, or one
    token four times.

    Three times are enough for a run of any length, for the longer it is, the less likely people
    say it three times in a row; twice are not, for sources hold sentences twice.
    """
    count = len(tokens)
    if count - len(set(tokens)) < 3:  # most sentences: too few come again
        return False
    for size in range(1, count // 3 + 1):
        needed = (3 if size == 1 else 2) * size
        # So many neighbours that come again `size` later cover one of these places.
        for place in range(needed - 1, count - size, needed):
            first = last = place
            while first >= 0 and tokens[first] == tokens[first + size]:
                first -= 1
            if first == place:
                continue
            while last < count - size and tokens[last] == tokens[last + size]:
                last += 1
            if last - first > needed:
                return True
    return False

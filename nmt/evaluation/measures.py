"""Measures of sentences without references, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt import segmentation
from nmt.evaluation.columns import STRINGS
from nmt.evaluation.sentences import Sentence
from nmt.vocabulary.special import SPECIALS, UNK, is_byte, lost_bytes


class Measures(NamedTuple):
    """One entry per sentence in each column.

    Attributes:
        score: log-probability, nats per token; NaN where no model is known.
        attention_entropy: nats per target token; NaN without attention or target token.
        coverage: mean total attention per source token, at most 1; NaN without attention.
        unknown: target tokens that are unknown; see `unknown`.
        spelled: source tokens that are bytes, of characters that the vocabulary lacks.
        source_tokens: all tokens of the source.
        source_words: words of the source, see `nmt.segmentation`.
        target_words: words of the translation.
        looping: whether the translation repeats itself; see `repeats`.
        truncated: whether it was cut off at the length limit.
        empty: whether the source holds nothing to translate, as a blank line.
        multiline: whether it holds several lines or sentences.
        markup: whether it holds tags.
    """

    score: np.ndarray
    attention_entropy: np.ndarray
    coverage: np.ndarray
    unknown: np.ndarray
    spelled: np.ndarray
    source_tokens: np.ndarray
    source_words: np.ndarray
    target_words: np.ndarray
    looping: np.ndarray
    truncated: np.ndarray
    empty: np.ndarray
    multiline: np.ndarray
    markup: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Measures:
        """Measure sentences one by one."""
        return cls(
            score=np.array([s.score for s in sentences], np.float64),
            attention_entropy=np.array([s.attention_entropy for s in sentences], np.float64),
            coverage=np.array([s.coverage for s in sentences], np.float64),
            unknown=np.array([unknown(s.target_tokens) for s in sentences], np.int64),
            spelled=spelled(pa.array([s.source_tokens for s in sentences], STRINGS)),
            source_tokens=np.array([len(s.source_tokens) for s in sentences], np.int64),
            source_words=count_words([s.source for s in sentences]),
            target_words=count_words([s.translation for s in sentences]),
            looping=np.array([repeats(s.target_tokens) for s in sentences], bool),
            **{
                flag: np.array([flag in s.flags for s in sentences], bool)
                for flag in ("truncated", "empty", "multiline", "markup")
            },
        )


def count_words(texts: Sequence[str]) -> np.ndarray:
    """Words of each text, see `nmt.segmentation`."""
    return np.fromiter(map(segmentation.count_words, texts), np.int64, len(texts))


def spelled(lists: pa.ListArray) -> np.ndarray:
    """How many tokens of each list are bytes of characters that the vocabulary lacks."""
    tokens = lists.flatten()
    chosen = pc.starts_with(tokens, "<").to_numpy(zero_copy_only=False)
    places = [place for place in np.flatnonzero(chosen).tolist() if is_byte(tokens[place].as_py())]
    owners = pc.list_parent_indices(lists).to_numpy()[places]
    return np.bincount(owners, minlength=len(lists))


def unknown(tokens: Sequence[str]) -> int:
    """How many of the tokens are unk, or bytes that form no character."""
    return tokens.count(SPECIALS[UNK]) + lost_bytes(tokens)


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

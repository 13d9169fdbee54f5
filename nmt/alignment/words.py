"""What the aligner takes for equal words, and which it tells apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from nmt.segmentation import split_words

MOST_WORDS = 60  # of a side that are learnt from and judged
_VOCABULARY = 50_000  # words of a side that are told apart; all others are one
_STEM = 5  # letters of a word that are looked at: a cheap stemmer
_WORD = re.compile(r"\w+|[^\w\s]")
_LETTERS = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_FIRST_UNSPACED = "\u0e00"


def stems(text: str) -> list[str]:
    """The first words and punctuation marks of a text: lower-cased, cut after five letters."""
    text = text.lower()
    if not text.isascii() and max(text) >= _FIRST_UNSPACED:
        return [word[:_STEM] for word in split_words(text)[:MOST_WORDS]]
    return [word[:_STEM] for word in _WORD.findall(text)[:MOST_WORDS]]


def word_stems(text: str) -> list[str]:
    """The words of `nmt.segmentation.split_words`, lower-cased, cut after five letters.

    Punctuation around a word is left out, so that a word at the end of a sentence is the same.
    """
    return [_stem(word.lower()) for word in split_words(text)]


def _stem(word: str) -> str:
    letters = _LETTERS.search(word)
    return (letters[0] if letters else word)[:_STEM]


class Words:
    """A vocabulary of the aligner; id 0 stands for all words that it does not have.

    Args:
        words: in the order of their ids, from 1.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: number for number, word in enumerate(words, start=1)}

    @classmethod
    def learn(cls, texts: Iterable[Sequence[str]]) -> Words:
        """The most frequent words of some texts, whatever their order."""
        counts: Counter[str] = Counter()
        for words in texts:
            counts.update(words)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(ranked[:_VOCABULARY])

    def __len__(self) -> int:
        return len(self.words) + 1

    def ids(self, words: Iterable[str]) -> np.ndarray:
        """The ids of words, int64."""
        return np.array([self._ids.get(word, 0) for word in words], np.int64)

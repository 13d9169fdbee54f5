"""Words that know what they translate: the alignment follows from how a sentence is built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

T = TypeVar("T", "Word", "Target")


class SentencePair(NamedTuple):
    """A sentence, its translation and the gold word alignment.

    source: the English sentence, detokenised.
    target: the German sentence, detokenised.
    alignment: Pharaoh links "source-target", 0-based over whitespace-separated words, sorted.
    """

    source: str
    target: str
    alignment: str


class Word:
    """An English word; `at` is its position once the sentence is rendered."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = -1


class Target:
    """A German word and the English words that it translates."""

    __slots__ = ("sources", "text")

    def __init__(self, text: str, *sources: Word) -> None:
        self.text = text
        self.sources = sources


class Phrase(NamedTuple):
    """English words and the German words that translate them, each side in its own order."""

    en: list[Word]
    de: list[Target]


class Idiom:
    """A fixed expression with known links, such as "in the evening" = "am Abend".

    Args:
        english: the English words.
        german: the German words, each followed by a colon and the positions (one digit each)
            of the English words it translates: "am:01 Abend:2".
    """

    __slots__ = ("english", "german")

    def __init__(self, english: str, german: str) -> None:
        self.english = tuple(english.split())
        pairs = (part.rsplit(":", 1) for part in german.split())
        self.german = tuple((text, tuple(int(digit) for digit in at)) for text, at in pairs)

    def phrase(self) -> Phrase:
        """A fresh copy to use in one sentence."""
        words = [Word(text) for text in self.english]
        return Phrase(words, [Target(text, *[words[i] for i in at]) for text, at in self.german])


def words(text: str) -> list[Word]:
    """The words of an English expression."""
    return [Word(part) for part in text.split()]


def attach(tokens: list[T], mark: str) -> list[T]:
    """Puts a punctuation mark behind the last token, which must not be shared."""
    tokens[-1].text += mark
    return tokens


def render(english: list[Word], german: list[Target], mark: str) -> SentencePair:
    """Writes a sentence pair: capitals, the final mark and the alignment.

    Args:
        english: the English words in order.
        german: the German words in order; each source must stand in `english`.
        mark: the final punctuation mark.
    """
    for at, word in enumerate(english):
        word.at = at
    links = sorted({(word.at, at) for at, item in enumerate(german) for word in item.sources})
    return SentencePair(
        _sentence(english, mark),
        _sentence(german, mark),
        " ".join([f"{source}-{target}" for source, target in links]),
    )


def _sentence(tokens: Iterable[Word | Target], mark: str) -> str:
    text = " ".join([token.text for token in tokens])
    return text[0].upper() + text[1:] + mark

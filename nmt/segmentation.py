"""What the words of a text are: the one place that says it, for alignments, heatmaps and lengths.

A word stands between blanks, as in the Pharaoh format of word alignments, with the punctuation that
touches it. Scripts that are written without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese,
Tibetan and some others) have no such words; there each character is one, as a reader sees it (a
grapheme cluster of Unicode's annex 29: a letter with its marks). So ``私はIBMで働く。`` has the
words 私 · は · IBM · で · 働 · く · 。 and ``The dog sleeps.`` has three. Korean has blanks.

What the words are follows from the text alone: no dictionary and no model, so whoever reads
alignments can count the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

import regex

_BETWEEN_BLANKS = re.compile(r"\S+")
_SCRIPTS = (
    *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Tangut", "Nushu"),
    *("Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese", "Balinese"),
    *("Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom"),
)
# The signs that these scripts share, as 、 。 「 ー, have no script of their own.
_SIGNS = r"\u3001-\u303f\u3099-\u309c\u30a0\u30fb\u30fc\uff61-\uff65\uff70\uff9e\uff9f"
_UNSPACED = regex.compile(
    "[" + "".join(rf"\p{{script={name}}}" for name in _SCRIPTS) + _SIGNS + "]"
)
# Flags are pairs of regional indicators, which \X alone counts anew from the first one each time.
CHARACTER = regex.compile(r"\p{RI}{2}(?![\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}])|\X")
_CHINESE_OR_JAPANESE = regex.compile(
    r"[\p{script=Han}\p{script=Hiragana}\p{script=Katakana}\p{script=Bopomofo}\uff00-\uff0f"
    r"\uff1a-\uff20" + _SIGNS + "]"
)
_FIRST = "\u0e00"  # no character before these is of such a script


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text are.

    Args:
        text: any text.

    Returns:
        (start, end) of each word, ascending; ``text[start:end]`` is the word. They do not overlap,
        and every character that is not a blank lies in one.
    """
    spans = [match.span() for match in _BETWEEN_BLANKS.finditer(text)]
    return [word for span in spans for word in _cut(text, *span)] if _has_unspaced(text) else spans


def is_unspaced(character: str) -> bool:
    """Whether a character is of a script that is written without blanks."""
    return character >= _FIRST and _UNSPACED.match(character) is not None


def split_words(text: str) -> list[str]:
    """The words of a text, in order."""
    return [text[start:end] for start, end in word_spans(text)]


def count_words(text: str) -> int:
    """How many words a text has."""
    return len(word_spans(text)) if _has_unspaced(text) else len(text.split())


def character_words(text: str) -> list[int]:
    """For each character of a text the index of its word; for a blank that of the word after it.

    Blanks at the end belong to the last word; a text without any word gives zeros.
    """
    owners: list[int] = []
    number = 0
    for number, (_, end) in enumerate(word_spans(text)):
        owners += [number] * (end - len(owners))
    return owners + [number] * (len(text) - len(owners))


def join_sentences(texts: Iterable[str]) -> str:
    """Sentences one after another: after one that ends in Chinese or Japanese without a blank."""
    joined = ""
    for text in filter(None, texts):
        blank = joined and not _CHINESE_OR_JAPANESE.match(joined[-1])
        joined += f" {text}" if blank else text
    return joined


def _has_unspaced(text: str) -> bool:
    return not text.isascii() and max(text) >= _FIRST and _UNSPACED.search(text) is not None


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The words of a stretch without blanks."""
    characters = [match.span() for match in CHARACTER.finditer(text, start, end)]
    # What is of other scripts stays together; each character of these stands alone.
    runs = groupby(characters, lambda span: -1 if _UNSPACED.match(text, *span) is None else span[0])
    words = []
    for _, run in runs:
        spans = list(run)
        words.append((spans[0][0], spans[-1][1]))
    return words

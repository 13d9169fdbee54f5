"""A source text that is too long to be translated at once: cut, and its translations joined."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from nmt.inference.translation import Translation
from nmt.segmentation import CHARACTER, character_words, join_sentences, word_spans
from nmt.vocabulary.base import Segmented, Vocabulary

# Scripts without blanks, and some with them, have punctuation of their own.
_SENTENCE_END = re.compile(r"[.!?…;:؟؛۔।॥።][\"'»“”’)\]]*(?=\s)|[。！？；｡။།\u17d4]+[」』）】》”’]*")
_PAUSE = re.compile(r"\s|[,،](?=\s)|[，、､་]")


def cut(text: str, vocabulary: Vocabulary, limit: int) -> list[Segmented]:
    """Cut a cleaned text into pieces of at most `limit` tokens; pieces without any are left out.

    A piece ends at its last end of a sentence (punctuation before a blank, or that of a script
    without blanks), or else at its last blank or comma, or else between two characters, marks and
    all, at the limit; never inside a symbol of the vocabulary.

    Returns:
        The tokens of each piece, with the indices of their words in the whole text.
    """
    owners = character_words(text)
    pieces = []
    for start, end in _spans(text, vocabulary, limit):
        segment = vocabulary.encode(text[start:end])
        if segment.ids:
            words = _placed(segment.words, text[start:end], start, owners)
            pieces.append(segment._replace(words=words))
    return pieces


def _placed(words: Sequence[range], part: str, start: int, owners: Sequence[int]) -> list[range]:
    """Words of a part of a text as words of the whole.

    Args:
        words: of each token the indices of its words in the part.
        part: the part.
        start: where it begins in the whole.
        owners: for each character of the whole the index of its word. Where the part begins or
            ends inside a word, it may have others there.
    """
    own = [owners[start + first] for first, _ in word_spans(part)]
    return [range(own[some[0]], own[some[-1]] + 1) if some else some for some in words]


def _spans(text: str, vocabulary: Vocabulary, limit: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of a text begin and end."""
    start, inside = 0, _inside(vocabulary, text)
    while start < len(text):
        end = _longest(text, start, vocabulary, limit, inside)
        if end < len(text):
            end = next(
                (
                    place
                    for pattern in (_SENTENCE_END, _PAUSE, CHARACTER)
                    if (place := _last(pattern, text, start, end, inside)) is not None
                ),
                end,
            )
        yield start, end
        start = end
        while start < len(text) and text[start].isspace():
            start += 1


def _longest(text: str, start: int, vocabulary: Vocabulary, limit: int, inside: set[int]) -> int:
    """The end of the longest piece of at most `limit` tokens, at least a character or symbol."""

    def whole(end: int) -> int:
        while end in inside:
            end += 1
        return end

    def fits(end: int) -> bool:
        return vocabulary.fits(text[start : whole(end)], limit)

    least, size = start + 1, limit
    while start + size < len(text) and fits(start + size):
        least, size = start + size, 2 * size
    most = min(start + size, len(text))
    if fits(most):
        return whole(most)
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return whole(least)


def _inside(vocabulary: Vocabulary, text: str) -> set[int]:
    """The places inside symbols of the vocabulary."""
    spans = vocabulary.symbol_spans(text)
    return {place for start, end in spans for place in range(start + 1, end)}


def _last(pattern: Any, text: str, start: int, end: int, inside: set[int]) -> int | None:
    """Where the last match of a piece ends that leaves something before it and cuts no symbol."""
    ends = [match.end() for match in pattern.finditer(text, start, end + 1)]
    return next(
        (place for place in reversed(ends) if start < place <= end and place not in inside), None
    )


def join(parts: Sequence[Translation]) -> Translation:
    """One translation from those of a text's pieces, in order."""
    joined = _joined(parts)
    most = max(len(part.alternatives) for part in parts)
    chains: list[tuple[Translation, ...]] = [()]
    for part in parts if most else ():
        longer = ((*chain, one) for chain in chains for one in part.alternatives)
        chains = heapq.nlargest(most, longer, key=lambda chain: sum(map(_ranking, chain)))
    others = (replace(_joined(chain), ranking=sum(map(_ranking, chain))) for chain in chains)
    return replace(joined, alternatives=tuple(others)) if most else joined


def _ranking(part: Translation) -> float:
    return part.ranking or 0.0


def _joined(parts: Sequence[Translation]) -> Translation:
    chosen = [len(part.tokens) + ("truncated" not in part.flags) for part in parts]
    total = sum(part.score * count for part, count in zip(parts, chosen, strict=True))
    text = join_sentences(part.text for part in parts)
    owners = character_words(text)
    target_words: list[range] = []
    place = 0
    for part in parts:
        start = place = text.index(part.text, place)
        target_words += _placed(part.target_words, part.text, start, owners)
        place += len(part.text)
    flags = {flag for part in parts for flag in part.flags}
    blocks = [part.blocks for part in parts]
    return Translation(
        text=text,
        score=total / max(1, sum(chosen)),
        tokens=[token for part in parts for token in part.tokens],
        source_tokens=[token for part in parts for token in part.source_tokens],
        blocks=None if None in blocks else tuple(block for some in blocks for block in some or ()),
        source_words=[words for part in parts for words in part.source_words],
        target_words=target_words,
        flags=(*sorted(flags), "split"),
    )

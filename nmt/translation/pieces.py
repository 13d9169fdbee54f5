"""A source text that is too long to be translated at once: cut, and its translations joined."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

from nmt.translation.result import Translation
from nmt.vocabulary.base import Segmented, Vocabulary

# Scripts without blanks have punctuation of their own.
_SENTENCE_END = re.compile(r"[.!?…;:][\"'»“”’)\]]*(?=\s)|[。！？；]")
_PAUSE = re.compile(r"\s|,(?=\s)|[，、]")


class Piece(NamedTuple):
    """A part of a cleaned text.

    Attributes:
        segment: its tokens.
        first_word: index of its first word in the whole text.
    """

    segment: Segmented
    first_word: int


def cut(text: str, vocabulary: Vocabulary, limit: int) -> list[Piece]:
    """Cut a cleaned text into pieces of at most `limit` tokens; pieces without any are left out.

    A piece ends at its last end of a sentence (punctuation before a blank), or else at its last
    blank or comma, or else at the limit.
    """
    whole = vocabulary.encode(text)
    if len(whole.ids) <= limit:
        return [Piece(whole, 0)] if whole.ids else []
    pieces = []
    for start, end in _spans(text, vocabulary, limit):
        segment = vocabulary.encode(text[start:end])
        if segment.ids:
            inside = start > 0 and not text[start - 1].isspace()
            pieces.append(Piece(segment, len(text[:start].split()) - inside))
    return pieces


def _spans(text: str, vocabulary: Vocabulary, limit: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of a text begin and end."""
    start = 0
    while start < len(text):
        end = _longest(text, start, vocabulary, limit)
        if end < len(text):
            end = _last(_SENTENCE_END, text, start, end) or _last(_PAUSE, text, start, end) or end
        yield start, end
        start = end
        while start < len(text) and text[start].isspace():
            start += 1


def _longest(text: str, start: int, vocabulary: Vocabulary, limit: int) -> int:
    """The end of the longest piece of at most `limit` tokens, but at least one character."""

    def fits(end: int) -> bool:
        return len(vocabulary.encode_ids([text[start:end]])[0]) <= limit

    least, size = start + 1, limit
    while start + size < len(text) and fits(start + size):
        least, size = start + size, 2 * size
    most = min(start + size, len(text))
    if fits(most):
        return most
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if fits(middle) else (least, middle)
    return least


def _last(pattern: re.Pattern[str], text: str, start: int, end: int) -> int | None:
    """Where the last match of a piece ends, if it leaves something before it."""
    ends = [match.end() for match in pattern.finditer(text, start, end + 1)]
    return next((place for place in reversed(ends) if start < place <= end), None)


def join(parts: Sequence[Translation], pieces: Sequence[Piece]) -> Translation:
    """One translation from those of a text's pieces, in order."""
    joined = _joined(parts, pieces)
    most = max(len(part.alternatives) for part in parts)
    chains: list[tuple[Translation, ...]] = [()]
    for part in parts if most else ():
        longer = [(*chain, one) for chain in chains for one in part.alternatives]
        chains = heapq.nlargest(most, longer, key=lambda chain: sum(map(_ranking, chain)))
    others = (
        replace(_joined(chain, pieces), ranking=sum(map(_ranking, chain))) for chain in chains
    )
    return replace(joined, alternatives=tuple(others)) if most else joined


def _ranking(part: Translation) -> float:
    return part.ranking or 0.0


def _joined(parts: Sequence[Translation], pieces: Sequence[Piece]) -> Translation:
    chosen = [len(part.tokens) + ("truncated" not in part.flags) for part in parts]
    total = sum(part.score * count for part, count in zip(parts, chosen, strict=True))
    before = accumulate((len(part.text.split()) for part in parts), initial=0)
    flags = {flag for part in parts for flag in part.flags}
    blocks = [part.blocks for part in parts]
    return Translation(
        text=" ".join(part.text for part in parts if part.text),
        score=total / max(1, sum(chosen)),
        tokens=[token for part in parts for token in part.tokens],
        source_tokens=[token for part in parts for token in part.source_tokens],
        blocks=None if None in blocks else tuple(block for some in blocks for block in some or ()),
        source_words=[
            piece.first_word + word
            for piece, part in zip(pieces, parts, strict=True)
            for word in part.source_words
        ],
        target_words=[
            first + word
            for first, part in zip(before, parts, strict=False)
            for word in part.target_words
        ],
        flags=(*sorted(flags), "split"),
    )

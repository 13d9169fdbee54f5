"""Translations that a person should look at: the model was unsure, skipped words, or looped."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from nmt.evaluation.sentences import Sentence

LISTED = 50  # suspicious translations that a report shows
LOW_SCORE = -1.0  # nats a token: each word was on average less probable than one in three
LOW_COVERAGE = 0.5  # half of the source got no attention

Suspect = dict[str, Any]


def repeats(tokens: list[str]) -> bool:
    """Whether a run of two to four tokens occurs three times in a row, or one token four times:
    the decoder loops."""
    if len(tokens) - len(set(tokens)) < 3:  # most sentences: too few come again
        return False
    for size in (1, 2, 3, 4):
        needed, run = (3 if size == 1 else 2) * size, 0
        for token, later in zip(tokens, tokens[size:], strict=False):
            run = run + 1 if token == later else 0
            if run == needed:
                return True
    return False


def reasons(sentence: Sentence) -> list[str]:
    """Why a translation is suspicious; [] if it is not.

    ``looping``: the same words again and again. ``truncated``: cut off at the length limit.
    ``low score``: below `LOW_SCORE`. ``low coverage``: below `LOW_COVERAGE`.
    """
    found = {
        "looping": repeats(sentence.target_tokens),
        "truncated": "truncated" in sentence.flags,
        "low score": sentence.score < LOW_SCORE,
        "low coverage": sentence.coverage is not None and sentence.coverage < LOW_COVERAGE,
    }
    return [name for name, holds in found.items() if holds]


def suspects(sentences: Iterable[Sentence]) -> list[Suspect]:
    """The suspicious ones among the sentences: ``row``, ``reasons`` and ``score`` of each."""
    return [
        {"row": sentence.row, "reasons": why, "score": round(sentence.score, 4)}
        for sentence in sentences
        if (why := reasons(sentence))
    ]


def worst(found: Iterable[Suspect]) -> list[Suspect]:
    """The most suspicious, at most `LISTED`: most reasons first, then the lowest score."""
    return heapq.nsmallest(LISTED, found, key=lambda s: (-len(s["reasons"]), s["score"], s["row"]))

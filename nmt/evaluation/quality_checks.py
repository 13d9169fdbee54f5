"""Translations that a person should look at: the model was unsure, skipped words, looped, or
said nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nmt.evaluation.measures import Measures

LISTED = 50  # suspicious translations that a report shows
LOW_SCORE = -1.0  # nats a token: each word was on average less probable than one in three
LOW_COVERAGE = 0.5  # half of the source got no attention

Suspect = dict[str, Any]


def reasons(measures: Measures) -> dict[str, np.ndarray]:
    """For each reason the sentences that are suspicious for it, bool, shape (sentences,).

    ``empty translation``: nothing, of a source that holds something. ``looping``: the same words
    again and again. ``truncated``: cut off at the length limit.
    ``low score``: below `LOW_SCORE`. ``low coverage``: below `LOW_COVERAGE`.
    """
    return {
        "empty translation": (measures.target_words == 0) & ~measures.empty,
        "looping": measures.looping,
        "truncated": measures.truncated,
        "low score": measures.score < LOW_SCORE,
        "low coverage": measures.coverage < LOW_COVERAGE,  # of NaN it is false
    }


def suspects(measures: Measures, rows: np.ndarray | Sequence[int]) -> list[Suspect]:
    """The suspicious ones among the sentences: ``row``, ``reasons`` and ``score`` of each.

    Args:
        measures: of the sentences.
        rows: the number of each in the input.
    """
    found = reasons(measures)
    return [
        {
            "row": int(rows[i]),
            "reasons": [name for name, holds in found.items() if holds[i]],
            "score": round(float(measures.score[i]), 4),
        }
        for i in np.flatnonzero(np.any(list(found.values()), axis=0)).tolist()
    ]


def worst(found: Iterable[Suspect]) -> list[Suspect]:
    """The most suspicious, at most `LISTED`: most reasons first, then the lowest score."""
    return heapq.nsmallest(LISTED, found, key=lambda s: (-len(s["reasons"]), s["score"], s["row"]))

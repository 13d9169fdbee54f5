"""Quality checks: translations for a person to look at, because the model was unsure, skipped
words, looped, or said nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from nmt.evaluation.measures import Measures
from nmt.records.output import Suspect

LISTED = 50  # suspicious translations in a report
LOW_SCORE = -1.0  # nats per token: on average each has a probability below one in three
LOW_COVERAGE = 0.5  # half of the source got no attention


def reasons(measures: Measures) -> dict[str, np.ndarray]:
    """Apply the checks; returns for each the sentences that fail it, bool, shape (sentences,).

    ``empty translation``: no words, of a source with words. ``looping``: the same words repeat.
    ``truncated``: cut off at the length limit. ``low score``: below `LOW_SCORE`.
    ``low coverage``: below `LOW_COVERAGE`.
    """
    return {
        "empty translation": (measures.target_words == 0) & ~measures.empty,
        "looping": measures.looping,
        "truncated": measures.truncated,
        "low score": measures.score < LOW_SCORE,  # of NaN it is false
        "low coverage": measures.coverage < LOW_COVERAGE,
    }


def suspects(measures: Measures, rows: np.ndarray | Sequence[int]) -> list[Suspect]:
    """The sentences that fail a check.

    Args:
        measures: of the sentences.
        rows: the number of each in the input.
    """
    failures = reasons(measures)
    return [
        Suspect(
            row=int(rows[i]),
            reasons=[name for name, fails in failures.items() if fails[i]],
            score=round(float(np.nan_to_num(measures.score[i])), 4),
        )
        for i in np.flatnonzero(np.any(list(failures.values()), axis=0)).tolist()
    ]


def worst(suspects: Iterable[Suspect]) -> list[Suspect]:
    """The most suspicious, at most `LISTED`: most reasons first, then the lowest score."""
    return heapq.nsmallest(LISTED, suspects, key=lambda s: (-len(s.reasons), s.score, s.row))

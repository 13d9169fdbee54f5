"""Scores by source length, BLEU's as in Bahdanau et al. (2015, arXiv 1409.0473, figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.evaluation.scores import Scorer
from nmt.records.report import LengthScores
from nmt.segmentation import count_words

WIDTH, LAST = 5, 40  # words of a range; longer sources than LAST share one range


def source_length(source: str) -> int:
    """Words, see `nmt.segmentation`; at least 1."""
    return max(1, count_words(source))


class BaselineScores(NamedTuple):
    """A baseline, and the sentences that both systems have.

    Attributes:
        scorer: holds its translations.
        here: numbers of the common sentences in the scorer of the other system.
        there: the numbers of the same sentences in `scorer`.
    """

    scorer: Scorer
    here: np.ndarray
    there: np.ndarray


def scores_by_length(
    lengths: Sequence[int], scorer: Scorer, baseline: BaselineScores | None = None
) -> list[LengthScores]:
    """BLEU, chrF and TER of the sentences of each range of source lengths.

    Args:
        lengths: of the source of each sentence of `scorer`, as `source_length` counts.
        scorer: holds the sentences.
        baseline: another system; of both only the common sentences are scored then.

    Returns:
        The scores of each range that has sentences; ``baseline`` is the baseline's BLEU.
    """
    here = np.arange(len(scorer)) if baseline is None else baseline.here
    groups = _groups(lengths)[here]
    result = []
    for number in np.unique(groups).tolist():
        chosen = np.flatnonzero(groups == number)
        entry = {
            "from": number * WIDTH + 1,
            "to": None if number == LAST // WIDTH else (number + 1) * WIDTH,
            "sentences": len(chosen),
            **scorer.part(here[chosen]),
        }
        if baseline is not None:
            score = baseline.scorer.score("BLEU", baseline.there[chosen])
            entry["baseline"] = round(score, 4)
        result.append(LengthScores.model_validate(entry))
    return result


def _groups(lengths: Sequence[int]) -> np.ndarray:
    return np.minimum((np.asarray(lengths, np.int64) - 1) // WIDTH, LAST // WIDTH)

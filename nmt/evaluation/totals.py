"""Sums of what metrics have counted in sentences: scores, intervals and comparisons follow from
them, and the sums of a corpus are the sums of those of its parts.

Scores by source length follow Bahdanau et al. (2015, arXiv 1409.0473, figure 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.evaluation.metrics import Metrics, Resampling
from nmt.evaluation.significance import (
    DRAWN,
    WEIGHTED,
    confidence,
    paired_p_value,
    resampled_totals,
    weighted_totals,
)
from nmt.evaluation.ter import too_long
from nmt.records.report import LengthScores, MetricComparison, Score
from nmt.segmentation import count_words

MOST_KEPT = 500_000  # sentences whose statistics are kept; of more their sums alone

WIDTH, LAST = 5, 40  # words of a range; longer sources than LAST share one range
RANGES = LAST // WIDTH + 1


class GroupSums:
    """Statistics added up by group.

    Args:
        groups: how many there are.
        width: numbers in the statistics of a sentence.

    Attributes:
        counts: sentences of each group.
        sums: of their statistics, shape (groups, width).
    """

    def __init__(self, groups: int, width: int) -> None:
        self.counts = np.zeros(groups, np.int64)
        self.sums = np.zeros((groups, width))

    def add(self, codes: np.ndarray, statistics: np.ndarray) -> None:
        """Add sentences.

        Args:
            codes: the group of each.
            statistics: shape (sentences, width).
        """
        for code in np.unique(codes).tolist():
            chosen = np.flatnonzero(codes == code)
            self.counts[code] += len(chosen)
            self.sums[code] += statistics[chosen].sum(0, dtype=np.float64)

    def merge(self, other: GroupSums) -> None:
        """Add the sums of further sentences."""
        self.counts += other.counts
        self.sums += other.sums


@dataclass(frozen=True)
class Totals:
    """The statistics of the same sentences of one or two systems, added up.

    Attributes:
        sentences: how many.
        sums: for each system, shape (systems, width).
        references: the numbers of references that sentences have.
        without_shifts: sentences that TER compares without shifts for one of the systems.
        resampled: the sums of resamples, shape (systems, resamples, width); None without intervals.
        resampling: how they were drawn.
    """

    sentences: int
    sums: np.ndarray
    references: frozenset[int]
    without_shifts: int
    resampled: np.ndarray | None = None
    resampling: Resampling | None = None

    def scores(self, metrics: Metrics) -> list[Score]:
        """The score of each metric for the first system, with its interval."""
        return [
            Score(
                metric=name,
                score=round(metrics.score(name, self.sums[0]), 4),
                confidence=None if scores is None else confidence(scores[0]),
                text=metrics.normalization.name,
                **self._signature(metrics, name),
            )
            for name, scores in self._resampled_scores(metrics)
        ]

    def comparison(self, metrics: Metrics) -> list[MetricComparison]:
        """The first system beside the second, by paired bootstrap resampling.

        Returns:
            For each metric both scores; intervals and sacrebleu's (about one-sided) p-value, see
            `paired_p_value`, are None without resamples.
        """
        result = []
        for name, scores in self._resampled_scores(metrics):
            own, other = (metrics.score(name, sums) for sums in self.sums)
            interval = other_interval = p = None
            if scores is not None:
                interval, other_interval = map(confidence, scores)
                p = round(paired_p_value(scores, own - other), 6)
            result.append(
                MetricComparison(
                    metric=name,
                    score=round(own, 4),
                    baseline=round(other, 4),
                    difference=round(own - other, 4),
                    confidence=interval,
                    baseline_confidence=other_interval,
                    p=p,
                    **self._signature(metrics, name),
                )
            )
        return result

    def _resampled_scores(self, metrics: Metrics) -> Iterable[tuple[str, np.ndarray | None]]:
        """For each metric the scores of the resamples, shape (systems, resamples)."""
        for name in metrics.names:
            if self.resampled is None:
                yield name, None
                continue
            systems = [[metrics.score(name, one) for one in sums] for sums in self.resampled]
            yield name, np.array(systems)

    def _signature(self, metrics: Metrics, name: str) -> dict[str, Any]:
        drawn = self.resampling if self.resampled is not None else None
        return metrics.signature(name, self.references, self.without_shifts, drawn)


class Collected:
    """Statistics of the same sentences of one or two systems, as they come.

    Of at most `MOST_KEPT` sentences it keeps all, and draws the resamples that sacrebleu draws. Of
    more it keeps sums, and resamples by weights; see `nmt.evaluation.significance`.

    Args:
        metrics: have counted.
        systems: how many.
        keep: whether to keep the statistics of each sentence.
    """

    def __init__(self, metrics: Metrics, systems: int = 1, keep: bool = True) -> None:
        self._columns, self._keep, self._width = metrics.columns, keep, metrics.width
        self.sentences = self._without_shifts = 0
        self._references: frozenset[int] = frozenset()
        self._sums = np.zeros((systems, metrics.width))
        self._weighted: np.ndarray | None = None
        self._kept: list[np.ndarray] = []

    def add(self, rows: np.ndarray, references: Iterable[int], *systems: np.ndarray) -> None:
        """Add sentences.

        Args:
            rows: their numbers.
            references: how many references they have.
            systems: for each its statistics of them, shape (sentences, width).
        """
        self.sentences += len(rows)
        self._references |= frozenset(references)
        self._sums += [statistics.sum(0, dtype=np.float64) for statistics in systems]
        if "TER" in self._columns:
            counts = [statistics[:, self._columns["TER"]] for statistics in systems]
            self._without_shifts += too_long(*counts)
        beside = np.concatenate(systems, axis=1)
        if self._keep:
            self._kept.append(beside)
        elif len(rows):
            self._add_weighted(weighted_totals(rows, beside))

    def _add_weighted(self, totals: np.ndarray) -> None:
        self._weighted = totals if self._weighted is None else self._weighted + totals

    def merge(self, other: Collected) -> None:
        """Add what was collected of further sentences."""
        self.sentences += other.sentences
        self._without_shifts += other._without_shifts
        self._references |= other._references
        self._sums += other._sums
        self._kept += other._kept
        if other._weighted is not None:
            self._add_weighted(other._weighted)

    def statistics(self) -> np.ndarray:
        """Those that are kept, shape (sentences, systems × width)."""
        empty = np.zeros((0, self._sums.size), np.int32)
        if len(self._kept) != 1:
            self._kept = [np.concatenate([empty, *self._kept])]
        return self._kept[0]

    def totals(self, bootstrap: bool = True) -> Totals:
        """All of it, added up.

        Args:
            bootstrap: resample; of a single sentence there is nothing to resample.
        """
        resampled = self._weighted
        if bootstrap and self._keep and self.sentences > 1:
            resampled = resampled_totals(self.statistics())
        wanted = bootstrap and self.sentences > 1 and resampled is not None
        if resampled is not None:
            shape = (len(resampled), len(self._sums), self._width)
            resampled = resampled.reshape(shape).swapaxes(0, 1)
        return Totals(
            *(self.sentences, self._sums, self._references, self._without_shifts),
            *((resampled, DRAWN if self._keep else WEIGHTED) if wanted else ()),
        )


def source_length(source: str) -> int:
    """Words, see `nmt.segmentation`; at least 1."""
    return max(1, count_words(source))


def range_of(lengths: Sequence[int]) -> np.ndarray:
    """The number of the range that each length is in, below `RANGES`."""
    return np.minimum((np.asarray(lengths, np.int64) - 1) // WIDTH, RANGES - 1)


def scores_by_length(
    metrics: Metrics, sums: GroupSums, baseline: GroupSums | None = None
) -> list[LengthScores]:
    """BLEU, chrF and TER of the sentences of each range of source lengths.

    Args:
        metrics: have counted.
        sums: of the statistics of the sentences by `range_of` their sources.
        baseline: another system's translations of them.

    Returns:
        The scores of each range that has sentences; ``baseline`` is the baseline's BLEU.
    """
    result = []
    for number in np.flatnonzero(sums.counts).tolist():
        entry = {
            "from": number * WIDTH + 1,
            "to": None if number == RANGES - 1 else (number + 1) * WIDTH,
            "sentences": int(sums.counts[number]),
            **metrics.by_key(sums.sums[number]),
        }
        if baseline is not None:
            entry["baseline"] = round(metrics.score("BLEU", baseline.sums[number]), 4)
        result.append(LengthScores.model_validate(entry))
    return result

"""What one pass over finished translations collects: scores, by length and by group, too, and what
has changed against the baseline. What was collected of parts of an output can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nmt.evaluation.baseline import Changes
from nmt.evaluation.comparison import extremes, most_different
from nmt.evaluation.groups import Grouping
from nmt.evaluation.metrics import Metrics
from nmt.evaluation.normalization import Normalization
from nmt.evaluation.sentences import Sentence, chunks
from nmt.evaluation.totals import (
    RANGES,
    Collected,
    GroupSums,
    range_of,
    scores_by_length,
    source_length,
)
from nmt.records.report import Grouping as GroupingRecord
from nmt.records.report import LengthScores, MetricComparison, Score
from nmt.translation.report.pairing import Others


class Scores(NamedTuple):
    """What a report says of the scored sentences."""

    scores: list[Score]
    scored_sentences: int
    by_length: list[LengthScores]
    brevity: dict[str, float]


@dataclass(frozen=True)
class ScoringOptions:
    """How an output is scored.

    Attributes:
        normalizations: of the texts, see `nmt.evaluation.normalization`.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`.
        groups: the columns to group by, in the order of the sentences' ``others``, and the values
            of each that have a group of their own.
        keep: whether there are so few sentences that the statistics of each are kept.
    """

    normalizations: tuple[Normalization, ...]
    tokenize: str = "13a"
    groups: tuple[tuple[str, tuple[str | None, ...]], ...] = ()
    keep: bool = True

    @cached_property
    def metrics(self) -> list[Metrics]:
        """For each normalization what counts."""
        return [Metrics(each, tokenize=self.tokenize) for each in self.normalizations]


class _Differences(NamedTuple):
    """Scored sentences that the baseline has, too: those that differ most by chrF."""

    rows: np.ndarray
    places: np.ndarray
    own: np.ndarray
    other: np.ndarray

    def extremes(self) -> _Differences:
        """Those that may be among the most different ones of all; in the same order."""
        chosen = np.sort(extremes(self.own - self.other))
        return _Differences(*(column[chosen] for column in self))

    def joined(self, other: _Differences) -> _Differences:
        """Both, one after the other."""
        return _Differences(*map(np.concatenate, zip(self, other, strict=True)))


class Scoring:
    """What was collected of translated rows; of each scored sentence numbers alone, at most.

    Args:
        options: how they are scored.
    """

    def __init__(self, options: ScoringOptions) -> None:
        width = options.metrics[0].width
        self._own = [Collected(metrics, keep=options.keep) for metrics in options.metrics]
        self._both = [Collected(metrics, 2, options.keep) for metrics in options.metrics]
        self._groupings = [Grouping(column, named) for column, named in options.groups]
        sizes = [RANGES, *map(len, self._groupings)]
        # By length, then by each column: of the sentences, and of the baseline's.
        self._sums = [GroupSums(size, width) for size in sizes]
        self._others = [GroupSums(size, width) for size in sizes]
        self.changes = Changes()
        none = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
        self._differences = _Differences(*none)

    def read(
        self,
        options: ScoringOptions,
        sentences: Iterable[Sentence],
        others: Others,
    ) -> None:
        """Read translated rows, in order.

        Args:
            options: how they are scored.
            sentences: the rows.
            others: what the baseline has of each of them.
        """
        start = 0
        for chunk in chunks(sentences):
            stop = start + len(chunk)
            at, texts = others.places[start:stop], others.texts[start:stop]
            self.changes.add(chunk, texts, at.tolist())
            codes = [grouping.add(chunk, n) for n, grouping in enumerate(self._groupings)]
            scored = [place for place, sentence in enumerate(chunk) if sentence.complete]
            if scored:
                self._score(options, chunk, texts, at, codes, np.array(scored))
            start = stop

    def _score(
        self,
        options: ScoringOptions,
        chunk: list[Sentence],
        others: Sequence[str | None],
        at: np.ndarray,
        codes: list[list[int]],
        scored: np.ndarray,
    ) -> None:
        """Count the sentences at the places `scored` of a chunk, and those that are paired."""
        own = [chunk[place] for place in scored.tolist()]
        texts = [sentence.translation for sentence in own]
        references = [sentence.complete or [] for sentence in own]
        rows = np.array([sentence.row for sentence in own])
        members = [range_of([source_length(sentence.source) for sentence in own])]
        members += [np.asarray(some)[scored] for some in codes]
        paired = np.flatnonzero(at[scored] >= 0)
        theirs = [others[scored[place]] or "" for place in paired.tolist()]
        changed = [n for n, place in enumerate(paired.tolist()) if theirs[n] != texts[place]]
        fresh = [(theirs[n], references[paired[n]]) for n in changed]
        for number, metrics in enumerate(options.metrics):
            statistics = metrics.count([*zip(texts, references, strict=True)])
            self._own[number].add(rows, set(map(len, references)), statistics)
            ours = statistics[paired]
            # Most of the baseline's translations are the same, and so is what is counted in them.
            counts = metrics.count(fresh)
            counted = ours.astype(np.result_type(ours, counts))
            counted[changed] = counts
            numbers = {len(references[place]) for place in paired.tolist()}
            self._both[number].add(rows[paired], numbers, ours, counted)
            if number == 0:
                for sums, beside, groups in zip(self._sums, self._others, members, strict=True):
                    sums.add(groups, statistics)
                    beside.add(groups[paired], counted)
            if number == len(options.metrics) - 1:  # raw text
                chrf = np.zeros((2, len(paired)))  # of equal texts nobody asks for it
                for system, some in zip(chrf, (ours, counted), strict=True):
                    system[changed] = metrics.sentence_scores("chrF", some[changed])
                differences = _Differences(rows[paired], at[scored][paired], *chrf)
                self._differences = self._differences.joined(differences).extremes()

    def reject(self, column: int, values: Iterable[object]) -> None:
        """Count rejected rows, by their values of a column."""
        self._groupings[column].reject(values)

    def merge(self, other: Scoring) -> None:
        """Add what was collected of the rows that come next."""
        for collected, more in zip(self._collected, other._collected, strict=True):
            collected.merge(more)
        for sums, more_sums in zip(self._all_sums, other._all_sums, strict=True):
            sums.merge(more_sums)
        for grouping, more_rows in zip(self._groupings, other._groupings, strict=True):
            grouping.merge(more_rows)
        self.changes.merge(other.changes)
        self._differences = self._differences.joined(other._differences).extremes()

    @property
    def _collected(self) -> list[Collected]:
        return [*self._own, *self._both]

    @property
    def _all_sums(self) -> list[GroupSums]:
        return [*self._sums, *self._others]

    def scores(self, options: ScoringOptions) -> Scores | None:
        """sacrebleu scores, brevity, by source length; None where no row has its references."""
        if not self._own[0].sentences:
            return None
        metrics = options.metrics
        totals = [collected.totals() for collected in self._own]
        beside = self._others[0] if self._comparable else None
        return Scores(
            scores=[
                score
                for one, each in zip(totals, metrics, strict=True)
                for score in one.scores(each)
            ],
            scored_sentences=totals[0].sentences,
            by_length=scores_by_length(metrics[0], self._sums[0], beside),
            brevity=metrics[0].brevity(totals[0].sums[0]),
        )

    def groups(self, options: ScoringOptions) -> list[GroupingRecord]:
        """For each column its name and its groups; see `Grouping.table`."""
        result = []
        for number, grouping in enumerate(self._groupings, 1):
            beside = self._others[number] if self._comparable else None
            table = grouping.table(options.metrics[0], self._sums[number], beside)
            result.append(GroupingRecord(column=grouping.column, values=table))
        return result

    @property
    def _comparable(self) -> bool:
        """Whether parts of both mean the same sentences."""
        return self._both[0].sentences == self._own[0].sentences > 0

    def compared(self, options: ScoringOptions) -> list[MetricComparison]:
        """The paired test of the scored sentences that both have."""
        if not self.scored_pairs:
            return []
        return self._both[0].totals().comparison(options.metrics[0])

    def most_changed(self) -> tuple[list[int], list[int], list[tuple[float, float]]]:
        """Which sentences differ most by chrF against their references.

        Returns:
            The numbers of their rows, their places in the baseline, and chrF of both systems.
        """
        rows, places, own, other = self._differences
        chosen = most_different(own, other)
        pairs = zip(own[chosen].tolist(), other[chosen].tolist(), strict=True)
        return rows[chosen].tolist(), places[chosen].tolist(), [*pairs]

    @property
    def scored_pairs(self) -> int:
        """Scored sentences that the baseline has, too."""
        return self._both[0].sentences

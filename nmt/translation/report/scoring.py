"""One pass over the finished translations: scores by length and by group, and what has changed
against the baseline."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nmt.evaluation.baseline import Baseline, Changes
from nmt.evaluation.comparison import most_different
from nmt.evaluation.groups import Grouping
from nmt.evaluation.lengths import BaselineScores, scores_by_length, source_length
from nmt.evaluation.normalization import Normalization
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Sentence, chunks
from nmt.records.report import Grouping as GroupingRecord
from nmt.records.report import LengthScores, MetricComparison, Score


class Scores(NamedTuple):
    """What a report says of the scored sentences."""

    scores: list[Score]
    scored_sentences: int
    by_length: list[LengthScores]
    brevity: dict[str, float]


class Scoring:
    """What one pass over the translated rows collects; of a sentence it keeps numbers alone.

    Args:
        normalizations: of the texts, see `nmt.evaluation.normalization`.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`.
        groupings: what to group by, in the order of the sentences' ``others``.
        baseline: an earlier output, or None.
    """

    def __init__(
        self,
        normalizations: Sequence[Normalization],
        tokenize: str,
        groupings: Sequence[Grouping] = (),
        baseline: Baseline | None = None,
    ) -> None:
        self._scorers = [Scorer(each, tokenize=tokenize) for each in normalizations]
        self._others = [
            Scorer(each, tokenize=tokenize) for each in normalizations
        ]  # of the baseline
        self._groupings, self._baseline, self._changes = groupings, baseline, Changes()
        self._lengths, self._rows = array("q"), array("q")
        self._paired = array("q")  # which of the scored sentences the baseline has, too

    def read(self, sentences: Iterable[Sentence]) -> None:
        """Read the translated rows, in order."""
        for chunk in chunks(sentences):
            others: list[str | None] = [None] * len(chunk)
            if self._baseline is not None:
                others = self._baseline.translations(chunk)
                self._changes.add(chunk, others)
            for place, grouping in enumerate(self._groupings):
                grouping.add(chunk, place)
            own: list[tuple[str, list[str]]] = []
            theirs: list[tuple[str, list[str]]] = []
            for sentence, other in zip(chunk, others, strict=True):
                if not (references := sentence.complete):
                    continue
                if other is not None:
                    self._paired.append(len(self._rows))
                    theirs.append((other, references))
                self._rows.append(sentence.row)
                self._lengths.append(source_length(sentence.source))
                own.append((sentence.translation, references))
            for scorers, texts in ((self._scorers, own), (self._others, theirs)):
                for scorer in scorers:
                    scorer.add(texts)

    def scores(self) -> Scores | None:
        """sacrebleu scores, brevity, by source length; None where no row has its references."""
        own, other = self._scorers[0], self._comparable
        if not len(own):
            return None
        rows = np.arange(len(own))
        beside = None if other is None else BaselineScores(other, rows, rows)
        return Scores(
            scores=[score for scorer in self._scorers for score in scorer.scores()],
            scored_sentences=len(own),
            by_length=scores_by_length(self._lengths, own, beside),
            brevity=own.brevity(),
        )

    def groups(self) -> list[GroupingRecord]:
        """For each column its name and its groups; see `Grouping.table`."""
        own, other = self._scorers[0], self._comparable
        return [
            GroupingRecord(column=grouping.column, values=grouping.table(own, other))
            for grouping in self._groupings
        ]

    @property
    def _comparable(self) -> Scorer | None:
        """The baseline's scorer, if parts of both mean the same sentences."""
        whole = len(self._paired) == len(self._rows) > 0
        return self._others[0] if whole else None

    @property
    def changes(self) -> Changes:
        """How many sentences both have, and which of them are translated otherwise."""
        return self._changes

    def compared(self) -> list[MetricComparison]:
        """The paired test of the scored sentences that both have."""
        own, other = self._scorers[0], self._others[0]
        here = np.array(self._paired, np.int64)
        return own.compare(other, here, np.arange(len(here))) if len(here) else []

    def most_changed(self) -> tuple[list[int], list[tuple[float, float]]]:
        """Which sentences differ most by chrF against their references.

        Returns:
            The numbers of their rows, and chrF of both systems; ([], []) where none is scored.
        """
        if not len(self._paired):
            return [], []
        here = np.array(self._paired, np.int64)
        own = self._scorers[-1].sentence_scores("chrF")[here]  # of raw text
        other = self._others[-1].sentence_scores("chrF")
        chosen = most_different(own, other).tolist()
        rows = [self._rows[here[i]] for i in chosen]
        return rows, [(float(own[i]), float(other[i])) for i in chosen]

    @property
    def scored_pairs(self) -> int:
        """Scored sentences that the baseline has, too."""
        return len(self._paired)

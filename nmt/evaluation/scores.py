"""Corpus scores by sacrebleu (Post 2018, arXiv 1804.08771), each with its signature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.evaluation.metrics import METRICS, Metrics
from nmt.evaluation.normalization import RAW, Normalization
from nmt.evaluation.totals import Collected
from nmt.records.report import MetricComparison, Score


class Scorer:
    """Scores a corpus that is added piece by piece.

    What it keeps of a sentence is what the metrics count in it, about 200 bytes; its texts are
    not kept. From these statistics follow the scores of the corpus, of any part of it (those of
    one length), of resamples, and of single sentences.

    Args:
        normalization, lowercase, tokenize: see `Metrics`.
        metrics: which of `METRICS` are wanted.
    """

    def __init__(
        self,
        normalization: Normalization = RAW,
        *,
        lowercase: bool = False,
        tokenize: str = "13a",
        metrics: Sequence[str] = METRICS,
    ) -> None:
        self.metrics = Metrics(normalization, lowercase=lowercase, tokenize=tokenize, names=metrics)
        self._collected = Collected(self.metrics)
        self._references: set[int] = set()  # how many sentences have

    def __len__(self) -> int:
        """Number of sentences."""
        return self._collected.sentences

    def add(self, sentences: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Add sentences: of each the translation, and its references, one or more."""
        if not sentences:
            return
        numbers = {len(references) for _, references in sentences}
        self._references |= numbers
        rows = np.arange(len(self), len(self) + len(sentences))
        self._collected.add(rows, numbers, self.metrics.count(sentences))

    @property
    def statistics(self) -> np.ndarray:
        """What all metrics have counted, shape (sentences, statistics); see `Metrics.columns`."""
        return self._collected.statistics()

    def score(self, metric: str) -> float:
        """The score of all sentences."""
        return self.metrics.score(metric, self.statistics.sum(0, dtype=np.float64))

    def sentence_scores(self, metric: str) -> np.ndarray:
        """The score of each sentence by itself, shape (sentences,)."""
        return self.metrics.sentence_scores(metric, self.statistics)

    def scores(self, bootstrap: bool = True) -> list[Score]:
        """The score of each metric.

        Args:
            bootstrap: estimate the interval; it is None without, and for a single sentence.
        """
        return self._collected.totals(bootstrap).scores(self.metrics)

    def brevity(self) -> dict[str, float]:
        """BLEU's brevity penalty and the ratio of lengths, see `Metrics.brevity`."""
        return self.metrics.brevity(self.statistics.sum(0, dtype=np.float64))

    def compare(
        self, baseline: Scorer, rows: np.ndarray, baseline_rows: np.ndarray
    ) -> list[MetricComparison]:
        """Compare with a baseline on the same sentences, see `Totals.comparison`.

        Args:
            baseline: of the same settings.
            rows: numbers of the sentences here.
            baseline_rows: the numbers of the same sentences there.
        """
        both = Collected(self.metrics, 2)
        systems = self.statistics[rows], baseline.statistics[baseline_rows]
        both.add(rows, self._references, *systems)
        return both.totals().comparison(self.metrics)

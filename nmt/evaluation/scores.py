"""Corpus scores by sacrebleu (Post 2018, arXiv 1804.08771), each with its signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_base import BaseTokenizer

from nmt.evaluation.normalization import RAW, Normalization
from nmt.evaluation.significance import confidence, paired_p_value, resample
from nmt.evaluation.ter import LONGEST, BoundedTER, too_long
from nmt.evaluation.tokenizers import BETWEEN_BLANKS
from nmt.records.report import MetricComparison, Score

METRICS = ("BLEU", "chrF", "chrF++", "TER")
KEYS = {"BLEU": "bleu", "chrF": "chrf", "chrF++": "chrfpp", "TER": "ter"}  # in a report
_CHRF_COUNTS = 3 * CHRF.CHAR_ORDER  # those of chrF among those of chrF++
_KEPT = 4_000_000  # characters of texts that sacrebleu's tokenizers may keep


class Scorer:
    """Scores a corpus that is added piece by piece.

    What it keeps of a sentence is what the metrics count in it, about 200 bytes; its texts are
    not kept. From these statistics follow the scores of the corpus, of any part of it (those of
    one length), of resamples, and of single sentences.

    Args:
        normalization: of the texts before they are compared.
        lowercase: compare without case.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`; ``none`` for tokenised
            text. TER counts the same words, unless blanks separate them: then its own.
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
        self.normalization = normalization
        bleu = BLEU(lowercase=lowercase, tokenize=tokenize, force=True)
        words = None if tokenize in BETWEEN_BLANKS else bleu.tokenizer
        all_metrics = {
            "BLEU": bleu,
            "chrF": CHRF(lowercase=lowercase),
            "chrF++": CHRF(word_order=2, lowercase=lowercase),
            "TER": BoundedTER(words, case_sensitive=not lowercase),
        }
        self._metrics: dict[str, Any] = {name: all_metrics[name] for name in metrics}
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in self._metrics}
        self._sentences = self._characters = 0
        self._reference_counts: set[int] = set()  # that sentences have

    def __len__(self) -> int:
        """Number of sentences."""
        return self._sentences

    def add(self, sentences: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Add sentences: of each the translation, and its references, one or more."""
        if not sentences:
            return
        self._sentences += len(sentences)
        hypotheses = [self.normalization.hypothesis(text) for text, _ in sentences]
        references = [
            [self.normalization.reference(text) for text in some] for _, some in sentences
        ]
        self._reference_counts.update(map(len, references))
        counted: dict[str, list[Any]] = {name: [] for name in self._metrics}
        # One by one: of all references that it is handed, sacrebleu holds the n-grams at once.
        for hypothesis, own in zip(hypotheses, references, strict=True):
            streams = [[text] for text in own]
            # Of several references each may choose another one.
            follows = len(own) == 1 and {"chrF", "chrF++"} <= set(self._metrics)
            for name, metric in self._metrics.items():
                if follows and name == "chrF":
                    continue
                counted[name] += metric._extract_corpus_statistics([hypothesis], streams)
            if follows:
                counted["chrF"].append(counted["chrF++"][-1][:_CHRF_COUNTS])
            self._characters += sum(map(len, [hypothesis, *own]))
            if self._characters > _KEPT:
                self._characters = 0
                _forget_texts()
        for name, rows in counted.items():
            statistics = np.array(rows)
            whole = np.issubdtype(statistics.dtype, np.integer)
            self._parts[name].append(statistics.astype(np.int32) if whole else statistics)

    def statistics(self, metric: str) -> np.ndarray:
        """What a metric has counted, shape (sentences, statistics)."""
        parts = self._parts[metric]
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]

    def score(self, metric: str, rows: np.ndarray | None = None) -> float:
        """The score of all sentences, or of those with the numbers `rows`."""
        statistics = self.statistics(metric)
        return self._of(metric, statistics if rows is None else statistics[rows])

    def part(self, rows: np.ndarray) -> dict[str, float]:
        """The scores of the sentences with the numbers `rows`, by their `KEYS`."""
        return {KEYS[name]: round(self.score(name, rows), 4) for name in self._metrics}

    def sentence_scores(self, metric: str) -> np.ndarray:
        """The score of each sentence by itself, shape (sentences,)."""
        compute = self._metrics[metric]._compute_score_from_stats
        return np.array([float(compute(row).score) for row in self.statistics(metric).tolist()])

    def scores(self, bootstrap: bool = True) -> list[Score]:
        """The score of each metric.

        Args:
            bootstrap: estimate the interval; it is None without, and for a single sentence.
        """
        result = []
        for name, metric in self._metrics.items():
            interval = None
            if bootstrap and len(self) > 1:
                interval = confidence(resample(metric, [self.statistics(name)])[0])
            result.append(
                Score(
                    metric=name,
                    score=round(self.score(name), 4),
                    confidence=interval,
                    text=self.normalization.name,
                    **self._signature(name, self.statistics(name)),
                )
            )
        return result

    def signature(self, metric: str) -> str:
        """sacrebleu's signature of the score of all sentences."""
        return self._signature(metric, self.statistics(metric))["signature"]

    def brevity(self) -> dict[str, float]:
        """BLEU's brevity penalty (1 is none), and tokens of the translations over those of the
        references of the nearest length."""
        translated, reference = self.statistics("BLEU")[:, :2].sum(0, dtype=np.int64).tolist()
        ratio = translated / max(reference, 1)
        penalty = 1.0 if translated >= reference else float(np.exp(1 - 1 / max(ratio, 1e-9)))
        return {"brevity_penalty": round(penalty, 6), "reference_ratio": round(ratio, 6)}

    def compare(
        self, baseline: Scorer, rows: np.ndarray, baseline_rows: np.ndarray
    ) -> list[MetricComparison]:
        """Compare with a baseline on the same sentences by paired bootstrap resampling.

        Args:
            baseline: of the same settings.
            rows: numbers of the sentences here.
            baseline_rows: the numbers of the same sentences there.

        Returns:
            For each metric both scores; intervals and sacrebleu's (about one-sided) p-value, see
            `paired_p_value`, are None for fewer than two sentences.
        """
        result = []
        for name, metric in self._metrics.items():
            systems = [self.statistics(name)[rows], baseline.statistics(name)[baseline_rows]]
            own, other = (self._of(name, system) for system in systems)
            interval = other_interval = p = None
            if len(rows) > 1:
                resampled = resample(metric, systems)
                interval, other_interval = map(confidence, resampled)
                p = round(paired_p_value(resampled, own - other), 6)
            result.append(
                MetricComparison(
                    metric=name,
                    score=round(own, 4),
                    baseline=round(other, 4),
                    difference=round(own - other, 4),
                    confidence=interval,
                    baseline_confidence=other_interval,
                    p=p,
                    **self._signature(name, *systems),
                )
            )
        return result

    def _signature(self, metric: str, *systems: np.ndarray) -> dict[str, Any]:
        """The signature of a metric for these statistics; of TER also the number of rows that are
        compared without shifts, if there are any."""
        varying = len(self._reference_counts) != 1
        self._metrics[metric].num_refs = -1 if varying else min(self._reference_counts)
        signature = self._metrics[metric].get_signature()
        more = {}
        if metric == "TER" and (long := too_long(*systems)):
            signature.update("shifts", f"upto{LONGEST}words")
            more["rows_without_shifts"] = long
        return {"signature": str(signature), **more}

    def _of(self, metric: str, statistics: np.ndarray) -> float:
        total = statistics.sum(0, dtype=np.float64)
        return float(self._metrics[metric]._compute_score_from_stats(total).score)


def _forget_texts() -> None:
    """Empty the caches of sacrebleu's tokenizers: each keeps 65,536 texts, of whatever length."""
    for tokenizer in BaseTokenizer.__subclasses__():
        if hasattr(tokenizer.__call__, "cache_clear"):
            tokenizer.__call__.cache_clear()


def signatures(tokenize: str) -> dict[str, str]:
    """sacrebleu's signature of each metric for one reference per sentence, without intervals."""
    scorer = Scorer(tokenize=tokenize)
    scorer.add([("", [""])])
    return {name: scorer.signature(name) for name in METRICS}


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """chrF2 of one sentence."""
    return CHRF().sentence_score(hypothesis, list(references)).score

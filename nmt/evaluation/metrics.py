"""sacrebleu's metrics (Post 2018, arXiv 1804.08771): what they count in sentences, and the scores
of sums of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_base import BaseTokenizer

from nmt.evaluation.normalization import RAW, Normalization
from nmt.evaluation.ter import LONGEST, BoundedTER
from nmt.evaluation.tokenizers import BETWEEN_BLANKS

METRICS = ("BLEU", "chrF", "chrF++", "TER")
KEYS = {"BLEU": "bleu", "chrF": "chrf", "chrF++": "chrfpp", "TER": "ter"}  # in a report
_SIZES = {"BLEU": 10, "chrF": 18, "chrF++": 24, "TER": 3}  # numbers that each counts in a sentence
_KEPT = 4_000_000  # characters of texts that sacrebleu's tokenizers may keep

_INTERVAL = {"bs", "seed", "resampling"}  # of the interval; the score does not depend on it


class Resampling(NamedTuple):
    """How resamples were drawn, for a signature.

    Attributes:
        resamples: how many.
        seed: of their random stream.
        kind: its name if it is not that of sacrebleu.
    """

    resamples: int
    seed: int
    kind: str = ""


class Metrics:
    """Counts in sentences what scores follow from.

    Args:
        normalization: of the texts before they are compared.
        lowercase: compare without case.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`; ``none`` for tokenised
            text. TER counts the same words, unless blanks separate them: then its own.
        names: which of `METRICS` are wanted.

    Attributes:
        columns: of each metric, among the statistics of a sentence.
        width: numbers in the statistics of a sentence.
    """

    def __init__(
        self,
        normalization: Normalization = RAW,
        *,
        lowercase: bool = False,
        tokenize: str = "13a",
        names: Sequence[str] = METRICS,
    ) -> None:
        self.normalization = normalization
        bleu = BLEU(lowercase=lowercase, tokenize=tokenize, force=True)
        words = None if tokenize in BETWEEN_BLANKS else bleu.tokenizer
        every = {
            "BLEU": bleu,
            "chrF": CHRF(lowercase=lowercase),
            "chrF++": CHRF(word_order=2, lowercase=lowercase),
            "TER": BoundedTER(words, case_sensitive=not lowercase),
        }
        self._metrics: dict[str, Any] = {name: every[name] for name in names}
        edges = pairwise(accumulate((_SIZES[name] for name in names), initial=0))
        self.columns = {name: slice(*edge) for name, edge in zip(names, edges, strict=True)}
        self.width = sum(_SIZES[name] for name in names)
        self._characters = 0

    @property
    def names(self) -> list[str]:
        """The metrics."""
        return [*self._metrics]

    def count(self, sentences: Sequence[tuple[str, Sequence[str]]]) -> np.ndarray:
        """The statistics of sentences.

        Args:
            sentences: of each the translation, and its references, one or more.

        Returns:
            int32, or float64 where one is no whole number, shape (sentences, `width`).
        """
        if not sentences:
            return np.zeros((0, self.width), np.int32)
        rows = [self._count(hypothesis, references) for hypothesis, references in sentences]
        statistics = np.array(rows, np.float64)
        whole = statistics.astype(np.int32)
        return whole if np.array_equal(whole, statistics) else statistics

    def _count(self, text: str, texts: Sequence[str]) -> list[float]:
        """One sentence: of all references that it is given, sacrebleu holds the n-grams at once."""
        hypothesis = self.normalization.hypothesis(text)
        references = [self.normalization.reference(one) for one in texts]
        streams = [[one] for one in references]
        # Of several references each may choose another one.
        follows = len(references) == 1 and {"chrF", "chrF++"} <= set(self._metrics)
        counted = {
            name: metric._extract_corpus_statistics([hypothesis], streams)[0]
            for name, metric in self._metrics.items()
            if not (follows and name == "chrF")
        }
        if follows:
            counted["chrF"] = counted["chrF++"][: _SIZES["chrF"]]
        self._characters += sum(map(len, [hypothesis, *references]))
        if self._characters > _KEPT:
            self._characters = 0
            _forget_texts()
        return [number for name in self._metrics for number in counted[name]]

    def score(self, name: str, totals: np.ndarray) -> float:
        """The score of sentences whose statistics add up to so much.

        Args:
            name: of the metric.
            totals: shape (`width`,).
        """
        total = np.asarray(totals[self.columns[name]], np.float64)
        return float(self._metrics[name]._compute_score_from_stats(total).score)

    def sentence_scores(self, name: str, statistics: np.ndarray) -> np.ndarray:
        """The score of each sentence by itself, shape (sentences,)."""
        compute = self._metrics[name]._compute_score_from_stats
        rows = statistics[:, self.columns[name]].tolist()
        return np.array([float(compute(row).score) for row in rows])

    def by_key(self, totals: np.ndarray) -> dict[str, float]:
        """The scores of `score`, by their `KEYS`, rounded as in a report."""
        return {KEYS[name]: round(self.score(name, totals), 4) for name in self._metrics}

    def signature(
        self,
        name: str,
        references: Iterable[int],
        without_shifts: int = 0,
        resampling: Resampling | None = None,
    ) -> dict[str, Any]:
        """The signature of a score as fields of a report; of TER also the number of rows that are
        compared without shifts, if there are any.

        Args:
            name: of the metric.
            references: the numbers of references that sentences have.
            without_shifts: see `nmt.evaluation.ter`.
            resampling: of the confidence interval.
        """
        numbers, metric = set(references), self._metrics[name]
        metric.num_refs = -1 if len(numbers) != 1 else min(numbers)
        metric.n_bootstrap = metric.seed = None
        if resampling is not None:
            metric.n_bootstrap, metric.seed = resampling.resamples, str(resampling.seed)
        signature = metric.get_signature()
        if resampling is not None and resampling.kind:
            signature.update("resampling", resampling.kind)
        if name == "TER" and without_shifts:
            signature.update("shifts", f"upto{LONGEST}words")
            return {"signature": str(signature), "rows_without_shifts": without_shifts}
        return {"signature": str(signature)}

    def brevity(self, totals: np.ndarray) -> dict[str, float]:
        """BLEU's brevity penalty (1 is none), and tokens of the translations over those of the
        references of the nearest length."""
        translated, reference = totals[self.columns["BLEU"]][:2].tolist()
        ratio = translated / max(reference, 1)
        penalty = 1.0 if translated >= reference else float(np.exp(1 - 1 / max(ratio, 1e-9)))
        return {"brevity_penalty": round(penalty, 6), "reference_ratio": round(ratio, 6)}


def _forget_texts() -> None:
    """Empty the caches of sacrebleu's tokenizers: each keeps 65,536 texts, of whatever length."""
    for tokenizer in BaseTokenizer.__subclasses__():
        if hasattr(tokenizer.__call__, "cache_clear"):
            tokenizer.__call__.cache_clear()


def signatures(tokenize: str) -> dict[str, str]:
    """sacrebleu's signature of each metric for one reference per sentence, without intervals."""
    metrics = Metrics(tokenize=tokenize)
    return {name: metrics.signature(name, [1])["signature"] for name in METRICS}


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """chrF2 of one sentence."""
    return CHRF().sentence_score(hypothesis, list(references)).score


def differences(one: str, other: str) -> list[str]:
    """The differences between two signatures of one metric, each as ``tok:13a → tok:zh``.

    Scores can be compared if there are none. ``nrefs`` and sacrebleu's own version count, too.
    """
    ours, theirs = _parts(one), _parts(other)
    return [
        f"{name}:{ours.get(name, 'none')} → {name}:{theirs.get(name, 'none')}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]


def _parts(signature: str) -> dict[str, str]:
    items = (part.partition(":") for part in signature.split("|"))
    return {name: value for name, _, value in items if name not in _INTERVAL}

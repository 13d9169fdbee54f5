"""Corpus scores by sacrebleu (Post 2018, arXiv 1804.08771), each with its signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER

_BOOTSTRAP, _SEED = 1000, 12345  # resamples of the confidence interval, as sacrebleu draws them


def corpus_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    text: str = "raw",
    lowercase: bool = False,
    bootstrap: bool = True,
) -> list[dict[str, Any]]:
    """BLEU, chrF and TER of detokenised text.

    Args:
        hypotheses: one translation a sentence.
        references: one or more streams of references, each as long as `hypotheses`.
        text: what was compared, for display: ``raw`` or ``standardised``.
        lowercase: compare without case.
        bootstrap: estimate the 95 % confidence interval (bootstrap resampling, Koehn 2004).

    Returns:
        For each metric its name, score, confidence interval (or None), signature and `text`.
    """
    metrics: list[tuple[str, Any]] = [
        ("BLEU", BLEU(lowercase=lowercase)),
        ("chrF", CHRF(lowercase=lowercase)),
        ("TER", TER(case_sensitive=not lowercase)),
    ]
    streams = [list(stream) for stream in references]
    scores = []
    for name, metric in metrics:
        score, interval = metric.corpus_score(list(hypotheses), streams), None
        if bootstrap and len(hypotheses) > 1:
            interval = _confidence(metric, hypotheses, streams)
        scores.append(
            {
                "metric": name,
                "score": round(float(score.score), 4),
                "confidence": interval,
                "signature": str(metric.get_signature()),
                "text": text,
            }
        )
    return scores


def _confidence(
    metric: Any, hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> list[float]:
    """The 95 % interval of bootstrap resampling, with sacrebleu's own random stream.

    sacrebleu itself holds the statistics of all resamples at once: 80 MB a thousand sentences.
    """
    statistics = np.array(metric._extract_corpus_statistics(hypotheses, references), np.float64)
    random, count = np.random.default_rng(_SEED), len(statistics)
    found = []
    for _ in range(_BOOTSTRAP):
        drawn = np.bincount(random.choice(count, size=count), minlength=count)
        found.append(float(metric._compute_score_from_stats(drawn @ statistics).score))
    metric.n_bootstrap, metric.seed = _BOOTSTRAP, str(_SEED)  # for the signature
    found.sort()
    low, high = found[_BOOTSTRAP // 40], found[-1 - _BOOTSTRAP // 40]
    middle, half = sum(found) / len(found), (high - low) / 2
    return [round(middle - half, 4), round(middle + half, 4)]


def bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU (13a, cased) against one reference a sentence."""
    return BLEU().corpus_score(list(hypotheses), [list(references)]).score


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF2 against one reference a sentence."""
    return CHRF().corpus_score(list(hypotheses), [list(references)]).score


def sentence_chrf(hypothesis: str, references: Sequence[str]) -> float:
    """chrF2 of one sentence."""
    return CHRF().sentence_score(hypothesis, list(references)).score


def bleu_by_length(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    width: int = 5,
    last: int = 40,
) -> list[dict[str, Any]]:
    """BLEU of the sentences of each range of source lengths (Bahdanau et al. 2015, figure 2).

    Args:
        sources: source sentences; length is counted in words between blanks.
        hypotheses: their translations.
        references: streams of references.
        width: words a range.
        last: sources longer than this share one range.

    Returns:
        For each range that has sentences: ``from``, ``to`` (None for the last, open one),
        ``sentences`` and ``bleu``.
    """
    groups: dict[int, list[int]] = {}
    for row, source in enumerate(sources):
        length = max(1, len(source.split()))
        groups.setdefault(min((length - 1) // width, last // width), []).append(row)
    result = []
    for number, rows in sorted(groups.items()):
        streams = [[stream[row] for row in rows] for stream in references]
        score = BLEU().corpus_score([hypotheses[row] for row in rows], streams).score
        open_end = number == last // width
        result.append(
            {
                "from": number * width + 1,
                "to": None if open_end else (number + 1) * width,
                "sentences": len(rows),
                "bleu": round(float(score), 4),
            }
        )
    return result

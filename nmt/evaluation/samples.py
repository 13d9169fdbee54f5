"""Samples: sentences of a report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nmt.evaluation.metrics import sentence_chrf
from nmt.evaluation.sentences import Sentence
from nmt.records.output import Suspect
from nmt.records.report import Sample, SuspiciousSample

_SAMPLES = 200  # sentences on the page
MOST_SHOWN = 5000  # characters of a text on the page


def sample_rows(rows: int, count: int, seed: int = 1) -> list[int]:
    """Random rows, ascending; the same rows of the same corpus on every run."""
    random = np.random.default_rng(seed)
    return sorted(random.choice(rows, min(count, rows), replace=False).tolist())


def page_samples(rows: int) -> list[int]:
    """The rows whose sentences are on the page."""
    return sample_rows(rows, _SAMPLES, seed=2)


def sample(sentence: Sentence) -> Sample:
    """A sentence with its measurements; chrF if it has references."""
    references = sentence.complete
    more: dict[str, Any] = {
        name: round(value, 4)
        for name in ("score", "coverage", "attention_entropy")
        if (value := getattr(sentence, name)) is not None
    }
    if references:
        more["chrf"] = round(sentence_chrf(sentence.translation, references), 2)
    if sentence.text_column is not None:
        more["text_column"] = str(sentence.text_column)
    return Sample(
        id=sentence.id,
        source=clipped(sentence.source),
        translation=clipped(sentence.translation),
        reference=clipped(references[0]) if references else None,
        flags=sentence.flags,
        **more,
    )


def clipped(text: str, most: int = MOST_SHOWN) -> str:
    """A text as a report shows it: the first characters of a longer one."""
    return text if len(text) <= most else f"{text[:most]} …"


def suspicious(suspects: list[Suspect], sentences: Iterable[Sentence]) -> list[SuspiciousSample]:
    """The suspicious translations in their order.

    Args:
        suspects: the most suspicious ones.
        sentences: at least these.
    """
    samples = {sentence.row: sample(sentence) for sentence in sentences}
    return [
        SuspiciousSample(**samples[suspect.row].to_json(), reasons=suspect.reasons)
        for suspect in suspects
        if suspect.row in samples
    ]

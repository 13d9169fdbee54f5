"""`training.metric`: by what the validations of a training are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nmt.settings import Metric

_COLUMNS = {"bleu": "bleu", "chrf": "chrf", "loss": "valid_loss"}
_TITLES = {"bleu": "BLEU", "chrf": "chrF", "loss": "validation loss"}


def score_of(validation: Mapping[str, Any], metric: Metric) -> float:
    """What a validation is ranked by: the greatest is the best, so of a loss its negative.

    Args:
        validation: its line of validations.tsv.
        metric: ``training.metric``.
    """
    value = validation[_COLUMNS[metric]]
    return -value if metric == "loss" else value


def shown(score: float, metric: Metric) -> str:
    """A score as people read it: ``BLEU 12.3``, ``validation loss 2.345``."""
    value = f"{-score:.3f}" if metric == "loss" else f"{score:.1f}"
    return f"{_TITLES[metric]} {value}"

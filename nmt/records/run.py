"""RUN: a training."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from nmt.records.base import LARGEST_MEASURE, Count, FileEntry, Many, Named, Record


def _plausible(value: float) -> float:
    if math.isfinite(value) and abs(value) > LARGEST_MEASURE:
        raise ValueError("no number that training writes")
    return value


Number = Annotated[float, AfterValidator(_plausible)]  # NaN, too, which is null in JSON


class Checkpoint(Record):
    """``RUN/checkpoint_…/checkpoint.json``."""

    step: Count = 0
    files: Named[FileEntry]


class TrainedDataset(Record):
    """A dataset of a run."""

    location: str = ""
    hash: str


class RunConfig(Record):
    """``RUN/config.yaml``: every setting as resolved, by groups."""

    datasets: Many[TrainedDataset]
    init_from: str | None = None
    init_optimizer: str | None = None
    settings: Named[Named[Any]]


class MetricsLine(Record):
    """A line of ``RUN/metrics.jsonl``: means since the line before."""

    model_config = ConfigDict(allow_inf_nan=True)

    step: Count
    epoch: Count
    loss: Number | None
    tokens_per_second: float | None = None
    padding_share: float | None = None
    data_wait_share: float | None = None
    gradient_norm: float | None = None
    skipped_updates: Count = 0
    learning_rate: float | None = None
    minutes: float | None = None


class Scores(Record):
    """Loss and scores on one validation set; names and units are those of `ValidationLine`."""

    model_config = ConfigDict(strict=False, allow_inf_nan=True)

    valid_loss: Number
    accuracy: Number
    bleu: Number
    chrf: Number


class ValidationLine(Record):
    """A line of ``RUN/validations.tsv``, with sacrebleu's signatures of BLEU and chrF.

    Attributes:
        kept: whether the model loses no more on any dataset than ``training.keep`` allows.
        best: whether it is the best that does so.
        others: of the other datasets, by their names; in the file columns as ``tatoeba:bleu``.
    """

    model_config = ConfigDict(strict=False, allow_inf_nan=True)  # all values are text there

    step: Count
    epoch: Count
    valid_loss: Number
    accuracy: Number
    bleu: Number
    chrf: Number
    seconds: Number
    kept: bool = True
    best: bool = False
    signature: str
    chrf_signature: str
    others: Named[Scores] = {}


class NonfiniteBatches(Record):
    """``RUN/nonfinite/step-….json``: an update whose loss or gradients were NaN or infinite.

    Attributes:
        step: the update.
        epoch: from 1.
        batches: their numbers in the epoch, from 1.
        ids: of their pairs in the training split of each dataset, by its name.
    """

    step: Count
    epoch: Count
    batches: Many[Count]
    ids: Named[Many[int]]


class Tracking(Record):
    """``RUN/mlflow.json``."""

    run_id: Annotated[str, Field(max_length=200)]
    experiment: str = ""

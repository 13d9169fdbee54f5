"""RUN: a training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from nmt.records.base import Count, FileEntry, Record

Number = float | None  # NaN is stored as null


class Checkpoint(Record):
    """``RUN/checkpoint_…/checkpoint.json``."""

    step: Count = 0
    files: dict[str, FileEntry]


class TrainedDataset(Record):
    """The dataset of a run."""

    location: str = ""
    hash: str


class RunConfig(Record):
    """``RUN/config.yaml``: every setting as resolved, by groups."""

    dataset: TrainedDataset
    init_from: str | None = None
    settings: dict[str, dict[str, Any]]


class MetricsLine(Record):
    """A line of ``RUN/metrics.jsonl``: means since the line before."""

    model_config = ConfigDict(allow_inf_nan=True)

    step: Count
    epoch: Count
    loss: Number
    tokens_per_second: Number = None
    padding_share: Number = None
    data_wait_share: Number = None
    gradient_norm: Number = None
    skipped_updates: Count = 0
    learning_rate: Number = None
    minutes: Number = None


class ValidationLine(Record):
    """A line of ``RUN/validations.tsv``, with sacrebleu's signatures of BLEU and chrF."""

    model_config = ConfigDict(strict=False, allow_inf_nan=True)  # all values are text there

    step: Count
    epoch: Count
    valid_loss: float
    accuracy: float
    bleu: float
    chrf: float
    seconds: float
    best: bool = False
    signature: str
    chrf_signature: str


class NonfiniteBatches(Record):
    """``RUN/nonfinite/step-….json``: an update whose loss or gradients were NaN or infinite.

    Attributes:
        step: the update.
        epoch: from 1.
        batches: their numbers in the epoch, from 1.
        ids: of their pairs in the training split.
    """

    step: Count
    epoch: Count
    batches: list[Count]
    ids: list[int]


class Tracking(Record):
    """``RUN/mlflow.json``."""

    run_id: Annotated[str, Field(max_length=200)]
    experiment: str = ""

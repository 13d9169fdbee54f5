"""RUN: a training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from nmt.records.base import Count, FileEntry, Record


class Checkpoint(Record):
    """``RUN/checkpoint_…/checkpoint.json``."""

    files: dict[str, FileEntry]


class DatasetHash(Record):
    """Which dataset a run was trained on."""

    hash: str


class RunConfig(Record):
    """``RUN/config.yaml``."""

    dataset: DatasetHash
    settings: dict[str, dict[str, Any]]


class Metrics(Record):
    """A line of ``RUN/metrics.jsonl``."""

    step: Count
    epoch: Count
    loss: float | None


class Tracking(Record):
    """``RUN/mlflow.json``."""

    run_id: Annotated[str, Field(max_length=200)]
    experiment: str = ""

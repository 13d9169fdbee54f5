"""What is kept to continue a training exactly: weights, optimizer, and the loop's position."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.training.step import SummedAdam


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        step: updates made.
        epoch: number of the epoch in progress, from 0.
        batch: batches of it that are used.
        minutes: minutes of training so far, over all attempts.
        best_bleu: the best validation BLEU; -1 before the first.
        best_step: its step.
        stale: validations since the best.
        validated: step of the last validation.
        finished: why training ended (``epochs``, ``patience``, ``max_minutes``), or empty.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    minutes: float = 0.0
    best_bleu: float = -1.0
    best_step: int = 0
    stale: int = 0
    validated: int = -1
    finished: str = ""


def save(folder: Path, model: Seq2Seq, optimizer: SummedAdam, progress: Progress) -> None:
    """Write a checkpoint into a local folder."""
    tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(folder / "state"))
    text = json.dumps(dataclasses.asdict(progress), indent=2)
    (folder / "progress.json").write_text(text + "\n", encoding="utf-8")


def restore(folder: Path, model: Seq2Seq, optimizer: SummedAdam) -> Progress:
    """Take a checkpoint over into a built model and optimizer; returns where training stood."""
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    checkpoint.read(str(folder / "state")).assert_consumed()
    return Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))

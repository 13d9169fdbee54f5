"""What is kept to continue a training exactly: weights, optimizer, and the loop's position."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from nmt.json_text import json_text
from nmt.model.seq2seq import Seq2Seq
from nmt.storage import Location
from nmt.training.optimizer import SummedAdam
from nmt.training.progress import Progress


def save(folder: Path, model: Seq2Seq, optimizer: SummedAdam, progress: Progress) -> None:
    """Write a checkpoint into a local folder."""
    tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(folder / "state"))
    text = json_text(dataclasses.asdict(progress), indent=2)
    (folder / "progress.json").write_text(text + "\n", encoding="utf-8")


def restore(folder: Path, model: Seq2Seq, optimizer: SummedAdam) -> Progress:
    """Take a checkpoint over into a built model and optimizer; returns where training stood."""
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    checkpoint.read(str(folder / "state")).assert_consumed()
    file = folder / "progress.json"
    return Progress.of(Location(file).read_json(), file)

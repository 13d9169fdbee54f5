"""What is kept to continue a training exactly: weights, optimizer, and the loop's position."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from nmt import tensors
from nmt.json_text import json_text
from nmt.model.seq2seq import Seq2Seq
from nmt.storage.location import Location
from nmt.training.optimizer import SummedAdam
from nmt.training.progress import Progress

_STATE = "state.safetensors"


def save(folder: Path, model: Seq2Seq, optimizer: SummedAdam, progress: Progress) -> None:
    """Write a checkpoint into a local folder."""
    variables = [*model.weights, *optimizer.variables]
    (folder / _STATE).write_bytes(tensors.serialise(variables))
    text = json_text(dataclasses.asdict(progress), indent=2)
    (folder / "progress.json").write_text(text + "\n", encoding="utf-8")


def restore(folder: Path, model: Seq2Seq, optimizer: SummedAdam) -> Progress:
    """Take a checkpoint over into a built model and optimizer; returns where training stood.

    Raises:
        UnusableInput: the checkpoint of a training with another model or optimizer.
    """
    variables = [*model.weights, *optimizer.variables]
    data = (folder / _STATE).read_bytes()
    remedy = "it is of another model or optimizer: train into a new folder"
    tensors.assign(data, variables, f"the checkpoint's {_STATE}", remedy)
    file = folder / "progress.json"
    return Progress.of(Location(file).read_json(), file)

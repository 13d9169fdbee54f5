"""Batches whose loss or gradients are no finite numbers: which pairs they hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, islice

from nmt.settings import TrainingSettings
from nmt.shards.batches import Shape, batch_ids
from nmt.shards.dataset import Dataset
from nmt.storage import Location
from nmt.training.progress import Progress
from nmt.training.step import Outcome

MOST_IN_A_ROW = 10  # then it is not the data
_SHOWN = 8  # ids in a message


def is_spoiled(outcome: Outcome, precision: str) -> bool:
    """Whether loss or gradients are no finite numbers; in float16 such gradients are usual."""
    return not math.isfinite(outcome.loss) or (
        precision != "float16" and not math.isfinite(outcome.norm)
    )


def record(
    dataset: Dataset,
    shapes: Sequence[Shape],
    training: TrainingSettings,
    progress: Progress,
    batches: int,
    folder: Location,
) -> str:
    """Write down which pairs the last update had.

    Args:
        dataset: in training.
        shapes: of the batches.
        training: the settings.
        progress: after the update.
        batches: how many of them it had.
        folder: where ``step-0000012.json`` goes, with the ids of all.

    Returns:
        What happened, in words, with the first ids.
    """
    first = progress.batch - batches
    plan = batch_ids(
        dataset, shapes, training.seed, progress.epoch, training.window, progress.batch - batches
    )
    ids = list(chain.from_iterable(islice(plan, batches)))
    file = folder / f"step-{progress.step:07d}.json"
    numbers = list(range(first + 1, progress.batch + 1))
    file.write_json(
        {"step": progress.step, "epoch": progress.epoch + 1, "batches": numbers, "ids": ids}
    )
    shown = ", ".join(str(number) for number in ids[:_SHOWN]) + (", …" if ids[_SHOWN:] else "")
    return (
        f"loss or gradients are no numbers at step {progress.step} (epoch {progress.epoch + 1}, "
        f"batch {', '.join(map(str, numbers))}; ids {shown} of the training split, all in {file})"
    )

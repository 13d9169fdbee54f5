"""Batches whose loss or gradients are no finite numbers: which pairs they hold."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

from nmt.settings import TrainingSettings
from nmt.shards.batches import Shape, batch_ids
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS, retry_storing
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
    say: Callable[[str], None],
) -> str:
    """Write down which pairs the last update had, as far as the stores let it.

    Args:
        dataset: in training.
        shapes: of the batches.
        training: the settings.
        progress: after the update.
        batches: how many of them it had.
        folder: where ``step-0000012.json`` goes, with the ids of all.
        say: is told of a store that fails.

    Returns:
        What happened, in words, with the first ids.
    """
    first = progress.batch - batches
    plan = batch_ids(
        dataset, shapes, training.seed, progress.epoch, training.window, progress.batch - batches
    )
    file = folder / f"step-{progress.step:07d}.json"
    numbers = list(range(first + 1, progress.batch + 1))
    line: dict[str, Any] = {"step": progress.step, "epoch": progress.epoch + 1, "batches": numbers}
    pairs = "its pairs could not be read"
    with contextlib.suppress(*STORE_ERRORS):  # what happened is said in any case
        line["ids"] = ids = list(chain.from_iterable(islice(plan, batches)))
        shown = ", ".join(str(number) for number in ids[:_SHOWN]) + (", …" if ids[_SHOWN:] else "")
        pairs = f"ids {shown} of the training split"
        retry_storing("the ids of a batch", lambda: file.write_json(line), say)
        pairs += f", all in {file}"
    return (
        f"loss or gradients are no numbers at step {progress.step} (epoch {progress.epoch + 1}, "
        f"batch {', '.join(map(str, numbers))}; {pairs})"
    )

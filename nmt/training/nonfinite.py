"""Stop or skip on NaN/Inf."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Sequence
from itertools import chain, islice

from nmt.errors import Diverged
from nmt.records.run import NonfiniteBatches
from nmt.settings import TrainingSettings
from nmt.shards.batches import Shape, batch_ids
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS, retry_storing
from nmt.training.accumulation import LEAST_LOSS_SCALE
from nmt.training.schedule import mixture_of
from nmt.training.state import TrainingState
from nmt.training.step import Outcome

log = logging.getLogger(__name__)

MOST_IN_A_ROW = 10  # with more, the data is not the cause
_SHOWN = 8  # ids in a message


def is_nonfinite(outcome: Outcome, precision: str) -> bool:
    """Whether loss or gradients are NaN or Inf; in float16 such gradients are usual."""
    return not math.isfinite(outcome.loss) or (
        precision != "float16" and not math.isfinite(outcome.norm)
    )


class NonfiniteCheck:
    """Checks every update, names the pairs of a nonfinite one, and stops as ``on_nan`` says.

    Args:
        datasets: in training.
        shapes: of the batches.
        training: the settings.
        folder: for ``step-0000012.json``, with the ids of all pairs of the update; None on the
            workers that write nothing.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        shapes: Sequence[Shape],
        training: TrainingSettings,
        folder: Location | None,
    ) -> None:
        self._datasets, self._shapes, self._training = datasets, shapes, training
        self._folder = folder

    def passes(self, outcome: Outcome, state: TrainingState) -> bool:
        """Whether an update was finite; counts the others in a row.

        Args:
            outcome: of the update.
            state: after it.
        """
        given_up = state.loss_scale < LEAST_LOSS_SCALE
        if given_up or is_nonfinite(outcome, self._training.precision):
            state.nonfinite += 1
            return False
        state.nonfinite = 0
        return True

    def handle(self, state: TrainingState, batches: int) -> None:
        """Record a nonfinite update; skip it or stop.

        Args:
            state: after the update.
            batches: of the update.

        Raises:
            Diverged: stop.
        """
        training = self._training
        event = f"gradients are NaN or Inf at step {state.step}"
        if self._folder is not None:
            event = self._record(state, batches, self._folder)
        skips = training.on_nan == "skip"
        too_many = state.nonfinite > MOST_IN_A_ROW or state.loss_scale < LEAST_LOSS_SCALE
        if too_many or not skips:
            raise Diverged(
                f"{event}; lower training.learning_rate or training.clip_norm"
                + ("" if training.precision == "float32" else ", set training.precision=float32")
                + ("" if skips else ", or skip such batches with training.on_nan=skip")
            )
        log.warning(f"{event}; skipped")

    def _record(self, state: TrainingState, batches: int, folder: Location) -> str:
        """Store the ids of the update's pairs, if the stores allow it; returns the event in words,
        with the first ids."""
        training, first = self._training, state.batch - batches
        mixture = mixture_of(self._datasets, training)
        plan = batch_ids(mixture, self._shapes, training.seed, state.epoch, training.window, first)
        file = folder / f"step-{state.step:07d}.json"
        numbers = list(range(first + 1, state.batch + 1))
        pairs = "its pairs could not be read"
        with contextlib.suppress(*STORE_ERRORS):  # the event is reported in any case
            ids: dict[str, list[int]] = {}
            for number, pair in chain.from_iterable(islice(plan, batches)):
                ids.setdefault(self._datasets[number].name, []).append(pair)
            record = NonfiniteBatches(
                step=state.step, epoch=state.epoch + 1, batches=numbers, ids=ids
            )
            shown = "; ".join(f"ids {_some(some)} of {name}" for name, some in ids.items())
            pairs = f"{shown}, training split"
            retry_storing("the ids of a batch", lambda: file.write_json(record))
            pairs += f", all in {file}"
        return (
            f"loss or gradients are NaN or Inf at step {state.step} (epoch {state.epoch + 1}, "
            f"batch {', '.join(map(str, numbers))}; {pairs})"
        )


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:_SHOWN])) + (", …" if ids[_SHOWN:] else "")

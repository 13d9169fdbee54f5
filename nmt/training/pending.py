"""The pending step: launched last, its outcome is read after the next one was launched."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nmt.training.step import ControlFlags, Outcome


class LaunchedStep(NamedTuple):
    """A step between its launch and the reading of its outcome.

    Attributes:
        read: waits for the outcome.
        batches: number of its batches.
        cells: their target tokens and padding.
        is_needed: whether the outcome is needed before another step is launched.
    """

    read: Callable[[], Outcome]
    batches: int
    cells: int
    is_needed: bool = False


class PendingStep:
    """Holds the step launched last until the next one is launched; its length is 0 or 1.

    So a GPU computes step n + 1 while the host reads and records the outcome of step n and prepares
    the next batch. On CPUs TensorFlow computes a step before its launch returns: there the order
    gains nothing and costs nothing.

    Args:
        record: reads the outcome of a step, counts it, and returns its control flags.
    """

    def __init__(self, record: Callable[[LaunchedStep], ControlFlags]) -> None:
        self._record = record
        self._steps: list[LaunchedStep] = []

    def __len__(self) -> int:
        return len(self._steps)

    def follow(self, launched: LaunchedStep | None) -> ControlFlags:
        """Record the held step and hold the next one, unless its outcome is needed now.

        It is needed, too, if a control flag of the step before is set: workers learn each other's
        flags from outcomes, when all of them have launched the next step.

        Args:
            launched: the next step; None if there is none.

        Returns:
            The flags recorded last. A worker sets its flags until they are obeyed, so they include
            those before.
        """
        if launched is not None:
            self._steps.append(launched)
        flags = ControlFlags()
        while self._steps and (
            len(self._steps) > 1 or launched is None or launched.is_needed or any(flags)
        ):
            flags = self._record(self._steps.pop(0))
        return flags

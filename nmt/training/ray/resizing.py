"""A checkpoint before an elastic training is restarted with another number of workers.

Ray Train ends all workers as soon as it sees room for more. Without a checkpoint, a cluster whose
nodes come one after another would do the same steps again and again.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import ray
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.controller.state import ResizingState

from nmt.report.numbers import counted


class CheckpointBeforeResizing(ControllerCallback):
    """Called by Ray Train's controller.

    Args:
        channel: handle of the `DriverChannel`.
        seconds: to wait at most for the checkpoint, which a validation may precede.
    """

    def __init__(self, channel: Any, seconds: float) -> None:
        self._channel, self._seconds = channel, seconds

    def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
        """See Ray's `ControllerCallback`."""
        if not isinstance(current_state, ResizingState):
            return
        with contextlib.suppress(Exception):  # then training goes on from an earlier checkpoint
            workers = current_state.scaling_decision.num_workers  # type: ignore[attr-defined]
            line = f"there is room for {counted(workers, 'worker')}: training goes on with them"
            self._channel.put.remote("log", __name__, logging.INFO, line)
            ray.get(self._channel.request_checkpoint.remote())
            deadline = time.monotonic() + self._seconds
            while time.monotonic() < deadline and ray.get(self._channel.awaits_checkpoint.remote()):
                time.sleep(0.2)
            ray.get(self._channel.note_checkpoint.remote())

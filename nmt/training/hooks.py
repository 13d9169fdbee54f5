"""How the training loop reaches the outside: display, loggers, workers, storage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from nmt.training.state import TrainingState


class Hooks(Protocol):
    """What the loop calls; see `nmt.training.ray.worker` for Ray's."""

    def show_progress(self, done: int, total: int, detail: str) -> None:
        """Show how many steps are done of how many (an estimate under a time limit)."""

    def log_metrics(self, step: int, values: dict[str, float]) -> None:
        """Take a line of metrics.jsonl or a validation, by the names in TensorBoard."""

    def heartbeat(self, step: int) -> None:
        """Take note that a step is done, or that the next begins; must be fast."""

    def expect_long_phase(self) -> None:
        """Expect no heartbeat for longer than a step takes."""

    def should_stop(self) -> bool:
        """Whether this attempt should end now, to be continued later; must be fast."""

    def report(self, metrics: dict[str, object], save: Callable[[Path], None]) -> None:
        """Keep a checkpoint that `save` writes into a folder; called by every worker."""

    def broadcast(self, state: TrainingState) -> TrainingState:
        """Give every worker the state of the first one."""

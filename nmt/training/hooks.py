"""How the training loop reaches the outside: display, loggers, workers, storage; and what it tells
of its steps in a line of metrics.jsonl."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nmt.records.run import MetricsLine
from nmt.training.state import TrainingState
from nmt.training.step import Outcome


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


@dataclass
class RunningMetrics:
    """Sums over the steps since the last report.

    Attributes:
        loss: cross-entropy in nats.
        tokens: target tokens.
        cells: target tokens and padding.
        steps: updates.
        norms: norms of their gradients.
        skipped: updates that were skipped.
        waited: seconds that training waited for data.
        start: time of the last report.
    """

    loss: float = 0.0
    tokens: float = 0.0
    cells: int = 0
    steps: int = 0
    norms: float = 0.0
    skipped: int = 0
    waited: float = 0.0
    start: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome, cells: int) -> None:
        """Add one update, with its target tokens and padding."""
        self.steps += 1
        self.skipped += outcome.skipped
        if math.isfinite(outcome.loss):
            self.loss += outcome.loss
            self.tokens += outcome.tokens
            self.cells += cells
        if not outcome.skipped:
            self.norms += outcome.norm

    def line(self, step: int, epoch: int, learning_rate: float, minutes: float) -> MetricsLine:
        """The means as a line of metrics.jsonl, with the position of training."""
        seconds = max(time.monotonic() - self.start, 1e-9)
        return MetricsLine(
            step=step,
            epoch=epoch,
            loss=round(self.loss / max(self.tokens, 1.0), 5),
            tokens_per_second=round(self.tokens / seconds, 1),
            padding_share=round(1.0 - self.tokens / max(self.cells, 1), 4),
            data_wait_share=round(self.waited / seconds, 4),
            gradient_norm=round(self.norms / max(self.steps - self.skipped, 1), 5),
            skipped_updates=self.skipped,
            learning_rate=learning_rate,
            minutes=round(minutes, 3),
        )

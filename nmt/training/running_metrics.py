"""Means over the steps between two lines of metrics.jsonl."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from nmt.records.run import MetricsLine
from nmt.training.step import Outcome


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

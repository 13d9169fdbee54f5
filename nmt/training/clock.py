"""How long a training has taken, and how long it still takes."""

from __future__ import annotations

import time

from nmt.settings import TrainingSettings


class TrainingClock:
    """Counts minutes over all attempts, and predicts the end: the last step or the time limit.

    The steps before the first estimate are slow, because TensorFlow traces and compiles in them.
    Later estimates measure only the steps after it. Patience may end a training earlier.

    Args:
        training: has the limits.
        steps: of the training in all, without a time limit.
        step: where this attempt begins.
        minutes: of the attempts before.
    """

    def __init__(self, training: TrainingSettings, steps: int, step: int, minutes: float) -> None:
        self._training, self.steps = training, steps
        self._started, self._minutes_before = time.monotonic(), minutes
        self._since, self._has_estimated = (step, minutes), False
        self.validation_seconds = 0.0  # of the last validation

    def elapsed(self) -> float:
        """Minutes of training so far, over all attempts."""
        return self._minutes_before + (time.monotonic() - self._started) / 60

    def is_up(self) -> bool:
        """Whether so little time is left that the last validations must begin."""
        training = self._training
        if training.max_minutes is None:
            return False
        last = self.validation_seconds * (2 if training.averages_best else 1)
        return self.elapsed() + last / 60 >= training.max_minutes

    def estimate(self, step: int) -> tuple[int, float]:
        """Predict the end.

        Args:
            step: steps so far, over all attempts.

        Returns:
            The steps of the training in all, and the minutes left.
        """
        minutes, limit = self.elapsed(), self._training.max_minutes
        first, since = self._since
        minutes_per_step = (minutes - since) / max(step - first, 1)
        if not self._has_estimated:
            self._since, self._has_estimated = (step, minutes), True
        left = (self.steps - step) * minutes_per_step
        if limit is None or minutes + left <= limit:
            return self.steps, left
        left = max(limit - minutes, 0.0)
        return min(self.steps, step + round(left / max(minutes_per_step, 1e-9))), left

"""How long a training still takes."""

from __future__ import annotations


class Pace:
    """Foresees the end of a training: its last step or its last minute, whichever comes first.

    The steps before the first look are slow, for TensorFlow traces and compiles in them: as soon as
    there are later ones, these alone are the pace. Patience may end a training earlier.

    Args:
        steps: of the training in all.
        max_minutes: of it in all, or None.
        step: where this attempt begins.
        minutes: that the attempts before took.
    """

    def __init__(self, steps: int, max_minutes: float | None, step: int, minutes: float) -> None:
        self._steps, self._max_minutes = steps, max_minutes
        self._since = step, minutes
        self._looked = False

    def foresee(self, step: int, minutes: float) -> tuple[int, float]:
        """Look at where the training stands.

        Args:
            step: steps so far, of all attempts.
            minutes: minutes so far, of all attempts.

        Returns:
            The steps that there will be in all, and the minutes that are left.
        """
        first, since = self._since
        a_step = (minutes - since) / max(step - first, 1)
        if not self._looked:
            self._since, self._looked = (step, minutes), True
        left = (self._steps - step) * a_step
        if self._max_minutes is None or minutes + left <= self._max_minutes:
            return self._steps, left
        left = max(self._max_minutes - minutes, 0.0)
        return min(self._steps, step + round(left / max(a_step, 1e-9))), left

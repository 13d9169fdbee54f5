"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from nmt.settings import TrainingSettings


def learning_rate(training: TrainingSettings, step: int, steps: int, reductions: int = 0) -> float:
    """The step size of one update.

    All schedules rise linearly to ``learning_rate`` over ``warmup_steps``; then they differ:
    ``inverse_sqrt`` is that of Vaswani et al. 2017, ``cosine`` that of Loshchilov and Hutter
    2017 without restarts, ``plateau`` is cut by ``plateau_factor`` where BLEU stands still.

    Args:
        training: the settings.
        step: number of the update, from 1.
        steps: updates of all epochs; where the decay ends unless ``decay_steps`` says.
        reductions: how often ``plateau`` has cut it.
    """
    peak, warmup = training.learning_rate, training.warmup_steps
    if step < warmup:
        return peak * step / warmup
    lowest = training.final_learning_rate_ratio
    if training.schedule == "inverse_sqrt":
        return peak * math.sqrt(max(warmup, 1) / step)
    if training.schedule == "plateau":
        return peak * max(training.plateau_factor**reductions, lowest)
    if training.schedule == "constant":
        return peak
    end = training.decay_steps or steps
    share = min(1.0, (step - warmup) / max(end - warmup, 1))
    left = 1.0 - share if training.schedule == "linear" else (1.0 + math.cos(math.pi * share)) / 2
    return peak * (lowest + (1.0 - lowest) * left)

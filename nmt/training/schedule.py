"""What each epoch draws, the learning rate of each step, and when training ends."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from nmt.errors import UnusableInput
from nmt.settings import TrainingSettings
from nmt.shards.augmentation import Augmentation
from nmt.shards.batches import Shape, choose_shapes, count_batches
from nmt.shards.dataset import Dataset
from nmt.shards.mixture import Mixture, Shares
from nmt.shards.weighted import WeightedCorpus, parts_of

_COSTLY = 0.1  # of the time limit, for one validation


def mixture_of(datasets: Sequence[Dataset], training: TrainingSettings) -> Mixture:
    """The datasets, mixed and augmented as the settings say."""
    stages = [Shares(stage.epochs, stage.weights) for stage in training.stages]
    augmentation = None
    if training.augment or training.subword_dropout:
        vocabularies = datasets[0].source_vocabulary, datasets[0].target_vocabulary
        augmentation = Augmentation(training.augment, training.subword_dropout, vocabularies)
    parts = parts_of(datasets)
    pairs = [dataset.rows("train") for dataset in datasets]
    return Mixture(parts.corpora, parts.stages(stages, pairs), augmentation, parts.owners)


def tell_weights(mixture: Mixture, epochs: int) -> Iterator[str]:
    """How often each corpus with a weight is seen, a line per stage of so many epochs."""
    epoch = 0
    for count, _ in mixture.epochs(epochs):
        if seen := [
            f"{corpus.name} {round(drawn):,} pairs ({float(drawn / corpus.pairs):.2f} times each)"
            for corpus, drawn in zip(mixture.corpora, mixture.drawn(epoch), strict=True)
            if isinstance(corpus, WeightedCorpus)
        ]:
            yield f"weights   epochs {epoch + 1} to {epoch + count}: {', '.join(seen)} per epoch"
        epoch += count


def plan_steps(mixture: Mixture, training: TrainingSettings) -> tuple[list[Shape], int]:
    """The shapes of the batches, and the updates of all epochs.

    The updates are exact where every epoch is one pass through each dataset, else about right.
    """
    stages = list(mixture.epochs(training.epochs))
    widths: Counter[int] = Counter()
    for _, histogram in stages:
        widths.update(histogram)
    shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
    updates = (
        epochs * -(-count_batches(histogram, shapes) // training.accumulate)
        for epochs, histogram in stages
    )
    return shapes, sum(updates)


def learning_rate(training: TrainingSettings, step: int, steps: int, reductions: int = 0) -> float:
    """The step size of one update.

    All schedules rise linearly to ``learning_rate`` over ``warmup_steps``; then they differ:
    ``inverse_sqrt`` is that of Vaswani et al. 2017, ``cosine`` that of Loshchilov and Hutter
    2017 without restarts, ``plateau`` is cut by ``plateau_factor`` where ``training.metric``
    stands still.

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


def check_schedule(training: TrainingSettings, steps: int) -> None:
    """Refuse a learning rate that cannot do what its settings say.

    Args:
        training: the settings.
        steps: updates of all epochs.

    Raises:
        UnusableInput: says what to do.
    """
    if problem := _problem(training, steps):
        raise UnusableInput(problem)


def _problem(training: TrainingSettings, steps: int) -> str:
    schedule, warmup, end = training.schedule, training.warmup_steps, training.decay_steps
    steps_per_epoch = -(-steps // training.epochs)
    if schedule == "inverse_sqrt" and not warmup:
        return (
            "training.schedule=inverse_sqrt falls to a tenth in the first 100 updates without a "
            "warm-up; set training.warmup_steps (4000 is customary)"
        )
    if warmup >= steps:
        return (
            f"training.warmup_steps: the warm-up takes {warmup:,} updates, and training has "
            f"{steps:,}; set fewer, or more training.epochs"
        )
    decays = schedule in ("linear", "cosine")
    if end and not decays:
        return (
            f"training.decay_steps={end}: schedule={schedule} does not use it; set "
            "training.schedule=linear or cosine, or leave it out"
        )
    if 0 < end <= warmup:
        return (
            f"training.decay_steps={end}: the decay ends in the warm-up of {warmup:,} updates; set "
            "more, or 0 for the last update"
        )
    is_zero = training.final_learning_rate_ratio == 0 and training.max_minutes is None
    if end and is_zero and steps - end >= steps_per_epoch:
        return (
            f"training.decay_steps={end}: the last {steps - end:,} of the {steps:,} updates would "
            "have a rate of 0; set 0 for the last update, fewer training.epochs, or "
            "training.final_learning_rate_ratio"
        )
    if schedule != "plateau":
        return ""
    if training.patience <= training.plateau_patience:
        return (
            f"training.patience={training.patience} ends training before schedule=plateau lowers "
            f"the rate; set one larger than training.plateau_patience={training.plateau_patience}"
        )
    every = training.validate_every or steps_per_epoch
    validations = -(-steps // every) - warmup // every
    if validations <= training.plateau_patience:
        return (
            f"training.schedule=plateau has {validations} validations after the warm-up, too few "
            f"to lower the rate with training.plateau_patience={training.plateau_patience}; set "
            "more training.epochs, or training.validate_every to fewer updates"
        )
    return ""


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

    def costly_validation(self) -> str | None:
        """What to say of a validation that takes much of the time limit; None if none does."""
        minutes, limit = self.validation_seconds / 60, self._training.max_minutes
        if limit is None or minutes <= _COSTLY * limit:
            return None
        return (
            f"a validation takes {60 * minutes:.0f} s, which count towards training.max_minutes "
            f"{limit:g}; give more minutes, or fewer training.valid_sentences"
        )

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
        steps = max(self.steps, step)  # those of an epoch of augmented pairs are not exact
        left = (steps - step) * minutes_per_step
        if limit is None or minutes + left <= limit:
            return steps, left
        left = max(limit - minutes, 0.0)
        return min(steps, step + round(left / max(minutes_per_step, 1e-9))), left

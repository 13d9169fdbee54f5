"""The model that is validated and saved, which need not be the one in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from nmt.model.seq2seq import Seq2Seq
from nmt.settings import TrainingSettings
from nmt.training.optimizer import SummedAdam


class Candidate:
    """What MODEL would be now: the weights in training or their moving average, in float32.

    It is the model in training itself, unless something else than that is ever to be
    validated; then it is a second model, so that training is never disturbed.

    Args:
        model: in training.
        optimizer: holds the moving averages, if there are any.
        training: the settings.
        make: makes another model of the same architecture.
    """

    def __init__(
        self,
        model: Seq2Seq,
        optimizer: SummedAdam,
        training: TrainingSettings,
        make: Callable[[], Seq2Seq],
    ) -> None:
        self._trained, self._optimizer = model, optimizer
        second = training.averages_best or training.ema_decay or training.precision != "float32"
        self.model = make() if second else model

    def refresh(self) -> None:
        """Take over what training has come to."""
        if self.model is not self._trained:
            self.model.set_weights(self._trained.get_weights())
            averages = [average.numpy() for average in self._optimizer.averages]
            for variable, average in zip(self.model.trainable_variables, averages, strict=False):
                variable.assign(average)

    def take_mean(self, models: Iterable[Sequence[np.ndarray]]) -> None:
        """Become the mean of models, each given by its weights (Junczys-Dowmunt et al. 2016)."""
        sums = [np.zeros(weight.shape) for weight in self.model.weights]
        count = 0
        for weights in models:
            sums = [total + weight for total, weight in zip(sums, weights, strict=True)]
            count += 1
        self.model.set_weights([total / count for total in sums])

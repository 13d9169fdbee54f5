"""Adam with decoupled weight decay and a moving average of the weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nmt.settings import TrainingSettings

_UNDECAYED = ["bias", "gain"]  # parts of the names of biases and of normalisations' gains


class SummedAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) for gradients that are already summed over the replicas.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter 2019): before each update
    every weight but biases and the gains of normalisations shrinks by learning rate times decay.
    The moving average of the weights (Polyak and Juditsky 1992) is exponential; at update t its
    decay is at most (1 + t) / (10 + t), so that it soon forgets where the weights began. It is
    kept with Adam's own variables, in every checkpoint and on every replica.

    Args:
        learning_rate: step size.
        weight_decay: share of a weight that goes at learning rate 1; 0 is none.
        ema_decay: decay of the moving average; 0 is no average.
    """

    def __init__(
        self, learning_rate: float, weight_decay: float = 0.0, ema_decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay or None)
        self.ema_decay = ema_decay
        self.averages: list[Any] = []
        if weight_decay:
            self.exclude_from_weight_decay(var_names=_UNDECAYED)

    @classmethod
    def of(cls, training: TrainingSettings) -> SummedAdam:
        """The optimizer that the settings ask for."""
        return cls(training.learning_rate, training.weight_decay, training.ema_decay)

    def build(self, var_list: list[Any]) -> None:
        """Create the moments of these variables, and their averages as they are now."""
        super().build(var_list)
        if self.ema_decay:
            self.averages = self.add_optimizer_variables(var_list, "average")
            for average, variable in zip(self.averages, var_list, strict=True):
                average.assign(variable)

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Move one variable, then its average towards it."""
        super().update_step(gradient, variable, learning_rate)
        if self.ema_decay:
            average = self.averages[self._get_variable_index(variable)]
            t = tf.cast(self.iterations + 1, tf.float32)
            decay = tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
            self.assign_add(average, (variable - average) * (1.0 - decay))

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars

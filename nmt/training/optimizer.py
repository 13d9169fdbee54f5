"""Clipped gradients, and Adam with decoupled weight decay and a moving average of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from nmt.settings import TrainingSettings

_UNDECAYED = ["bias", "gain"]  # parts of the names of biases and of normalisations' gains


def clipped_mean(
    sums: Sequence[tf.Tensor], count: tf.Tensor, bound: float
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Sums of gradients over their number, clipped by their global norm (Pascanu et al. 2013).

    In one pass over the gradients after the norm's. Where the norm is no finite number, nor is any
    of the results.

    Args:
        sums: of the gradients, any shapes.
        count: what they are divided by.
        bound: of the global norm of the mean.

    Returns:
        The gradients, and their norm before it was clipped.
    """
    norm = tf.linalg.global_norm(sums) / count
    factor = bound / tf.maximum(norm, bound) / count + (norm - norm)
    return [value * factor for value in sums], norm


class SummedAdam(keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) for gradients that are already summed over the replicas.

    Keras's formulas, in one operation for each variable; Keras has one for each term of them.
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
        super().__init__(learning_rate, weight_decay=weight_decay or None, name="adam")
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
        t = tf.cast(self.iterations + 1, tf.float32)
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, t),
            beta2_power=tf.pow(self.beta_2, t),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )
        if self.ema_decay:
            average = self.averages[place]
            decay = tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
            self.assign_add(average, (variable - average) * (1.0 - decay))

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars

"""Which weights train, clipped gradients, and Adam with decoupled decay and a moving average."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import Part, TrainingSettings

_UNDECAYED = ["bias", "gain"]  # parts of the names of biases and of normalisations' gains
# How the paths of the weights of each part begin.
_PLACES: dict[Part, tuple[str, ...]] = {
    "embeddings": ("embedding/", "target_embedding/"),
    "encoder": ("encoder/", "bridge/"),
    "attention": ("decoder/attention/",),
    "decoder": ("decoder/",),
    "readout": ("readout/", "decoder/readout/"),
    "output": ("seq2seq/output_",),
}


def trained_variables(model: Seq2Seq, frozen: Sequence[Part]) -> list[Any]:
    """The variables of a model that training changes.

    Args:
        model: the model.
        frozen: ``training.freeze``. The readout of a decoder with input feeding is no part of it.

    Raises:
        UnusableInput: none is left.
    """
    readout = _PLACES["readout"]
    others = tuple(place for part in frozen if part != "readout" for place in _PLACES[part])

    def is_frozen(path: str) -> bool:
        return "readout" in frozen if path.startswith(readout) else path.startswith(others)

    variables = [v for v in model.trainable_variables if not is_frozen(v.path)]
    if not variables:
        raise UnusableInput("training.freeze: no weight is left to train; freeze fewer parts")
    return variables


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
    L2-SP (Li et al. 2018, arXiv 1802.01483) is decoupled in the same way: it moves every weight
    towards where it began. The moving average of the weights (Polyak and Juditsky 1992) is
    exponential; at update t its decay is at most (1 + t) / (10 + t), so that it soon forgets where
    the weights began. All are kept with Adam's own variables, in every checkpoint and on every
    replica.

    Args:
        learning_rate: step size.
        weight_decay: share of a weight that goes at learning rate 1; 0 is none.
        ema_decay: decay of the moving average; 0 is no average.
        l2_sp: share of a weight's way back to its beginning at learning rate 1; 0 is none.

    Attributes:
        averages: the moving averages of the variables that it was built for, if there are any.
    """

    def __init__(
        self,
        learning_rate: float,
        weight_decay: float = 0.0,
        ema_decay: float = 0.0,
        l2_sp: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay or None, name="adam")
        self.ema_decay, self.l2_sp = ema_decay, l2_sp
        self.averages: list[Any] = []
        self._beginnings: list[Any] = []
        if weight_decay:
            self.exclude_from_weight_decay(var_names=_UNDECAYED)

    @classmethod
    def of(cls, training: TrainingSettings) -> SummedAdam:
        """The optimizer that the settings ask for."""
        return cls(
            training.learning_rate, training.weight_decay, training.ema_decay, training.l2_sp
        )

    def build(self, var_list: list[Any]) -> None:
        """Create the moments of these variables, and what begins with their values of now."""
        super().build(var_list)
        if self.ema_decay:
            self.averages = self._copies(var_list, "average")
        if self.l2_sp:
            self._beginnings = self._copies(var_list, "beginning")

    @property
    def moments(self) -> Iterator[tuple[Any, Any]]:
        """Each moment with the variable that it is of."""
        for moments in (self._momentums, self._velocities):
            yield from zip(moments, self._trainable_variables, strict=True)

    def _copies(self, variables: list[Any], name: str) -> list[Any]:
        copies = self.add_optimizer_variables(variables, name)
        for copy, variable in zip(copies, variables, strict=True):
            copy.assign(variable)
        return copies

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Move one variable, then its average towards it."""
        t = tf.cast(self.iterations + 1, tf.float32)
        place = self._get_variable_index(variable)
        if self.l2_sp:
            share = tf.cast(learning_rate, variable.dtype) * self.l2_sp
            self.assign_sub(variable, (variable - self._beginnings[place]) * share)
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

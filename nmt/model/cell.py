"""A GRU cell whose input comes in parts, with layer normalisation or without."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.gru import gru_step, gru_step_gradient
from nmt.model.scan import Linear


class GRUCell(keras.layers.Layer):
    """The weights of a GRU with the gates of ``keras.layers.GRUCell(reset_after=True)``.

    With layer normalisation, what each part of the input and the state give to each of the three
    gates is normalised for itself (Ba, Kiros, Hinton 2016, arXiv 1607.06450, appendix).

    Args:
        units: size of the state.
        layer_norm: whether products are normalised.
    """

    def __init__(self, units: int, layer_norm: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units, self.layer_norm = units, layer_norm

    def build(self, inputs: dict[str, int]) -> None:
        """Create the weights for these parts of the input, the sizes by their names.

        The first part brings the input's bias. A part of size 0 has no weights.
        """
        gates = 3 * self.units
        self.kernels, self.gains = {}, {}
        for name, size in {**inputs, "state": self.units}.items():
            if not size:
                continue
            self.kernels[name] = self.add_weight(
                name=f"{name}_kernel",
                shape=(size, gates),
                initializer="orthogonal" if name == "state" else "glorot_uniform",
            )
            if self.layer_norm:
                self.gains[name] = self.add_weight(
                    name=f"{name}_gain", shape=(3, self.units), initializer="ones"
                )
        self.bias = self.add_weight(name="bias", shape=(2, gates), initializer="zeros")
        self.first = next(iter(inputs))
        self.built = True

    def linear(self, part: str) -> Linear:
        """The weights of an input part's product, or of the ``state``'s."""
        kernel, gain = self.kernels.get(part), self.gains.get(part)
        bias = tf.convert_to_tensor(self.bias)
        rows = {self.first: 0, "state": 1}
        return Linear(
            tf.zeros([0, 3 * self.units], bias.dtype)
            if kernel is None
            else tf.convert_to_tensor(kernel),
            bias[rows[part]] if part in rows else None,
            None if gain is None else tf.convert_to_tensor(gain),
        )

    def linears(self, *parts: str) -> dict[str, Linear]:
        """The same for several parts and the state, named ``cell/part``."""
        return {f"{self.name}/{part}": self.linear(part) for part in (*parts, "state")}


@tf.custom_gradient
def gates(projected: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """The state after a step, from the products of a GRU; see `nmt.model.gru.gru_step`."""
    after, found = gru_step(projected, recurrent, state)
    return after, lambda gradient: gru_step_gradient(gradient, found, state)

"""A GRU that reads padded sentences in both directions, by cuDNN or by loops of our own."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nmt.model import encoder
from nmt.model.fast.gru import gru, gru_over_sentences
from nmt.model.fast.layer_norm import layer_norm
from nmt.model.fast.scan import Linear, scan
from nmt.model.layers import drop_units


class BidirectionalGRU(encoder.BidirectionalGRU):
    """See `nmt.model.encoder.BidirectionalGRU`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_gpu = bool(tf.config.list_logical_devices("GPU"))

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Read a batch of sentences; on a GPU, by cuDNN."""
        if self.on_gpu and not self.layer_norm and (seed is None or not self.state_dropout):
            outputs, *final = keras.layers.Bidirectional.call(self, inputs, mask=mask > 0)
            return outputs, tf.concat(final, -1)
        return super().call(inputs, mask, seed)

    def read(
        self, direction: int, inputs: tf.Tensor, mask: tf.Tensor, noise: tf.Tensor | None
    ) -> tf.Tensor:
        """The states of one direction."""
        if direction == 1:  # the padding comes first, and leaves a zero state
            inputs, mask = tf.reverse(inputs, [0]), tf.reverse(mask, [0])
        cell = self.cell(direction)
        bias = tf.convert_to_tensor(cell.bias)
        kernel = tf.convert_to_tensor(cell.recurrent_kernel)
        projected = tf.tensordot(inputs, tf.convert_to_tensor(cell.kernel), 1)
        if self.layer_norm:
            gain = tf.convert_to_tensor(self.gain)[direction]
            projected = layer_norm(projected, gain[0]) + bias[0]
            states = _normalised(projected, mask, Linear(kernel, bias[1], gain[1]), noise)
        else:
            states = gru_over_sentences(projected + bias[0], mask, kernel, bias[1], noise)
        return tf.reverse(states, [0]) if direction == 1 else states


def _normalised(
    projected: tf.Tensor, mask: tf.Tensor, recurrent: Linear, noise: tf.Tensor | None
) -> tf.Tensor:
    """The states of a layer-normalised GRU, shape (source, batch, units)."""

    def step(multiply: Any, inputs: Any, state: tf.Tensor, _: Any) -> Any:
        projected, real = inputs
        after = gru(projected, multiply(drop_units(state, noise), "state"), state)
        return state + real * (after - state), ()

    first = tf.zeros([tf.shape(projected)[1], recurrent.kernel.shape[0]], projected.dtype)
    (states,) = scan(step, [projected], [mask], first, [], {"state": recurrent})
    return states

"""A GRU that reads padded sentences in both directions, by cuDNN or by loops of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from nmt.model import encoder
from nmt.model.fast.operations import GRU, Linear, Scale
from nmt.model.fast.scan import Apply, scan

Operator = Callable[[Any, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class BidirectionalGRU(encoder.BidirectionalGRU):
    """See `nmt.model.encoder.BidirectionalGRU`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_gpu = bool(tf.config.list_logical_devices("GPU"))
        self.operator: Operator | None = None  # what `call` is in an exported graph

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Read a batch of sentences; on a GPU, by cuDNN."""
        if self.operator is not None:
            return self.operator(self, inputs, mask)
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
        cell, dtype = self.cell(direction), inputs.dtype
        kernels = map(tf.convert_to_tensor, (cell.kernel, cell.recurrent_kernel))
        biases, gains = tf.unstack(tf.convert_to_tensor(cell.bias)), [None, None]
        if self.layer_norm:
            gains = tf.unstack(tf.convert_to_tensor(self.gain)[direction])
        entering, recurrent = map(Linear, kernels, biases, gains)
        gates, dropped = GRU(dtype, masked=True), None if noise is None else Scale(noise)

        def step(apply: Apply, inputs: Any, state: Any) -> Any:
            (projected, real), (before,) = inputs, state
            query = before if dropped is None else apply(dropped, before)
            return (apply(gates, projected, apply(recurrent, query), before, real),), ()

        first = tf.zeros([tf.shape(inputs)[1], self.units], dtype)
        (states,) = scan(step, [entering.over(inputs)], [mask > 0], (first,), [recurrent, gates])
        return tf.reverse(states, [0]) if direction == 1 else states

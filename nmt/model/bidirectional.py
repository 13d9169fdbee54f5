"""A GRU that reads padded sentences in both directions."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.cell import gates
from nmt.model.dropout import dropped, state_noise
from nmt.model.gru import gru
from nmt.model.layer_norm import layer_norm
from nmt.model.scan import Linear, scan


class BidirectionalGRU(keras.layers.Bidirectional):
    """Keras's bidirectional GRU; where cuDNN does not serve, computed by loops of our own.

    Args:
        units: GRU units a direction.
        normalised: whether products are layer-normalised; see `nmt.model.cell.GRUCell`.
        state_dropout: rate of `nmt.model.dropout.state_noise` in training.
        place: number of that dropout's place for one direction; the next one is the other's.
    """

    def __init__(
        self,
        units: int,
        normalised: bool = False,
        state_dropout: float = 0.0,
        place: int = 5,
        **kwargs,
    ) -> None:
        layer = keras.layers.GRU(
            units, return_sequences=True, return_state=True, name="gru", dtype=kwargs.get("dtype")
        )
        super().__init__(layer, merge_mode="concat", **kwargs)
        self.units, self.state_dropout, self.place = units, state_dropout, place
        self.normalised = normalised
        # There Keras takes cuDNN's; here is the faster one for CPUs.
        self.on_gpu = bool(tf.config.list_logical_devices("GPU"))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of this shape, (batch, source, dim)."""
        super().build(input_shape)
        if self.normalised:
            # Of the two directions, of the products with input and state.
            self.gain = self.add_weight(
                name="gain", shape=(2, 2, 3, self.units), initializer="ones"
            )

    def read(
        self, inputs: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Read a batch of sentences.

        Args:
            inputs: shape (batch, source, dim).
            mask: 1 for real positions and 0 for the padding on the right, shape (batch, source).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            The states of both directions joined, shape (batch, source, 2 · units), and the
            final ones, shape (batch, 2 · units).
        """
        if self.on_gpu and not self.normalised and (seed is None or not self.state_dropout):
            outputs, *last = self(inputs, mask=mask > 0)
            return outputs, tf.concat(last, -1)
        values = tf.transpose(inputs, [1, 0, 2])
        real = tf.transpose(tf.cast(mask, inputs.dtype))[..., tf.newaxis]
        states, last = self._direction(0, values, real, seed)
        # Read from the other end, behind the padding.
        values, real = tf.reverse(values, [0]), tf.reverse(real, [0])
        back_states, back_last = self._direction(1, values, real, seed)
        outputs = tf.concat([states, tf.reverse(back_states, [0])], -1)
        return tf.transpose(outputs, [1, 0, 2]), tf.concat([last, back_last], -1)

    def _direction(
        self, number: int, inputs: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """States and the last state of one direction, over inputs (source, batch, dim)."""
        cell = (self.forward_layer, self.backward_layer)[number].cell
        bias = tf.convert_to_tensor(cell.bias)
        kernel = tf.convert_to_tensor(cell.recurrent_kernel)
        product = tf.tensordot(inputs, tf.convert_to_tensor(cell.kernel), 1)
        first = tf.zeros([tf.shape(inputs)[1], self.units], inputs.dtype)
        noise = state_noise(first, self.state_dropout, seed, self.place + number)
        if not self.normalised:
            return gru(product + bias[0], mask, kernel, bias[1], noise)
        gain = tf.convert_to_tensor(self.gain)[number]
        projected = layer_norm(product, gain[0]) + bias[0]

        def step(multiply, inputs, state, _):
            projected, real = inputs
            after = gates(projected, multiply(dropped(state, noise), "state"), state)
            return state + real * (after - state), ()

        linears = {"state": Linear(kernel, bias[1], gain[1])}
        (states,) = scan(step, [projected], [mask], first, [], linears)
        return states, states[-1]

"""The encoder: embeddings, read in both directions by GRUs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nmt.model.layers import ScaledEmbedding, drop_units, dropout, gru, layer_norm, state_noise
from nmt.settings import DropoutRates, ModelSettings


class BidirectionalGRU(keras.layers.Bidirectional):
    """A GRU that reads padded sentences in both directions, with the weights of Keras's.

    Args:
        units: GRU units per direction.
        layer_norm: whether products are layer-normalised; see `nmt.model.layers.GRUCell`.
        state_dropout: rate of `nmt.model.layers.state_noise` in training.
        place: number of that dropout's place for the first direction; the next one is the other's.
    """

    def __init__(
        self,
        units: int,
        layer_norm: bool = False,
        state_dropout: float = 0.0,
        place: int = 5,
        **kwargs: Any,
    ) -> None:
        layer = keras.layers.GRU(
            units, return_sequences=True, return_state=True, name="gru", dtype=kwargs.get("dtype")
        )
        super().__init__(layer, merge_mode="concat", **kwargs)
        self.units, self.layer_norm = units, layer_norm
        self.state_dropout, self.place = state_dropout, place

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs of this shape, (batch, source, dim)."""
        super().build(input_shape)
        if self.layer_norm:
            # Of the two directions, of the products with input and state.
            self.gain = self.add_weight((2, 2, 3, self.units), "ones", name="gain")

    def cell(self, direction: int) -> keras.layers.GRUCell:
        """The weights of one direction; 0 is forwards, 1 backwards."""
        return (self.forward_layer, self.backward_layer)[direction].cell

    def call(
        self, inputs: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None = None
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
        inputs = tf.transpose(inputs, [1, 0, 2])  # (source, batch, dim)
        mask = tf.transpose(tf.cast(mask, inputs.dtype))[..., tf.newaxis]  # (source, batch, 1)
        first = tf.zeros([tf.shape(inputs)[1], self.units], inputs.dtype)
        noise = [state_noise(first, self.state_dropout, seed, self.place + i) for i in (0, 1)]
        forward, backward = (self.read(i, inputs, mask, noise[i]) for i in (0, 1))
        states = tf.transpose(tf.concat([forward, backward], -1), [1, 0, 2])
        return states, tf.concat([forward[-1], backward[0]], -1)

    def read(
        self, direction: int, inputs: tf.Tensor, mask: tf.Tensor, noise: tf.Tensor | None
    ) -> tf.Tensor:
        """The states of one direction; padding leaves the state as it was.

        Args:
            direction: see `cell`.
            inputs: shape (source, batch, dim).
            mask: 1 for real positions and 0 for padding, shape (source, batch, 1).
            noise: of `nmt.model.layers.state_noise`, shape (batch, units).

        Returns:
            Shape (source, batch, units), in the order of the sentence.
        """
        cell = self.cell(direction)

        def gates(x: tf.Tensor, kernel: tf.Tensor, part: int) -> tf.Tensor:
            product = tf.matmul(x, kernel)
            if self.layer_norm:
                product = layer_norm(product, self.gain[direction, part])
            return product + cell.bias[part]

        def step(state: tf.Tensor, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            x, real = inputs
            recurrent = gates(drop_units(state, noise), cell.recurrent_kernel, 1)
            return state + real * (gru(gates(x, cell.kernel, 0), recurrent, state) - state)

        first = tf.zeros([tf.shape(inputs)[1], self.units], inputs.dtype)
        return tf.scan(step, (inputs, mask), first, reverse=direction == 1)


class Encoder(keras.layers.Layer):
    """Read a source sentence in both directions (Bahdanau et al. 2015, section 3.2).

    Args:
        embedding: of the source words.
        settings: the architecture.
        rates: dropout in training.
        bidirectional: the class of its layers, `BidirectionalGRU` or one that computes the same.
    """

    def __init__(
        self,
        embedding: ScaledEmbedding,
        settings: ModelSettings,
        rates: DropoutRates = DropoutRates(),
        bidirectional: type[BidirectionalGRU] = BidirectionalGRU,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding, self.units, self.rates = embedding, settings.encoder_units, rates

        def layer(name: str, **place: int) -> BidirectionalGRU:
            options = {"name": name, "dtype": self.dtype_policy, **place}
            return bidirectional(self.units, settings.layer_norm, rates.state, **options)

        self.gru = layer("bidirectional")
        self.upper = [
            layer(f"bidirectional_{number}", place=20 * number)
            for number in range(2, settings.encoder_layers + 1)
        ]

    def build(self) -> None:
        """Create the weights."""
        self.gru.build((None, None, self.embedding.output_dim))
        for layer in self.upper:
            layer.build((None, None, 2 * self.units))
        self.built = True

    def call(
        self, ids: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Encode a batch of sentences.

        Args:
            ids: source ids, padded on the right with 0, shape (batch, source).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            The states h, shape (batch, source, 2 · units); the final states of the top layer's
            directions joined, shape (batch, 2 · units); and the mask, 1 for real positions and
            0 for padding, float32, shape (batch, source).
        """
        mask = tf.cast(tf.not_equal(ids, 0), tf.float32)
        embedded = dropout(self.embedding(ids), self.rates.source_embedding, seed, 1)
        states, final = self.gru(embedded, mask, seed)
        for layer in self.upper:
            inputs = dropout(states, self.rates.encoder, seed, layer.place + 2)
            residual, final = layer(inputs, mask, seed)
            states += residual
        return dropout(states, self.rates.encoder, seed, 2), final, mask

"""What the model is made of: embeddings, dropout, layer normalisation, GRU cells."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

EPSILON = 1e-5  # keeps a layer normalisation finite


class ScaledEmbedding(keras.layers.Embedding):
    """An embedding times √dim, drawn with variance 1 / dim (Vaswani et al. 2017, section 3.4).

    So a recurrent layer tells words apart from the first step on, while the same small matrix
    can serve as the softmax layer's weights (Press and Wolf 2017).

    Args:
        size: entries of the vocabulary.
        dim: size of an embedding.
    """

    def __init__(self, size: int, dim: int, **kwargs: Any) -> None:
        initializer = keras.initializers.RandomNormal(stddev=dim**-0.5)
        super().__init__(size, dim, embeddings_initializer=initializer, **kwargs)
        self.build((None, None))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Look up ids of any shape: (…) → (…, dim)."""
        # Keras would take care of negative ids, at every step of a search.
        rows = tf.gather(tf.convert_to_tensor(self.embeddings), ids)
        return tf.cast(rows, self.compute_dtype) * self.output_dim**0.5


def dropout(values: tf.Tensor, rate: float, seed: tf.Tensor | None, place: int) -> tf.Tensor:
    """Drop values at random and scale the rest (Srivastava et al. 2014).

    The noise is a pure function of the seed, so that training can be resumed exactly.

    Args:
        values: any shape.
        rate: probability of a zero.
        seed: two int32 numbers, or None for no dropout (evaluation).
        place: number of the place in the model, so that places differ under one seed.
    """
    if seed is None or rate == 0.0:
        return values
    seed = seed + tf.constant([0, place * 7919], tf.int32)
    return tf.nn.experimental.stateless_dropout(values, rate, seed, rng_alg="philox")


def state_noise(
    state: tf.Tensor, rate: float, seed: tf.Tensor | None, place: int
) -> tf.Tensor | None:
    """Variational dropout of a recurrent state (Gal and Ghahramani 2016, arXiv 1512.05287).

    The same units are dropped at all steps of a sentence, wherever the state is multiplied with
    weights. What a gate lets pass of the state itself is kept.

    Args:
        state: the first state, shape (batch, units).
        rate, seed, place: see `dropout`.

    Returns:
        Factors for `drop_units`, 0 or 1 / (1 - rate), shape (batch, units); None without dropout.
    """
    if seed is None or rate == 0.0:
        return None
    return dropout(tf.ones_like(state), rate, seed, place)


def drop_units(state: tf.Tensor, noise: tf.Tensor | None) -> tf.Tensor:
    """A state times the factors of `state_noise`."""
    return state if noise is None else state * noise


def layer_norm(values: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Bring each group of values to mean 0 and variance 1, and scale each value.

    Ba, Kiros, Hinton 2016 (arXiv 1607.06450); computed in float32.

    Args:
        values: shape (batch, groups · units).
        gain: shape (groups, units).
    """
    groups = tf.reshape(tf.cast(values, tf.float32), [-1, *gain.shape])  # (batch, groups, units)
    mean, variance = tf.nn.moments(groups, -1, keepdims=True)
    normal = (groups - mean) * tf.math.rsqrt(variance + EPSILON)
    return tf.reshape(tf.cast(normal, values.dtype) * gain, tf.shape(values))


def gru(entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    """The next state of a gated recurrent unit (Cho et al. 2014, arXiv 1406.1078).

    Its gates are those of ``keras.layers.GRUCell(reset_after=True)``.

    Args:
        entering: what the input gives to the gates z, r and n, shape (batch, 3 · units).
        recurrent: what the state gives to them, shape (batch, 3 · units).
        state: the state before, shape (batch, units).
    """
    z_x, r_x, n_x = tf.split(entering, 3, -1)
    z_s, r_s, n_s = tf.split(recurrent, 3, -1)
    z, r = tf.sigmoid(z_x + z_s), tf.sigmoid(r_x + r_s)
    return (1 - z) * tf.tanh(n_x + r * n_s) + z * state


class GRUCell(keras.layers.Layer):
    """A GRU whose input has several parts, each with a kernel of its own.

    With layer normalisation, what each part and the state give to each of the three gates is
    normalised separately (Ba et al. 2016, appendix).

    Args:
        units: size of the state.
        layer_norm: whether products are normalised.
    """

    def __init__(self, units: int, layer_norm: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.layer_norm = units, layer_norm

    def build(self, sizes: dict[str, int]) -> None:
        """Create the weights for an input of these parts; a part of size 0 has none."""
        gates = 3 * self.units
        self.kernels, self.gains = {}, {}
        for part, size in {**sizes, "state": self.units}.items():
            if not size:
                continue
            initializer = "orthogonal" if part == "state" else "glorot_uniform"
            self.kernels[part] = self.add_weight((size, gates), initializer, name=f"{part}_kernel")
            if self.layer_norm:
                self.gains[part] = self.add_weight((3, self.units), "ones", name=f"{part}_gain")
        self.bias = self.add_weight((2, gates), "zeros", name="bias")
        self.built = True

    def step(
        self, state: tf.Tensor, noise: tf.Tensor | None = None, **parts: tf.Tensor
    ) -> tf.Tensor:
        """The next state.

        Args:
            state: the state before, shape (batch, units).
            noise: of `state_noise`, shape (batch, units).
            parts: the parts of the input by name, shape (batch, size) each.
        """
        entering = sum((self._gates(x, part) for part, x in parts.items()), start=self.bias[0])
        recurrent = self._gates(drop_units(state, noise), "state") + self.bias[1]
        return gru(entering, recurrent, state)

    def _gates(self, x: tf.Tensor, part: str) -> tf.Tensor | float:
        """What a part of the input or the state gives to the gates, shape (batch, 3 · units)."""
        if part not in self.kernels:
            return 0.0
        product = tf.matmul(x, self.kernels[part])
        return layer_norm(product, self.gains[part]) if self.layer_norm else product

"""Dropout whose noise is a pure function of a seed, so that training can be resumed exactly."""

from __future__ import annotations

import tensorflow as tf


def dropout(values: tf.Tensor, rate: float, seed: tf.Tensor | None, place: int) -> tf.Tensor:
    """Drop values at random and scale the rest (Srivastava et al. 2014).

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

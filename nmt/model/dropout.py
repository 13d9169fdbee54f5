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


def state_noise(state: tf.Tensor, rate: float, seed: tf.Tensor | None, place: int) -> tf.Tensor:
    """Variational dropout of a recurrent state (Gal and Ghahramani 2016, arXiv 1512.05287).

    The same units are dropped at all steps of a sentence, wherever the state is multiplied with
    weights. What a gate lets pass of the state itself is kept.

    Args:
        state: the first state, shape (batch, units).
        rate, seed, place: see `dropout`.

    Returns:
        The factors of the states, 0 or 1 / (1 - rate), shape (batch, units); without dropout
        (batch, 0), which `dropped` leaves out.
    """
    if seed is None or rate == 0.0:
        return state[:, :0]
    return dropout(tf.ones_like(state), rate, seed, place)


def dropped(values: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Values times what `state_noise` gives."""
    return values * noise if noise.shape[-1] else values

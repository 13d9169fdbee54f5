"""Padded matrices and precomputed products change no result."""

import numpy as np
import pytest
import tensorflow as tf
from rounding import PASS

from nmt.model.fast.matmul import PaddedMatrix, multiply_once, slices


@pytest.mark.parametrize("shape", [(8, 512), (8, 768), (8, 500), (8, 256)])
def test_values_and_gradients_are_those_of_a_plain_product(shape):
    random = np.random.default_rng(1)
    kernel = tf.constant(random.normal(size=shape), tf.float32)
    x = tf.constant(random.normal(size=(5, shape[0])), tf.float32)
    cotangent = tf.constant(random.normal(size=(5, shape[1])), tf.float32)
    results = []
    for product in (lambda: PaddedMatrix(kernel)(x), lambda: tf.matmul(x, kernel)):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            value = product()
        results.append([value, *tape.gradient(value, [x, kernel], cotangent)])
    for ours, plain in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=PASS, atol=PASS)


def test_a_product_over_nothing_is_zero_and_takes_a_bias():
    """A decoder without attention has a context of size 0; oneDNN aborts on it on some CPUs."""
    bias = tf.Variable(tf.range(12, dtype=tf.float32))
    add = tf.function(lambda x: tf.tanh(PaddedMatrix(tf.zeros([0, 12]))(x) + bias))
    np.testing.assert_array_equal(add(tf.zeros([5, 0])), tf.tanh(tf.ones([5, 1]) * bias))


def test_precomputed_products_are_sliced():
    random = np.random.default_rng(2)
    x, *matrices = (
        tf.constant(random.normal(size=size), tf.float32) for size in ((3, 5, 8), (8, 500), (8, 12))
    )
    products = multiply_once(x, matrices)
    assert products.shape[-1] > 512  # padded
    for matrix, slice_columns in zip(matrices, slices([500, 12]), strict=True):
        expected = tf.tensordot(x, matrix, 1)
        np.testing.assert_allclose(slice_columns(products), expected, rtol=PASS, atol=PASS)

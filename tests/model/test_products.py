"""Matrices for many products: surplus columns change nothing."""

import numpy as np
import pytest
import tensorflow as tf
from rounding import PASS

from nmt.model.products import Matrix


@pytest.mark.parametrize("shape", [(8, 512), (8, 768), (8, 500), (8, 256), (3, 8, 512)])
def test_it_multiplies_and_has_the_gradients_of_a_plain_product(shape):
    random = np.random.default_rng(1)
    kernel = tf.constant(random.normal(size=shape), tf.float32)
    x = tf.constant(random.normal(size=(*shape[:-2], 5, shape[-2])), tf.float32)
    pull = tf.constant(random.normal(size=(*shape[:-2], 5, shape[-1])), tf.float32)
    found = []
    for product in (lambda: Matrix(kernel)(x), lambda: tf.matmul(x, kernel)):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            value = product()
        found.append([value, *tape.gradient(value, [x, kernel], pull)])
    for ours, plain in zip(*found, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=PASS, atol=PASS)


def test_surplus_columns_stand_behind_the_others():
    matrix = Matrix(tf.ones([4, 512]))
    wide = matrix.wide(tf.ones([2, 4]))
    assert matrix.columns == 512
    assert wide.shape[-1] > 512
    assert not wide[:, 512:].numpy().any()


def test_a_product_over_nothing_is_zero_and_takes_a_bias():
    """A decoder without attention has a context of size 0; oneDNN aborts on it on some CPUs."""
    bias = tf.Variable(tf.range(12, dtype=tf.float32))
    add = tf.function(lambda x: tf.tanh(Matrix(tf.zeros([0, 12]))(x) + bias))
    np.testing.assert_array_equal(add(tf.zeros([5, 0])), tf.tanh(tf.ones([5, 1]) * bias))

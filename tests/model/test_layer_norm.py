"""Layer normalisation in half precision."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from rounding import rounding

from nmt.model.fast.operations import Linear
from nmt.model.layers import layer_norm

HALF = rounding(10, dtype="float16")


def of_a_product(values: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """The fast layers normalise products; a product with the unit matrix is what it was."""
    return Linear(tf.eye(values.shape[-1], dtype=values.dtype), gain=gain).over(values)


@pytest.mark.parametrize("norm", [layer_norm, of_a_product])
def test_half_precision_normalises_in_single(norm) -> None:
    """The square of 300 is more than float16 can hold."""
    values = np.array([[300.0, -300.0, 280.0, -120.0]])
    gain = np.ones([1, 4])

    def both(dtype: tf.DType) -> tuple[np.ndarray, np.ndarray]:
        x = tf.constant(values, dtype)
        with tf.GradientTape() as tape:
            tape.watch(x)
            normal = norm(x, tf.constant(gain, dtype))
            weighted = tf.reduce_sum(normal * tf.constant([[1.0, 2.0, 3.0, 5.0]], dtype))
        return normal.numpy(), 100 * tape.gradient(weighted, x).numpy()

    for half, single in zip(both(tf.float16), both(tf.float32), strict=True):
        np.testing.assert_allclose(half, single, rtol=HALF, atol=HALF)

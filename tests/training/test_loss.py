"""Label smoothing: the textbook's loss, its gradient, and what stays comparable."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from rounding import STEP

from nmt.training.loss import cross_entropy, objective, smoothed_cross_entropy
from nmt.vocabulary.base import PAD

RANDOM = np.random.default_rng(4)
LOGITS = tf.constant(3.0 * RANDOM.standard_normal([9, 11]), tf.float32)
WORDS = tf.constant(RANDOM.integers(0, 11, 9), tf.int32)
WEIGHTS = tf.constant(RANDOM.standard_normal(9), tf.float32)


@pytest.mark.parametrize("smoothing", [0.1, 0.6])
def test_smoothing_is_the_cross_entropy_against_a_softened_target(smoothing) -> None:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(LOGITS)
        actual, plain = smoothed_cross_entropy(LOGITS, WORDS, smoothing)
        target = (1 - smoothing) * tf.one_hot(WORDS, 11) + smoothing / 11
        expected = -tf.reduce_sum(target * tf.nn.log_softmax(LOGITS), -1)
        sums = [tf.reduce_sum(WEIGHTS * losses) for losses in (actual, expected)]
    np.testing.assert_allclose(actual, expected, rtol=STEP)
    one_hot = tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(WORDS, 11), LOGITS)
    np.testing.assert_allclose(plain, one_hot, rtol=STEP)
    slopes = [tape.gradient(total, LOGITS) for total in sums]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=STEP)


def test_what_is_reported_is_not_smoothed(tiny_model) -> None:
    model = tiny_model()
    features = tf.constant(RANDOM.standard_normal([3, 5, 16]), tf.float32)
    outputs = np.array([[4, 5, 3, PAD, PAD], [6, 3, PAD, PAD, PAD], [7, 8, 9, 4, 3]], np.int32)
    loss, tokens, _ = cross_entropy(model, features, outputs)
    for smoothing in (0.0, 0.1):
        minimised, reported, counted = objective(model, features, outputs, smoothing)
        assert float(reported) == pytest.approx(float(loss), rel=STEP)
        assert float(counted) == float(tokens) == 10
        assert (float(minimised) == float(reported)) == (smoothing == 0)

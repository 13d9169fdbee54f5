import numpy as np
import tensorflow as tf
from rounding import PASS

from nmt.model.output import NEG_INF, log_normaliser


def test_the_normaliser_is_that_of_the_softmax() -> None:
    logits = np.random.default_rng(1).standard_normal((9, 4000)).astype(np.float32) * 20
    logits[0] += 500
    logits[1, 7:] = NEG_INF
    expected = tf.reduce_logsumexp(logits.astype(np.float64), -1)
    np.testing.assert_allclose(log_normaliser(logits), expected, rtol=PASS, atol=PASS)

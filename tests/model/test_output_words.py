import numpy as np
import tensorflow as tf
from rounding import PASS

from nmt.model.decoder import log_probabilities
from nmt.search.runtime import NEG_INF


def test_probabilities_are_the_softmax_of_the_words_that_a_sentence_may_use() -> None:
    random = np.random.default_rng(1)
    readouts, kernel = (
        random.standard_normal(shape).astype(np.float32) for shape in ((6, 8), (8, 128))
    )
    bias = np.zeros((2, 128), np.float32)
    bias[0, 7:], bias[1, 5] = NEG_INF, 500
    logits = (readouts @ kernel).reshape(2, 3, 128) + bias[:, np.newaxis]
    expected = tf.nn.log_softmax(logits.astype(np.float64)).numpy().reshape(6, 128)
    result = log_probabilities(readouts, kernel, bias)
    np.testing.assert_allclose(result, expected, rtol=PASS, atol=PASS)

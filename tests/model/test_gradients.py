"""The recurrences' own gradients against TensorFlow's, step by step."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from nmt.model.decoder import AttentionDecoder
from nmt.model.encoder import Encoder

BATCH, SOURCE, TARGET = 3, 5, 4


def normal(random: np.random.Generator, *shape: int) -> tf.Tensor:
    return tf.constant(random.standard_normal(shape), tf.float32)


def assert_close(found, expected) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
        assert not one.shape.num_elements() or np.abs(one).max() > 1e-3


@pytest.mark.parametrize("attention_units", [6, None])
def test_the_decoder(attention_units) -> None:
    random = np.random.default_rng(3)
    decoder = AttentionDecoder(8, attention_units)
    decoder.build(5, 7)
    decoder.set_weights([random.standard_normal(w.shape) for w in decoder.get_weights()])
    embedded, state = normal(random, BATCH, TARGET, 5), normal(random, BATCH, 8)
    outputs = normal(random, BATCH, SOURCE, 7)
    mask = tf.sequence_mask([5, 2, 3], SOURCE, tf.float32)
    seen = decoder.attention is not None
    pulls = [normal(random, BATCH, TARGET, n) for n in (8, 7 * seen, SOURCE * seen)]

    def by_steps(embedded, state, memory):
        results = []
        for t in range(TARGET):
            projected = decoder.project(embedded[:, t])
            state, context, weights = decoder.step(projected, state, memory, decoder.kernels())
            results.append((state, context, weights[:, 0]))
        return [tf.stack(values, 1) for values in zip(*results, strict=True)]

    def run(forward):
        inputs = [embedded, state, *([outputs] if seen else [])]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = forward(embedded, state, decoder.remember(outputs, mask))
            # A pull on each result, the attention's weights too.
            total = tf.add_n([tf.reduce_sum(v * p) for v, p in zip(values, pulls, strict=True)])
        return values, tape.gradient(total, [*inputs, *decoder.trainable_variables])

    assert_close(run(decoder), run(by_steps))


def test_the_encoder_is_keras_bidirectional_gru() -> None:
    random = np.random.default_rng(4)
    encoder = Encoder(12, 5, 6)
    encoder.build()
    encoder.set_weights([random.standard_normal(w.shape) for w in encoder.get_weights()])
    ids = tf.constant([[4, 5, 6, 7, 3], [8, 3, 0, 0, 0], [9, 10, 11, 3, 0]])
    mask = (ids != 0).numpy().astype("float32")
    pulls = normal(random, BATCH, SOURCE, 12) * mask[..., None], normal(random, BATCH, 12)

    def run(on_gpu: bool):
        encoder.on_gpu = on_gpu
        with tf.GradientTape() as tape:
            outputs, final, real = encoder(ids)
            total = tf.reduce_sum(outputs * pulls[0]) + tf.reduce_sum(final * pulls[1])
        gradients = tape.gradient(total, encoder.trainable_variables)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return outputs * mask[..., None], final, real, gradients

    assert_close(run(on_gpu=False), run(on_gpu=True))

"""The recurrences' own gradients against TensorFlow's, step by step."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from rounding import GRADIENT

from nmt.model.decoder import AttentionDecoder
from nmt.model.dropout import dropped, state_noise
from nmt.model.embedding import ScaledEmbedding
from nmt.model.encoder import Encoder
from nmt.model.gru import gru, gru_step
from nmt.model.recurrence import decoder_step

BATCH, SOURCE, TARGET = 3, 5, 4


def normal(random: np.random.Generator, *shape: int) -> tf.Tensor:
    return tf.constant(random.standard_normal(shape), tf.float32)


def assert_close(found, expected) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=GRADIENT)
        assert not one.shape.num_elements() or np.abs(one).max() > 1e-3


@pytest.mark.parametrize("state_dropout", [0.0, 0.4])
@pytest.mark.parametrize("attention_units", [6, None])
def test_the_decoder(attention_units, state_dropout) -> None:
    random, seed = np.random.default_rng(3), tf.constant([1, 2])
    decoder = AttentionDecoder(8, attention_units, state_dropout)
    decoder.build(5, 7)
    decoder.set_weights([random.standard_normal(w.shape) for w in decoder.get_weights()])
    embedded, state = normal(random, BATCH, TARGET, 5), normal(random, BATCH, 8)
    outputs = normal(random, BATCH, SOURCE, 7)
    mask = tf.sequence_mask([5, 2, 3], SOURCE, tf.float32)
    seen = decoder.attention is not None
    pulls = [normal(random, BATCH, TARGET, n) for n in (8, 7 * seen, SOURCE * seen)]

    def by_steps(embedded, state, memory, seed):
        results, noise = [], state_noise(state, state_dropout, seed, 7)
        for t in range(TARGET):
            projected = decoder.project(embedded[:, t])
            step = decoder_step(projected, state, *memory, decoder.kernels().prepared(), noise)
            state = step.state
            results.append((state, step.context, step.weights[:, 0]))
        return [tf.stack(values, 1) for values in zip(*results, strict=True)]

    def run(forward):
        inputs = [embedded, state, *([outputs] if seen else [])]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = forward(embedded, state, decoder.remember(outputs, mask), seed)
            # A pull on each result, the attention's weights too.
            total = tf.add_n([tf.reduce_sum(v * p) for v, p in zip(values, pulls, strict=True)])
        return values, tape.gradient(total, [*inputs, *decoder.trainable_variables])

    assert_close(run(decoder), run(by_steps))


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_a_gru_over_padded_sentences(rate) -> None:
    random = np.random.default_rng(5)
    mask = tf.transpose(tf.sequence_mask([5, 2, 3], SOURCE, tf.float32))[..., tf.newaxis]
    inputs = [normal(random, *shape) for shape in ((SOURCE, BATCH, 18), (6, 18), (18,))]
    pulls = normal(random, SOURCE, BATCH, 6), normal(random, BATCH, 6)
    first = tf.zeros([BATCH, 6])
    noise = state_noise(first, rate, tf.constant([1, 2]), 1)

    def by_steps(projected, mask, kernel, bias, noise):
        state, states = first, []
        for t in range(SOURCE):
            recurrent = dropped(state, noise) @ kernel + bias
            after, _ = gru_step(projected[t], recurrent, state)
            state = tf.where(mask[t] > 0, after, state)
            states.append(state)
        return tf.stack(states), state

    def run(forward):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            projected, kernel, bias = inputs
            values = forward(projected, mask, kernel, bias, noise)
            total = tf.add_n([tf.reduce_sum(v * p) for v, p in zip(values, pulls, strict=True)])
        return values, tape.gradient(total, inputs)

    assert_close(run(gru), run(by_steps))


def test_the_encoder_is_keras_bidirectional_gru() -> None:
    random = np.random.default_rng(4)
    encoder = Encoder(ScaledEmbedding(12, 5), 6)
    encoder.build()
    encoder.set_weights([random.standard_normal(w.shape) for w in encoder.get_weights()])
    ids = tf.constant([[4, 5, 6, 7, 3], [8, 3, 0, 0, 0], [9, 10, 11, 3, 0]])
    mask = (ids != 0).numpy().astype("float32")
    pulls = normal(random, BATCH, SOURCE, 12) * mask[..., None], normal(random, BATCH, 12)

    def run(on_gpu: bool):
        encoder.gru.on_gpu = on_gpu
        with tf.GradientTape() as tape:
            outputs, final, real = encoder(ids)
            total = tf.reduce_sum(outputs * pulls[0]) + tf.reduce_sum(final * pulls[1])
        gradients = tape.gradient(total, encoder.trainable_variables)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return outputs * mask[..., None], final, real, gradients

    assert_close(run(on_gpu=False), run(on_gpu=True))

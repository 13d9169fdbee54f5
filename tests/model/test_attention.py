"""Bahdanau's attention against its equations, written out in NumPy."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from rounding import GRADIENT, STEP

from nmt.model.attention import BahdanauAttention

UNITS, QUERY, ENCODER, SOURCE = 6, 5, 7, 4


def plain(s, h, W_a, U_a, v_a, mask):
    """One decoder state s over the encoder outputs h of one sentence; the paper's equations.

    Returns:
        The context c and the weights α; positions with mask 0 take no part at all.
    """
    real = np.flatnonzero(mask)
    weights = np.zeros(len(h))
    if len(real):
        energy = np.array([v_a @ np.tanh(W_a.T @ s + U_a.T @ h[j]) for j in real])
        weights[real] = np.exp(energy - energy.max()) / np.exp(energy - energy.max()).sum()
    return weights @ h, weights


def plain_gradients(s, h, W_a, U_a, v_a, mask, g_context, g_weights):
    """Gradients of ``g_context · c + g_weights · α`` with respect to s, h, W_a, U_a, v_a."""
    _, weights = plain(s, h, W_a, U_a, v_a, mask)
    g_alpha = h @ g_context + g_weights
    g_energy = weights * (g_alpha - weights @ g_alpha)  # the softmax's Jacobian
    g_h = np.outer(weights, g_context)
    g_s, g_W, g_U, g_v = (np.zeros_like(x) for x in (s, W_a, U_a, v_a))
    for j in np.flatnonzero(mask):
        hidden = np.tanh(W_a.T @ s + U_a.T @ h[j])
        g_inner = g_energy[j] * v_a * (1 - hidden**2)
        g_v += g_energy[j] * hidden
        g_W += np.outer(s, g_inner)
        g_U += np.outer(h[j], g_inner)
        g_s += W_a @ g_inner
        g_h[j] += U_a @ g_inner
    return g_s, g_h, g_W, g_U, g_v


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def layer(random: np.random.Generator) -> BahdanauAttention:
    attention = BahdanauAttention(UNITS)
    attention.build(QUERY, ENCODER)
    attention.set_weights([random.standard_normal(w.shape) for w in attention.get_weights()])
    return attention


def weights_of(layer):
    W_a, U_a, v_a = (np.asarray(w, np.float64) for w in (layer.W_a, layer.U_a, layer.v_a))
    return W_a, U_a, v_a[:, 0]


def attend(layer, query, states, mask):
    states = tf.constant(states, tf.float32)
    query, mask = tf.constant(query, tf.float32), tf.constant(mask, tf.float32)
    return [x.numpy() for x in layer(query, states, layer.keys(states), mask)]


MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


def test_values_are_those_of_the_equations(layer, random) -> None:
    states, query = random.standard_normal((3, SOURCE, ENCODER)), random.standard_normal((3, QUERY))
    context, weights = attend(layer, query, states, MASK)
    for i in range(3):
        expected = plain(query[i], states[i], *weights_of(layer), MASK[i])
        np.testing.assert_allclose(context[i], expected[0], atol=STEP)
        np.testing.assert_allclose(weights[i, 0], expected[1], atol=STEP)


def test_gradients_are_those_of_the_equations(layer, random) -> None:
    states, query = random.standard_normal((3, SOURCE, ENCODER)), random.standard_normal((3, QUERY))
    g_context = random.standard_normal((3, ENCODER))
    g_weights = random.standard_normal((3, SOURCE))
    s, h = tf.Variable(query, dtype=tf.float32), tf.Variable(states, dtype=tf.float32)
    with tf.GradientTape() as tape:
        context, weights = layer(s, h, layer.keys(h), tf.constant(MASK, tf.float32))
        total = tf.reduce_sum(context * g_context) + tf.reduce_sum(weights[:, 0] * g_weights)
    variables = [s, h, *(w.value for w in (layer.W_a, layer.U_a, layer.v_a))]
    gradients = [g.numpy() for g in tape.gradient(total, variables)]
    by_hand = [
        plain_gradients(
            query[i], states[i], *weights_of(layer), MASK[i], g_context[i], g_weights[i]
        )
        for i in range(3)
    ]
    np.testing.assert_allclose(gradients[0], [g[0] for g in by_hand], atol=GRADIENT)
    np.testing.assert_allclose(gradients[1], [g[1] for g in by_hand], atol=GRADIENT)
    for k in (2, 3, 4):  # the weights' gradients add up over the sentences
        expected = np.sum([g[k] for g in by_hand], 0)
        np.testing.assert_allclose(gradients[k].reshape(expected.shape), expected, atol=GRADIENT)


def test_the_gradients_by_hand_agree_with_finite_differences(layer, random) -> None:
    s, h = random.standard_normal(QUERY), random.standard_normal((SOURCE, ENCODER))
    arguments = [s, h, *weights_of(layer)]
    directions = random.standard_normal(ENCODER), random.standard_normal(SOURCE)
    mask = MASK[1]

    def value(arguments):
        context, weights = plain(*arguments, mask)
        return directions[0] @ context + directions[1] @ weights

    gradients = plain_gradients(*arguments, mask, *directions)
    for k, gradient in enumerate(gradients):
        for place in np.ndindex(gradient.shape):
            step = np.zeros_like(gradient)
            step[place] = 1e-5
            up, down = (
                [*arguments[:k], arguments[k] + d, *arguments[k + 1 :]] for d in (step, -step)
            )
            assert (value(up) - value(down)) / 2e-5 == pytest.approx(gradient[place], abs=1e-7)


def test_padding_has_weight_zero_and_real_positions_sum_to_one(layer, random) -> None:
    states = 100 * random.standard_normal((3, SOURCE, ENCODER))  # whatever stands in the padding
    _, weights = attend(layer, random.standard_normal((3, QUERY)), states, MASK)
    assert (weights[:, 0][MASK == 0] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=STEP)


def test_a_row_of_padding_alone_gives_zeros(layer, random) -> None:
    states, query = random.standard_normal((2, SOURCE, ENCODER)), random.standard_normal((2, QUERY))
    context, weights = attend(layer, query, states, [[0] * SOURCE, [1] * SOURCE])
    assert (weights[0] == 0).all()
    assert (context[0] == 0).all()
    assert np.isfinite(context).all()
    assert np.isfinite(weights).all()


def test_several_beams_attend_as_each_alone(layer, random) -> None:
    states = random.standard_normal((3, SOURCE, ENCODER))
    query = random.standard_normal((3, 4, QUERY))  # 4 beams
    context, weights = attend(layer, query.reshape(12, QUERY), states, MASK)
    assert weights.shape == (3, 4, SOURCE)
    for beam in range(4):
        alone = attend(layer, query[:, beam], states, MASK)
        np.testing.assert_allclose(context.reshape(3, 4, ENCODER)[:, beam], alone[0], atol=STEP)
        np.testing.assert_allclose(weights[:, beam], alone[1][:, 0], atol=STEP)


def test_a_layer_is_rebuilt_from_its_config() -> None:
    assert BahdanauAttention.from_config(BahdanauAttention(9).get_config()).units == 9

"""The plain decoders and normalised GRUs against the equations of docs/explanation/model.md."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from models import TINY
from rounding import PASS

from nmt.model.decoder import AttentionDecoder
from nmt.model.encoder import BidirectionalGRU
from nmt.model.layers import dropout, state_noise
from nmt.model.stacked import StackedDecoder
from nmt.settings import DropoutRates, ModelSettings

BATCH, SOURCE, TARGET, WIDTH, ENCODER = 3, 5, 4, 5, 7
SEED = tf.constant([1, 2])


def normal(random: np.random.Generator, *shape: int) -> tf.Tensor:
    return tf.constant(random.standard_normal(shape), tf.float32)


def norm(values: tf.Tensor, gain) -> tf.Tensor:
    """Layer normalisation of three gates."""
    if gain is None:
        return values
    gates = tf.reshape(values, [*values.shape[:-1], 3, -1])
    mean, variance = tf.nn.moments(gates, -1, keepdims=True)
    return tf.reshape((gates - mean) / tf.sqrt(variance + 1e-5) * gain, values.shape)


def gru(entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
    z, r, n = tf.split(entering, 3, -1)
    z_state, r_state, n_state = tf.split(recurrent, 3, -1)
    z, r = tf.sigmoid(z + z_state), tf.sigmoid(r + r_state)
    return (1 - z) * tf.tanh(n + r * n_state) + z * state


def part(cell, name: str, x: tf.Tensor) -> tf.Tensor:
    """What a part of the input, or the state, gives to the gates, without bias."""
    return norm(x @ cell.kernels[name], cell.gains.get(name))


def by_equations(decoder, embedded, state, outputs, mask, seed=None):
    """All steps of docs/explanation/model.md."""
    rates, units = decoder.rates, decoder.units
    first, second, upper = decoder.first, decoder.second, decoder.upper
    attends, readout = decoder.attention is not None, decoder.readout
    cells = [first, *([second] if second else []), *upper]
    noise = [state_noise(state[:, :units], rates.state, seed, 7 + i) for i in range(len(cells))]
    noise = {cell: 1.0 if x is None else x for cell, x in zip(cells, noise, strict=True)}
    drops = tf.ones([BATCH, TARGET, readout.units if readout else 0])
    drops = dropout(drops, rates.readout, seed, 4)
    layers = [state[:, i * units : (i + 1) * units] for i in range(1 + len(upper))]
    fed = state[:, len(layers) * units :]
    results = []

    def recur(cell, entering, before):
        recurrent = part(cell, "state", before * noise[cell]) + cell.bias[1]
        return gru(entering + cell.bias[0], recurrent, before)

    for t in range(TARGET):
        y, s = embedded[:, t], layers[0]
        entering = part(first, "embedding", y)
        if readout:
            entering += part(first, "fed", fed)
        if second:
            s = recur(first, entering, s)
        c, weights = s[:, :0], tf.zeros([BATCH, 0])
        if attends:
            a = decoder.attention
            query = (s * noise[second or first]) @ a.W_a
            energy = tf.tanh(query[:, None] + outputs @ a.U_a) @ a.v_a
            weights = tf.nn.softmax(tf.where(mask > 0, energy[..., 0], -1e9))
            c = tf.reduce_sum(weights[..., None] * outputs, 1)
        if second:
            s = recur(second, part(second, "context", c) if attends else 0.0, s)
        else:
            s = recur(first, entering + (part(first, "context", c) if attends else 0.0), s)
        layers[0] = output = s
        for i, cell in enumerate(upper, 1):
            layers[i] = recur(cell, part(cell, "below", output), layers[i])
            output += layers[i]
        if readout:
            seen = tf.concat([output, c, y], -1) if readout.deep else output
            fed = tf.tanh(seen @ readout.kernel + readout.bias) * drops[:, t]
        results.append((tf.concat([*layers, fed], -1), c, weights))
    return [tf.stack(values, 1) for values in zip(*results, strict=True)]


def inputs(random: np.random.Generator, state_size: int):
    """Embeddings, first state, encoder states and mask."""
    shapes = (BATCH, TARGET, WIDTH), (BATCH, state_size), (BATCH, SOURCE, ENCODER)
    mask = tf.sequence_mask([5, 2, 3], SOURCE, tf.float32)
    return *(normal(random, *shape) for shape in shapes), mask


def assert_close(values, expected) -> None:
    for one, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=PASS)
        assert not one.shape.num_elements() or np.abs(one).max() > 1e-3


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("attention", ["bahdanau", "none"])
@pytest.mark.parametrize(
    "options",
    [
        {"decoder": "conditional"},
        {"layer_norm": True},
        {"input_feeding": True},
        {"input_feeding": True, "readout": "state"},
        {"decoder_layers": 3},
        {"decoder": "conditional", "layer_norm": True},
        {"decoder": "conditional", "layer_norm": True, "input_feeding": True, "decoder_layers": 2},
    ],
    ids=str,
)
def test_a_decoder_of_cells(options, attention, rate) -> None:
    random, seed = np.random.default_rng(3), SEED if rate else None
    settings = ModelSettings.model_validate({**TINY, **options, "attention": attention})
    decoder = StackedDecoder(settings, DropoutRates(state=rate, readout=rate))
    decoder.build(WIDTH, ENCODER)
    decoder.set_weights([0.5 * random.standard_normal(w.shape) for w in decoder.get_weights()])
    embedded, state, states, mask = inputs(random, decoder.state_size)
    values = decoder(embedded, state, decoder.prepare(states, mask), seed)
    assert_close(values, by_equations(decoder, embedded, state, states, mask, seed))


@pytest.mark.parametrize("attention", ["bahdanau", "none"])
def test_a_decoder_of_one_cell_is_the_attention_decoder(attention) -> None:
    random = np.random.default_rng(3)
    settings = ModelSettings.model_validate({**TINY, "attention": attention})
    stacked, plain = StackedDecoder(settings), AttentionDecoder(settings)
    for decoder in (stacked, plain):
        decoder.build(WIDTH, ENCODER)
    stacked.set_weights([random.standard_normal(w.shape) for w in stacked.get_weights()])
    cell = stacked.first
    plain.kernel.assign(cell.kernels["embedding"])
    plain.recurrent_kernel.assign(cell.kernels["state"])
    plain.bias.assign(cell.bias)
    if attention != "none":
        plain.context_kernel.assign(cell.kernels["context"])
        plain.attention.set_weights(stacked.attention.get_weights())
    embedded, state, states, mask = inputs(random, stacked.units)
    assert_close(
        *(d(embedded, state, d.prepare(states, mask)) for d in (stacked, plain)),
    )


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_a_normalised_gru_in_both_directions(rate) -> None:
    random, seed = np.random.default_rng(5), SEED if rate else None
    layer = BidirectionalGRU(6, layer_norm=True, state_dropout=rate)
    layer.build((None, None, WIDTH))
    layer.set_weights([0.5 * random.standard_normal(w.shape) for w in layer.get_weights()])
    lengths = [5, 2, 3]
    mask = tf.sequence_mask(lengths, SOURCE, tf.float32)
    first = tf.zeros([BATCH, 6])

    def direction(number: int, inputs: tf.Tensor):
        cell = layer.cell(number)
        noise = state_noise(first, rate, seed, layer.place + number) if rate else 1.0
        states, state = [None] * SOURCE, first
        for t in range(SOURCE) if number == 0 else reversed(range(SOURCE)):
            entering = norm(inputs[:, t] @ cell.kernel, layer.gain[number, 0]) + cell.bias[0]
            recurrent = norm((state * noise) @ cell.recurrent_kernel, layer.gain[number, 1])
            after = gru(entering, recurrent + cell.bias[1], state)
            state = tf.where(mask[:, t, None] > 0, after, state)
            states[t] = state
        return tf.stack(states, 1), state

    values = normal(random, BATCH, SOURCE, WIDTH)
    directions = zip(*(direction(number, values) for number in (0, 1)), strict=True)
    expected = [tf.concat(both, -1) for both in directions]
    assert_close(layer(values, mask, seed), expected)

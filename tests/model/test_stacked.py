"""The decoder put together from parts, and normalised GRUs, against their equations.

The equations are written out in plain TensorFlow, whose own gradients are those to find.
"""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from models import TINY
from rounding import GRADIENT, PASS

from nmt.model.bidirectional import BidirectionalGRU
from nmt.model.decoder import AttentionDecoder
from nmt.model.dropout import dropout, state_noise
from nmt.model.stacked import StackedDecoder
from nmt.settings import DropoutRates, ModelSettings

BATCH, SOURCE, TARGET, WIDTH, MEMORY = 3, 5, 4, 5, 7
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
    noise = {cell: x if x.shape[-1] else 1.0 for cell, x in zip(cells, noise, strict=True)}
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


def assert_same(forwards, inputs, pulls, variables) -> None:
    """Values and gradients of two functions of some inputs."""
    found = []
    for forward in forwards:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = forward(*inputs)
            total = tf.add_n([tf.reduce_sum(v * p) for v, p in zip(values, pulls, strict=True)])
        found.append([*values, *tape.gradient(total, [*inputs, *variables])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=GRADIENT, rtol=GRADIENT)
        assert not one.shape.num_elements() or np.abs(one).max() > 1e-3


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
def test_values_and_gradients_are_those_of_the_equations(options, attention) -> None:
    check(options, attention, 0.4, lambda function: function)


def test_compiled_and_without_dropout_they_are_the_same() -> None:
    check({"decoder": "conditional", "layer_norm": True}, "bahdanau", 0.0, tf.function)


def check(options, attention, rate, compiled) -> None:
    random, seed = np.random.default_rng(3), SEED if rate else None
    settings = ModelSettings.model_validate({**TINY, **options, "attention": attention})
    decoder = StackedDecoder(settings, DropoutRates(state=rate, readout=rate))
    decoder.build(WIDTH, MEMORY)
    decoder.set_weights([0.5 * random.standard_normal(w.shape) for w in decoder.get_weights()])
    seen = decoder.attention is not None
    mask = tf.sequence_mask([5, 2, 3], SOURCE, tf.float32)
    size = decoder.state_size
    inputs = [normal(random, BATCH, TARGET, WIDTH), normal(random, BATCH, size)]
    if seen:
        inputs.append(normal(random, BATCH, SOURCE, MEMORY))
    pulls = [normal(random, BATCH, TARGET, n) for n in (size, MEMORY * seen, SOURCE * seen)]

    def memory(outputs) -> tf.Tensor:
        return outputs[0] if outputs else tf.zeros([BATCH, SOURCE, MEMORY])

    def ours(embedded, state, *outputs):
        return decoder(embedded, state, decoder.remember(memory(outputs), mask), seed)

    def expected(embedded, state, *outputs):
        return by_equations(decoder, embedded, state, memory(outputs), mask, seed)

    assert_same([compiled(ours), expected], inputs, pulls, decoder.trainable_variables)


@pytest.mark.parametrize("attention", ["bahdanau", "none"])
def test_without_any_option_it_is_the_plain_decoder(attention) -> None:
    random = np.random.default_rng(3)
    settings = ModelSettings.model_validate({**TINY, "attention": attention})
    stacked = StackedDecoder(settings)
    seen = stacked.attention is not None
    plain = AttentionDecoder(stacked.units, settings.attention_units if seen else None)
    for decoder in (stacked, plain):
        decoder.build(WIDTH, MEMORY)
    stacked.set_weights([random.standard_normal(w.shape) for w in stacked.get_weights()])
    cell = stacked.first
    plain.kernel.assign(cell.kernels["embedding"])
    plain.recurrent_kernel.assign(cell.kernels["state"])
    plain.bias.assign(cell.bias)
    if seen:
        plain.context_kernel.assign(cell.kernels["context"])
        plain.attention.set_weights(stacked.attention.get_weights())
    embedded, state = normal(random, BATCH, TARGET, WIDTH), normal(random, BATCH, stacked.units)
    outputs = normal(random, BATCH, SOURCE, MEMORY)
    mask = tf.sequence_mask([5, 2, 3], SOURCE, tf.float32)
    for one, other in zip(
        *(d(embedded, state, d.remember(outputs, mask)) for d in (stacked, plain)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=PASS)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_a_normalised_gru_in_both_directions(rate) -> None:
    random, seed = np.random.default_rng(5), SEED if rate else None
    layer = BidirectionalGRU(6, normalised=True, state_dropout=rate)
    layer.build((None, None, WIDTH))
    layer.set_weights([0.5 * random.standard_normal(w.shape) for w in layer.get_weights()])
    lengths = [5, 2, 3]
    mask = tf.sequence_mask(lengths, SOURCE, tf.float32)
    first = tf.zeros([BATCH, 6])

    def direction(number: int, inputs: tf.Tensor):
        cell = (layer.forward_layer, layer.backward_layer)[number].cell
        noise = state_noise(first, rate, seed, layer.place + number) if rate else 1.0
        states, state = [None] * SOURCE, first
        for t in range(SOURCE) if number == 0 else reversed(range(SOURCE)):
            entering = norm(inputs[:, t] @ cell.kernel, layer.gain[number, 0]) + cell.bias[0]
            recurrent = norm((state * noise) @ cell.recurrent_kernel, layer.gain[number, 1])
            after = gru(entering, recurrent + cell.bias[1], state)
            state = tf.where(mask[:, t, None] > 0, after, state)
            states[t] = state
        return tf.stack(states, 1), state

    def expected(inputs):
        found = [direction(number, inputs) for number in (0, 1)]
        return [tf.concat(values, -1) for values in zip(*found, strict=True)]

    def ours(inputs):
        return layer.read(inputs, mask, seed)

    pulls = [normal(random, BATCH, SOURCE, 12), normal(random, BATCH, 12)]
    inputs = [normal(random, BATCH, SOURCE, WIDTH)]
    assert_same([ours, expected], inputs, pulls, layer.trainable_variables)

"""The fast layers against the plain ones: the same values and the same gradients.

The plain layers' gradients are TensorFlow's own.
"""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rounding import GRADIENT, PASS

from nmt.model import fast
from nmt.model.encoder import Encoder
from nmt.model.layers import ScaledEmbedding
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import DropoutRates, ModelSettings

SIZES = {
    **{"embedding_dim": 6, "encoder_units": 4, "decoder_units": 8, "attention_units": 5},
    **{"readout_units": 6, "readout_activation": "tanh"},
}
SOURCE = np.array([[4, 5, 3], [6, 3, 0]], np.int32)
TARGET = np.array([[2, 5, 6], [2, 7, 0]], np.int32)
SEED = tf.constant([1, 2])

# What stands in both decoders and encoders is crossed in full. Bridge and output projection are the
# same code for both, so their combinations take turns.
RECURRENCES = {
    "decoder": ("gru", "conditional"),
    "layer_norm": (False, True),
    "input_feeding": (False, True),
    "decoder_layers": (1, 2),
    "readout": ("deep", "state"),
    "attention": ("bahdanau", "none"),
}
OUTSIDE = {"bridge": ("concat", "dense", "mean"), "tie_embeddings": (False, True, "three-way")}


def combinations(choices: dict) -> list[dict]:
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def architectures() -> list[dict]:
    turns = cycle(combinations(OUTSIDE))
    return [{**recurrence, **next(turns)} for recurrence in combinations(RECURRENCES)]


def make(options: dict, optimized: bool, rate: float = 0.2) -> Seq2Seq:
    layers = {"encoder_layers": options["decoder_layers"]}
    settings = ModelSettings.model_validate({**SIZES, **layers, **options})
    model = Seq2Seq(settings, 9, 9, DropoutRates(*[rate] * 5), optimized=optimized)
    random = np.random.default_rng(3)
    model.set_weights([0.5 * random.standard_normal(w.shape) for w in model.get_weights()])
    return model


def train(model: Seq2Seq, seed: tf.Tensor | None) -> list[tf.Tensor]:
    """Logits and attention of a batch, and the gradients of a loss that sees both."""
    random = np.random.default_rng(5)
    cotangents = [random.standard_normal(shape) for shape in ((6, 9), (2, 3, 3 * model.attends))]
    with tf.GradientTape() as tape:
        readouts, weights = model(SOURCE, TARGET, seed)
        logits = model.logits(tf.reshape(readouts, [-1, readouts.shape[-1]]))
        values = logits, weights
        total = tf.add_n([tf.reduce_sum(x * y) for x, y in zip(values, cotangents, strict=True)])
    gradients = tape.gradient(total, model.trainable_variables)
    return [*values, *map(tf.convert_to_tensor, gradients)]


def decode(model: Seq2Seq) -> list[tf.Tensor]:
    """Logits, states and attention of three steps with two beams."""
    sentences, state = model.begin(SOURCE)
    state, results = tf.repeat(state, 2, 0), []
    for t in range(3):
        words = tf.concat([TARGET[:, t], TARGET[::-1, t]], 0)
        readouts, state, weights = model.search_step(words, state, sentences)
        results += [model.logits(readouts), state, weights]
    return results


def assert_equal(ours: list[tf.Tensor], plain: list[tf.Tensor], tolerance: float) -> None:
    for one, other in zip(ours, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=tolerance)
        assert not one.shape.num_elements() or np.abs(one).max() > 1e-3


def most_are_slow() -> Iterator[Any]:
    """The others are a quarter fraction: they have every combination of any three choices."""
    for options, places in zip(
        architectures(), product((0, 1), repeat=len(RECURRENCES)), strict=True
    ):
        marks = pytest.mark.slow if sum(places[:4]) % 2 or sum(places[2:]) % 2 else ()
        yield pytest.param(options, marks=marks, id="-".join(map(str, options.values())))


@pytest.mark.parametrize("options", most_are_slow())
def test_values_and_gradients_are_those_of_the_plain_layers(options) -> None:
    ours, plain = make(options, optimized=True), make(options, optimized=False)
    assert [w.path for w in ours.weights] == [w.path for w in plain.weights]
    assert_equal(train(ours, SEED), train(plain, SEED), GRADIENT)
    assert_equal(decode(ours), decode(plain), PASS)


@pytest.mark.parametrize("decoder", ["gru", "conditional"])
@pytest.mark.system
def test_without_dropout_and_compiled_they_are_the_same(decoder) -> None:
    options = {"decoder": decoder, "decoder_layers": 1, "layer_norm": decoder != "gru"}
    ours, plain = (make(options, optimized) for optimized in (True, False))
    assert_equal(tf.function(train)(ours, None), train(plain, None), GRADIENT)
    assert_equal(train(ours, None), tf.function(train)(plain, None), GRADIENT)


def test_a_model_is_fast_by_default(tiny_model) -> None:
    model = tiny_model()
    assert isinstance(model.decoder, fast.AttentionDecoder)
    assert isinstance(model.encoder.gru, fast.BidirectionalGRU)
    assert isinstance(tiny_model(layer_norm=True).decoder, fast.StackedDecoder)


def test_the_encoder_is_keras_bidirectional_gru() -> None:
    random = np.random.default_rng(4)
    settings = ModelSettings(encoder_units=6)
    encoder = Encoder(ScaledEmbedding(12, 5), settings, bidirectional=fast.BidirectionalGRU)
    encoder.build()
    encoder.set_weights([random.standard_normal(w.shape) for w in encoder.get_weights()])
    ids = tf.constant([[4, 5, 6, 7, 3], [8, 3, 0, 0, 0], [9, 10, 11, 3, 0]])
    mask = (ids != 0).numpy().astype("float32")
    cotangents = random.standard_normal((3, 5, 12)) * mask[..., None], random.standard_normal(12)

    def run(on_gpu: bool) -> list[tf.Tensor]:
        encoder.gru.on_gpu = on_gpu  # there Keras computes it
        with tf.GradientTape() as tape:
            states, final, real = encoder(ids)
            total = tf.reduce_sum(states * cotangents[0]) + tf.reduce_sum(final * cotangents[1])
        gradients = tape.gradient(total, encoder.trainable_variables)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return [states * mask[..., None], final, real, *gradients]

    assert_equal(run(on_gpu=False), run(on_gpu=True), GRADIENT)

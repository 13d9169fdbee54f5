"""What must hold of the whole model whatever its weights are."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf
from models import TINY, teacher_forced
from rounding import PASS

from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.model import fast
from nmt.model.decoder import Readout
from nmt.model.encoder import Encoder
from nmt.model.layers import ScaledEmbedding, dropout, state_noise
from nmt.model.seq2seq import Seq2Seq
from nmt.presets import PRESETS
from nmt.settings import DropoutRates, ModelSettings
from nmt.tensors import assign, serialise
from nmt.vocabulary.base import BOS, EOS, PAD

VARIANTS = [
    {"attention": attention, "readout": readout}
    for attention, readout in product(("bahdanau", "none"), ("deep", "state"))
] + [
    {"tie_embeddings": True},
    {"tie_embeddings": "three-way", "source": 30, "target": 30},
    {"bridge": "concat", "decoder_units": 24},
    {"bridge": "mean"},
]
OPTIONS = [
    {"decoder": "conditional"},
    {"layer_norm": True},
    {"input_feeding": True, "readout": "state"},
    {"encoder_layers": 2, "decoder_layers": 3},
    {"bridge": "concat", "decoder_units": 24, "decoder_layers": 2},
]
ALL = {
    "decoder": "conditional",
    "layer_norm": True,
    "input_feeding": True,
    "encoder_layers": 2,
    "decoder_layers": 2,
}
VARIANTS += [*OPTIONS, ALL, {**ALL, "attention": "none"}]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def settings(request: pytest.FixtureRequest) -> dict:
    return request.param


@pytest.fixture(scope="module")
def model(tiny_model, settings) -> Seq2Seq:
    """A model of each variant, which no test changes."""
    return tiny_model(**settings)


def batch(random: np.random.Generator, rows: int = 4, source: int = 5, target: int = 4):
    """Random ids with EOS and BOS, rows of different lengths."""
    sources, targets = np.full((rows, source), PAD), np.full((rows, target), PAD)
    targets[:, 0] = BOS
    for i in range(rows):
        n, m = random.integers(1, source), random.integers(1, target)
        sources[i, : n + 1] = [*random.integers(4, 30, n), EOS]
        targets[i, 1 : m + 1] = random.integers(4, 25, m)
    return sources.astype(np.int32), targets.astype(np.int32)


def test_the_decoders_step_is_keras_gru_on_embedding_and_context() -> None:
    random = np.random.default_rng(3)
    settings = ModelSettings.model_validate({**TINY, "decoder_units": 8, "readout_units": 5})
    decoder, readout = fast.AttentionDecoder(settings), Readout(settings)
    decoder.build(5, 7)
    readout.build(8, 7, 5)
    decoder.set_weights([random.standard_normal(w.shape) for w in decoder.get_weights()])
    cell = keras.layers.GRUCell(8, reset_after=True)
    cell.build((None, 5 + 7))
    kernel = np.concatenate([decoder.kernel, decoder.context_kernel])
    cell.set_weights([kernel, np.asarray(decoder.recurrent_kernel), np.asarray(decoder.bias)])
    embedded, state, outputs = (
        tf.constant(random.standard_normal(shape), tf.float32)
        for shape in ((3, 5), (3, 8), (3, 4, 7))
    )
    encoder_states = decoder.prepare(outputs, tf.ones([3, 4]))
    encoder_states = decoder.precompute(encoder_states, readout)
    features, after, weights = decoder.search_step(embedded, state, encoder_states, readout)
    context = tf.einsum("bs,bsd->bd", weights[:, 0], outputs)
    expected, _ = cell(tf.concat([embedded, context], -1), [state])
    np.testing.assert_allclose(after, expected, atol=PASS)
    expected = tf.tanh(tf.concat([after, context, embedded], -1) @ readout.kernel + readout.bias)
    np.testing.assert_allclose(features, expected, atol=PASS)


def test_nothing_depends_on_padding_or_neighbours(model) -> None:
    random = np.random.default_rng(5)
    source, target = batch(random)
    logits, weights = (x.numpy() for x in teacher_forced(model, source, target))
    wider = np.pad(source, [(0, 0), (0, 3)]), np.pad(target, [(0, 0), (0, 2)])
    others = batch(random, rows=3, source=8, target=6)
    more = [np.concatenate([x, y]) for x, y in zip(wider, others, strict=True)]
    real = target != PAD  # what stands in padded target positions is nobody's business
    for sources, targets in ((wider[0], target), (source, wider[1]), more):
        values, attention = (x.numpy()[:4] for x in teacher_forced(model, sources, targets))
        np.testing.assert_allclose(values[:, :4][real], logits[real], atol=PASS)
        if weights.shape[-1]:
            np.testing.assert_allclose(attention[:, :4, :5][real], weights[real], atol=PASS)
            assert (attention[:, :, 5:] == 0).all()
    state = model.encode(source)[1]
    np.testing.assert_allclose(model.encode(wider[0])[1], state, atol=PASS)
    outputs = model.encode(wider[0])[0].states.numpy()[:, :5]
    np.testing.assert_allclose(
        outputs[source != PAD], model.encode(source)[0].states.numpy()[source != PAD], atol=PASS
    )


def test_step_by_step_is_teacher_forcing(model) -> None:
    source, target = batch(np.random.default_rng(6))
    logits, weights = teacher_forced(model, source, target)
    sentences, state = model.begin(source)
    for t in range(target.shape[1]):
        words = tf.constant(target[:, t])
        readouts, state, attention = model.search_step(words, state, sentences)
        np.testing.assert_allclose(model.logits(readouts), logits[:, t], atol=PASS)
        np.testing.assert_allclose(attention[:, 0], weights[:, t], atol=PASS)


def test_the_weights_are_all_of_a_model(tiny_model, settings, model) -> None:
    other = tiny_model(seed=2, **settings)
    assign(serialise(model.weights), other.weights, "a file", "")
    inputs = batch(np.random.default_rng(6), rows=2)
    for value, expected in zip(other(*inputs), model(*inputs), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_a_prediction_sees_no_later_target_word(tiny_model) -> None:
    model = tiny_model()
    source, target = batch(np.random.default_rng(8), target=6)
    logits, _ = teacher_forced(model, source, target)
    changed = target.copy()
    changed[:, 4:] = 9
    np.testing.assert_allclose(
        teacher_forced(model, source, changed)[0][:, :4], logits[:, :4], atol=PASS
    )
    changed[:, 3] = np.where(target[:, 3] == 8, 9, 8)
    assert np.abs(teacher_forced(model, source, changed)[0][:, 3] - logits[:, 3]).max() > 1e-3


def test_attention_looks_at_every_source_word(tiny_model) -> None:
    model = tiny_model()
    source, target = batch(np.random.default_rng(9))
    _, weights = teacher_forced(model, source, target)
    weights = weights.numpy()
    assert (weights[np.broadcast_to((source == PAD)[:, None], weights.shape)] == 0).all()
    assert (weights[np.broadcast_to((source != PAD)[:, None], weights.shape)] > 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, atol=PASS)


def shapes(model) -> dict[str, tuple[int, ...]]:
    return {weight.path.removeprefix("seq2seq/"): tuple(weight.shape) for weight in model.weights}


def test_without_attention_everything_else_is_shared(tiny_model) -> None:
    for readout, bridge in product(("deep", "state"), ("dense",)):
        attends = shapes(tiny_model(readout=readout, bridge=bridge))
        plain = shapes(tiny_model(readout=readout, bridge=bridge, attention="none"))
        only = set(attends) - set(plain)
        assert all("attention" in name or "context" in name for name in only)
        assert len(only) == 4
        assert set(plain) <= set(attends)
        different = {name for name in plain if plain[name] != attends[name]}
        assert different <= ({"readout/kernel"} if readout == "deep" else set())


def test_without_attention_only_the_first_state_tells_of_the_source(tiny_model) -> None:
    model = tiny_model(attention="none")
    source, _ = batch(np.random.default_rng(2))
    sentences, state = model.begin(source)
    words = tf.constant([5, 6, 7, 8])
    readouts, *_ = model.search_step(words, state, sentences)
    others = sentences._replace(states=sentences.states * 3)
    np.testing.assert_array_equal(model.search_step(words, state, others)[0], readouts)
    assert np.abs(model.search_step(words, state[::-1], sentences)[0] - readouts).max() > 1e-3


def test_the_preset_book_has_the_books_sizes() -> None:
    source, target = 2200, 2480
    sizes = shapes(Seq2Seq(resolve(preset="book").model, source, target))
    assert sorted(sizes.values()) == sorted(
        [
            (source, 128),
            *[(128, 3 * 128), (128, 3 * 128), (2, 3 * 128)] * 2,  # a GRU a direction
            (target, 128),
            *[(128, 3 * 256), (256, 3 * 256), (256, 3 * 256), (2, 3 * 256)],  # fed with context too
            *[(256, 512), (256, 512), (512, 1)],  # W_a, U_a, v_a
            *[(256, 512), (512,)],  # dense
            *[(512, target), (target,)],
        ]
    )
    assert sizes["decoder/attention/W_a"] == sizes["decoder/attention/U_a"] == (256, 512)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_can_be_built_and_are_finite(preset) -> None:
    model = Seq2Seq(resolve(preset=preset).model, 50, 40)
    source, target = batch(np.random.default_rng(1))
    logits, weights = teacher_forced(model, source, target)
    assert logits.shape == (4, 4, 40)
    assert weights.shape == (4, 4, 5)
    assert np.isfinite(logits).all()
    # An untrained model finds all words about equally likely.
    assert np.abs(logits).max() < 5


def test_tied_embeddings_are_one_matrix(tiny_model) -> None:
    model = tiny_model(tie_embeddings=True)
    features = np.random.default_rng(1).standard_normal((3, 16)).astype(np.float32)
    matrix = np.asarray(model.embedding.embeddings)
    expected = features @ matrix.T + np.asarray(model.output_bias)
    np.testing.assert_allclose(model.logits(tf.constant(features)), expected, atol=PASS)
    untied = tiny_model()
    assert untied.count_params() - model.count_params() == 16 * 25
    assert matrix.shape == (25, 16)


def test_three_way_tying_is_one_matrix_in_three_places(tiny_model) -> None:
    two, three = (
        tiny_model(30, 30, tie_embeddings=value, attention="none") for value in (True, "three-way")
    )
    assert two.count_params() - three.count_params() == 16 * 30
    assert three.encoder.embedding is three.embedding
    source, target = batch(np.random.default_rng(6))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(teacher_forced(three, source, target)[0][:, 0] ** 2)
    gradient = tf.convert_to_tensor(tape.gradient(total, three.embedding.embeddings.value))
    assert (np.abs(gradient).max(-1) > 0).all()  # every row as a word of the output
    again = tiny_model(30, 30, seed=2, tie_embeddings="three-way", attention="none")
    assign(serialise(three.weights), again.weights, "a file", "")
    np.testing.assert_array_equal(
        teacher_forced(again, source, target)[0], teacher_forced(three, source, target)[0]
    )


def test_the_mean_bridge_sees_the_mean_of_the_real_outputs(tiny_model) -> None:
    model = tiny_model(bridge="mean")
    source, _ = batch(np.random.default_rng(6))
    encoder_states, state = model.encode(source)
    for i, length in enumerate((source != PAD).sum(1)):
        mean = encoder_states.states.numpy()[i, :length].mean(0)
        np.testing.assert_allclose(model.bridge(mean[np.newaxis])[0], state[i], atol=PASS)


@pytest.mark.parametrize(
    "settings",
    [
        {"bridge": "concat", "decoder_units": 20},
        {"tie_embeddings": True, "readout_units": 17},
        {"tie_embeddings": "three-way", "source": 30, "target": 25},
    ],
)
def test_sizes_that_do_not_fit_are_refused(tiny_model, settings) -> None:
    with pytest.raises(UnusableInput, match=r"needs (model\.|one vocabulary)") as caught:
        tiny_model(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "settings"),
    [
        *product(DropoutRates._fields, [{}]),
        *(pytest.param(place, ALL, marks=pytest.mark.slow) for place in ("encoder", "readout")),
        ("state", ALL),
    ],
    ids=str,
)
def test_dropout_is_a_pure_function_of_the_seed(tiny_model, place, settings) -> None:
    model = tiny_model(rates=DropoutRates(**{place: 0.5}), **settings)
    source, target = batch(np.random.default_rng(4))

    def logits(*seed: int) -> np.ndarray:
        return teacher_forced(model, source, target, tf.constant(seed) if seed else None)[0].numpy()

    dropped, without = logits(1, 2), logits()
    np.testing.assert_array_equal(dropped, logits(1, 2))
    for other in ((1, 3), (2, 2)):
        assert np.abs(dropped - logits(*other)).max() > 1e-2
    np.testing.assert_array_equal(without, logits())
    np.testing.assert_allclose(
        without, teacher_forced(tiny_model(**settings), source, target)[0], atol=PASS
    )


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    values, seed = tf.ones([200, 500]), tf.constant([3, 4])
    dropped = dropout(values, 0.3, seed, 1).numpy()
    assert (dropped == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)
    assert not np.array_equal(dropped, dropout(values, 0.3, seed, 2))  # another place
    assert dropout(values, 0.3, None, 1) is values
    assert dropout(values, 0.0, seed, 1) is values


def test_dropout_of_the_state_is_the_same_at_every_step() -> None:
    """Then it is as good as multiplying the rows of the recurrent kernel with the noise."""
    settings = ModelSettings(encoder_units=6)
    encoder = Encoder(ScaledEmbedding(12, 5), settings, DropoutRates(state=0.4))
    encoder.build()
    random, seed = np.random.default_rng(4), tf.constant([1, 2])
    encoder.set_weights([random.standard_normal(w.shape) for w in encoder.get_weights()])
    ids = tf.constant([[4, 5, 6, 7, 8, 9, 3]])
    states, final, _ = encoder(ids, seed=seed)
    for cell, place in ((encoder.gru.cell(0), 5), (encoder.gru.cell(1), 6)):
        noise = state_noise(tf.zeros([1, 6]), 0.4, seed, place).numpy()[0]
        assert set(np.unique(noise)) <= {np.float32(0), np.float32(1 / 0.6)}
        cell.recurrent_kernel.assign(cell.recurrent_kernel * noise[:, np.newaxis])
    np.testing.assert_allclose(encoder(ids)[0], states, atol=PASS)
    np.testing.assert_allclose(encoder(ids)[1], final, atol=PASS)


def test_every_weight_takes_part_in_training(model) -> None:
    source, target = batch(np.random.default_rng(4), rows=8)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(teacher_forced(model, source, target)[0] ** 2)
    gradients = tape.gradient(total, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path


def test_the_defaults_are_the_books() -> None:
    assert resolve(preset="book").model == ModelSettings()

"""A training that begins with a model: what is taken over, what stays, what is pulled back."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from rounding import STEP
from safetensors.numpy import load, save
from trainings import SIZES, assert_same, training

from nmt import bundle
from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.records.model import ModelInfo
from nmt.settings import ModelSettings, TrainingSettings
from nmt.storage.location import Location
from nmt.training import checkpoint
from nmt.training.checkpoint import CheckpointStore
from nmt.training.initial_weights import take_over, take_over_moments
from nmt.training.optimizer import SummedAdam, trained_variables
from nmt.vocabulary import SPECIALS, UNK
from nmt.vocabulary.extension import extend_subwords
from nmt.vocabulary.words import WordVocabulary


def words(*entries: str) -> WordVocabulary:
    return WordVocabulary(("\n".join([*SPECIALS, *entries]) + "\n").encode())


TIED = {"tie_embeddings": True, "embedding_dim": 16, "readout_units": 16}


@pytest.mark.parametrize("settings", [{}, TIED, {**TIED, "tie_embeddings": "three-way"}])
def test_entries_are_matched_by_what_they_write(settings, tiny_model) -> None:
    old = words("dog", "cat", "owl")
    new = words("owl", "ant", "dog", "bee")
    trained = tiny_model(old.size, old.size, seed=3, **settings)
    model = Seq2Seq(trained.settings, new.size, new.size)
    take_over(model, Bundle(trained, old, old, ModelInfo()), (new, new))
    rows = [0, 1, 2, 3, 6, UNK, 4, UNK]
    theirs = {weight.path: weight.numpy() for weight in trained.weights}
    for weight in model.weights:
        value = theirs[weight.path]
        if weight.path.endswith(("embeddings", "output_bias")):
            value = value[rows]
        elif weight.path.endswith("output_kernel"):
            value = value[:, rows]
        np.testing.assert_array_equal(weight, value, err_msg=weight.path)


def test_a_new_subword_begins_with_the_mean_of_its_parts(demo_dataset, tiny_model) -> None:
    old = demo_dataset.source_vocabulary
    new = extend_subwords(old, ["kingfishers dive"] * 9, 8)
    trained = tiny_model(old.size, old.size, seed=3)
    model = Seq2Seq(trained.settings, new.size, new.size)
    take_over(model, Bundle(trained, old, old, ModelInfo()), (new, new))
    before = trained.embedding.embeddings.numpy()
    after = model.embedding.embeddings.numpy()
    np.testing.assert_array_equal(after[: old.size], before)
    assert new.size > old.size + 2
    for entry, row in zip(new.entries[old.size :], after[old.size :], strict=True):
        (parts,) = old.parts([entry])
        np.testing.assert_allclose(row, before[parts].mean(0), atol=STEP)
    kernel = model.output_kernel.numpy()[:, : old.size]
    np.testing.assert_array_equal(kernel, trained.output_kernel.numpy())


PARTS: dict[str, tuple[str, ...]] = {
    "embeddings": ("embedding/", "target_embedding/"),
    "encoder": ("encoder/", "bridge/"),
    "attention": ("decoder/attention/",),
    "decoder": ("decoder/",),
    "readout": ("readout/", "decoder/readout/"),
    "output": ("seq2seq/output_",),
}


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_frozen(part: Any, feeding: bool, tiny_model) -> None:
    model = tiny_model(input_feeding=feeding)
    paths = {variable.path for variable in model.trainable_variables}
    kept = {variable.path for variable in trained_variables(model, [part])}
    frozen = {path for path in paths if path.startswith(PARTS[part])}
    if part == "decoder":
        frozen = {path for path in frozen if not path.startswith("decoder/readout/")}
    assert frozen
    assert kept == paths - frozen


def test_no_weight_left_is_refused(tiny_model) -> None:
    model = tiny_model()
    assert len(trained_variables(model, [])) == len(model.trainable_variables)
    with pytest.raises(UnusableInput, match="no weight is left to train"):
        trained_variables(model, ["embeddings", "encoder", "decoder", "readout", "output"])


@pytest.mark.system
def test_frozen_weights_stay_and_others_move(dataset, tmp_path) -> None:
    """With everything that could move them: decay, the average, the pull to the beginning."""
    settings: dict[str, Any] = {"epochs": 1, "freeze": ["embeddings", "encoder"], "l2_sp": 0.1}
    work = training(dataset, tmp_path, weight_decay=0.1, ema_decay=0.9, **settings)
    before = {weight.path: weight.numpy() for weight in work.model.weights}
    work.run()
    for model in (work.model, work.selection.evaluation_model):
        for weight in model.weights:
            frozen = weight.path.startswith(("embedding/", "target_embedding/", "encoder/"))
            assert np.array_equal(weight.numpy(), before[weight.path]) == frozen, weight.path


def test_weights_are_pulled_to_where_they_began() -> None:
    variable = tf.keras.Variable([1.0, -2.0], name="w")
    training = TrainingSettings(learning_rate=0.1, l2_sp=0.5)
    optimizer = SummedAdam.of(training)
    optimizer.build([variable])
    variable.assign([3.0, -2.0])
    optimizer.apply_gradients([(tf.zeros(2), variable)])
    np.testing.assert_allclose(variable.numpy(), [3.0 - 0.1 * 0.5 * 2.0, -2.0], atol=STEP)


@pytest.mark.system
def test_a_training_goes_on_with_the_optimizer(dataset, tmp_path) -> None:
    first = training(dataset, tmp_path / "first", epochs=1)
    first.run()
    step = first.state.step
    CheckpointStore(first.output, 2).keep(
        step, lambda folder: checkpoint.save(folder, first.model, first.optimizer, first.state)
    )
    begin = {"init_from": first.output / "model", "init_optimizer": first.output}
    again = training(dataset, tmp_path / "again", **begin)
    assert int(again.optimizer.iterations) == step > 5
    moments = [moment.numpy() for moment, _ in again.optimizer.moments]
    assert_same(moments, [moment.numpy() for moment, _ in first.optimizer.moments])
    assert all(values.any() for values in moments)
    model = bundle.load(begin["init_from"])
    vocabularies = (dataset.source_vocabulary, dataset.target_vocabulary)
    values = load(checkpoint.newest_state(first.output))
    velocity = "adam/readout_kernel_velocity"
    for name, odd, problem in (
        ("adam/readout_kernel_momentum", np.zeros((2, 3), np.float32), "and not .* as here"),
        ("adam/readout_kernel_momentum", values[velocity] > 0, "and not .* as here"),
        (velocity, -values[velocity], "is negative"),
        ("adam/iteration", np.int64(-1), "no training makes -1 updates"),
        ("adam/iteration", np.int64(2**40), "no training makes 1099511627776 updates"),
        ("adam/iteration", np.float64(3.7), "and not .* as here"),
    ):
        state = save({**values, name: np.array(odd)})
        with pytest.raises(UnusableInput, match=f"{problem}; give the RUN in which MODEL"):
            take_over_moments(again.optimizer, state, model, vocabularies, Location("other"))
    with pytest.raises(UnusableInput, match="has no checkpoint; give the RUN"):
        training(dataset, tmp_path / "none", **{**begin, "init_optimizer": Location(tmp_path)})


@pytest.mark.system
def test_a_training_begins_with_the_model(dataset, tmp_path) -> None:
    first = training(dataset, tmp_path / "first", epochs=1)
    first.run()
    model = first.output / "model"
    again = training(dataset, tmp_path / "again", init_from=model)
    assert_same(again.model.get_weights(), first.model.get_weights())
    assert ModelSettings.model_validate(SIZES) == again.model.settings

"""Several batches an update, half precision, and overflows on one replica or more."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import os
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from models import TINY, bfloat16
from processes import answer_of
from rounding import GRADIENT, PASS, UPDATES, rounding
from trainings import assert_same, scripted, training

from nmt.model.seq2seq import Seq2Seq
from nmt.settings import ModelSettings, TrainingSettings
from nmt.shards.batches import Batch
from nmt.training import accumulation as module
from nmt.training.accumulation import FIRST_LOSS_SCALE, LossScale
from nmt.training.optimizer import SummedAdam
from nmt.training.step import ControlFlags, dtype_policy, make_train_step
from nmt.training.strategy import Replicas
from nmt.vocabulary.base import BOS, EOS

STACKED = {"decoder": "conditional", "input_feeding": True, "layer_norm": True}
STACKED |= {"encoder_layers": 2, "decoder_layers": 2}
SYSTEM = pytest.mark.system


def batch(rows: int, seed: int) -> Batch:
    """Sentences of several lengths, padded to 8 columns."""
    random, arrays = np.random.default_rng(seed), np.zeros((3, rows, 8), np.int32)
    for row in range(rows):
        source, target = (random.integers(4, 25, random.integers(1, 8)) for _ in range(2))
        arrays[0, row, : len(source) + 1] = [*source, EOS]
        arrays[1, row, : len(target) + 1] = [BOS, *target]
        arrays[2, row, : len(target) + 1] = [*target, EOS]
    return Batch(*arrays)


class Work:
    """A small model and its step."""

    def __init__(
        self,
        precision: str = "float32",
        accumulate: int = 1,
        clip: float = 0.5,
        **architecture: Any,
    ) -> None:
        keras.utils.set_random_seed(3)
        settings = ModelSettings.model_validate({**TINY, **architecture})
        self.model = Seq2Seq(settings, 30, 25, dtype=dtype_policy(precision))
        self.optimizer = SummedAdam.of(TrainingSettings(learning_rate=0.01, ema_decay=0.9))
        self.optimizer.build(self.model.trainable_variables)
        self.step = make_train_step(
            self.model, self.optimizer, Replicas(), clip, accumulate=accumulate
        )
        if precision == "float16":
            self.step.loss_scale.assign(64.0)

    def state(self) -> list[np.ndarray]:
        return [np.asarray(v) for v in (*self.model.variables, *self.optimizer.variables)]


@pytest.mark.system
def test_batches_of_one_update_are_one_batch() -> None:
    """Of unlike numbers of tokens, and fewer at the end of an epoch than before."""
    one, several = Work(), Work(accumulate=3)
    for parts in ([batch(4, 1), batch(1, 2), batch(3, 3)], [batch(2, 4), batch(5, 5)]):
        whole = Batch(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        actual, expected = (
            several.step(parts, (1, 0), ControlFlags(checkpoint=True)),
            one.step([whole], (1, 0), ControlFlags(checkpoint=True)),
        )
        assert float(actual.loss) == pytest.approx(float(expected.loss), rel=PASS)
        assert float(actual.tokens) == float(expected.tokens)
        assert actual.flags == expected.flags == ControlFlags(checkpoint=True)
        assert actual.norm == pytest.approx(expected.norm, rel=GRADIENT)
        for left, right in zip(several.state(), one.state(), strict=True):
            np.testing.assert_allclose(left, right, atol=UPDATES)


@pytest.mark.system
@pytest.mark.parametrize(
    "precision",
    ["float32", pytest.param(*bfloat16.values, marks=[*bfloat16.marks, pytest.mark.slow])],
)
def test_an_interrupted_accumulation_is_resumed_exactly(dataset, tmp_path, precision) -> None:
    """Amid an epoch, whose last update has fewer batches."""
    settings = {"dropout": 0.3, "epochs": 2, "validate_every": 2, "accumulate": 2, "patience": 50}
    settings["precision"] = precision
    whole = training(dataset, tmp_path / "whole", **settings)
    batches = sum(1 for _ in whole.batches(0))
    assert batches % 2 == 1
    assert whole.steps_per_epoch == batches // 2 + 1
    last = whole.run().step
    assert last == 2 * whole.steps_per_epoch
    resumed = training(dataset, tmp_path / "resumed", **settings)
    resumed.restore(tmp_path / "whole" / "kept" / "checkpoint-6")
    assert 0 < resumed.state.batch < batches
    assert resumed.run().step == last
    assert_same(resumed.model.get_weights(), whole.model.get_weights())


@pytest.mark.system
def test_an_interrupted_float16_training_is_resumed_exactly(dataset, tmp_path, monkeypatch) -> None:
    """Amid an epoch and between two changes of the factor on the loss: it goes on as it would."""
    monkeypatch.setattr(module, "CLEAN_UPDATES", 6)
    settings = {"dropout": 0.3, "epochs": 2, "precision": "float16", "checkpoint_minutes": 1e-9}
    whole = training(dataset, tmp_path / "whole", **settings)
    scripted(whole, [1.0, 2.0])
    end = whole.run()
    resumed = training(dataset, tmp_path / "resumed", **settings)
    scripted(resumed, [2.0])
    resumed.restore(tmp_path / "whole" / "kept" / f"checkpoint-{whole.steps_per_epoch + 1}")
    begun = resumed.state
    assert 0 < begun.batch < whole.steps_per_epoch
    assert begun.clean > 0
    assert begun.loss_scale != FIRST_LOSS_SCALE
    progress = resumed.run()
    assert progress.step == end.step
    assert (progress.loss_scale, progress.clean) == (end.loss_scale, end.clean)
    assert_same(resumed.model.get_weights(), whole.model.get_weights())


@pytest.mark.system
@pytest.mark.parametrize("precision", [bfloat16, "float16"])
@pytest.mark.parametrize(
    "architecture",
    [pytest.param({}, id="plain"), pytest.param(STACKED, id="stacked", marks=pytest.mark.slow)],
)
def test_half_precision_learns_nearly_the_same(precision, architecture) -> None:
    exact = Work(clip=1e9, **architecture)
    half = Work(precision, clip=1e9, **architecture)
    for variable in half.model.trainable_variables:
        assert variable.dtype == "float32"
    losses = [[work.step([batch(8, 7)], (1, 0)).loss for _ in range(12)] for work in (exact, half)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=rounding(3, dtype="bfloat16"))
    assert losses[0][-1] < 0.8 * losses[0][0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_precision_is_what_products_are_computed_in(precision) -> None:
    model = Work(precision).model
    ids, seed = tf.TensorSpec([2, 3], tf.int32), tf.TensorSpec([2], tf.int32)

    def logits(*inputs: tf.Tensor) -> tf.Tensor:
        readouts, _ = model(*inputs)
        return model.logits(tf.reshape(readouts, [6, -1]))

    graph = tf.function(logits).get_concrete_function(ids, ids, seed).graph
    assert [output.dtype for output in graph.outputs] == [tf.float32]
    definition = graph.as_graph_def()
    bodies = [definition.node, *(body.node_def for body in definition.library.function)]
    products = [node for nodes in bodies for node in nodes if "MatMul" in node.op]
    assert len(products) > 5
    assert {tf.dtypes.as_dtype(node.attr["T"].type).name for node in products} == {precision}


@pytest.mark.system
def test_an_overflow_changes_nothing_but_the_scale() -> None:
    work = Work("float16")
    assert not work.step([batch(4, 1)], (1, 0)).skipped
    before = work.state()
    work.step.loss_scale.assign(2.0**40, 7)
    outcome = work.step([batch(4, 1)], (1, 0))
    assert (outcome.skipped, outcome.loss_scale, outcome.clean) == (True, 2.0**39, 0)
    assert np.isfinite(outcome.loss)
    assert_same(work.state(), before)
    work.step.loss_scale.assign(64.0)
    assert not work.step([batch(4, 1)], (1, 0)).skipped  # nothing is left of it
    assert all(np.isfinite(values).all() for values in work.state())


def test_the_scale_halves_at_an_overflow_and_doubles_after_many_updates_without(
    monkeypatch,
) -> None:
    monkeypatch.setattr(module, "CLEAN_UPDATES", 3)
    loss_scale = LossScale(Replicas())
    loss_scale.assign(64.0, 1)
    outcomes = [False, True, False, False, True, True, False, False, False, False]
    actual = [loss_scale.update(tf.constant(overflowed)).numpy() for overflowed in outcomes]
    scales, clean = zip(*actual, strict=True)
    assert scales == (64, 32, 32, 32, 16, 8, 8, 8, 16, 16)
    assert clean == (2, 0, 1, 2, 0, 0, 1, 2, 0, 1)
    assert loss_scale.value() == 16
    loss_scale.assign(2.0**127, 2)
    assert loss_scale.update(tf.constant(False))[0] == 2.0**127  # twice as much is infinite


@SYSTEM
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_scale_of_an_update_follows_from_the_overflows_before(monkeypatch, accumulate) -> None:
    monkeypatch.setattr(module, "CLEAN_UPDATES", 2)
    work = Work("float16", accumulate)
    scale, clean, changes = 2.0**40, 0, set()
    work.step.loss_scale.assign(scale)
    launched = [work.step.launch([batch(4, 1)] * accumulate, (1, n)) for n in range(45)]
    for read in launched:  # after all of them were launched
        outcome, before = read(), scale
        clean = 0 if outcome.skipped else clean + 1
        if outcome.skipped:
            scale /= 2
        elif clean == 2:
            scale, clean = scale * 2, 0
        assert (outcome.loss_scale, outcome.clean) == (scale, clean)
        changes.add(scale / before)
    assert changes == {0.5, 1, 2}


TWO_DEVICES = """
    import json, sys
    import nmt.model
    from nmt.training.strategy import Replicas, set_up_devices
    set_up_devices(1, 2, False)
    import keras
    import numpy as np
    sys.path[:0] = json.loads(sys.argv[1])
    import test_accumulation as case
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings, TrainingSettings
    from nmt.shards.batches import Batch
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import ControlFlags, dtype_policy, make_train_step

    def work(devices, precision, accumulate):
        keras.utils.set_random_seed(3)
        replicas = Replicas(devices=devices)
        with replicas.strategy.scope():
            settings = ModelSettings.model_validate(case.TINY)
            model = Seq2Seq(settings, 30, 25, dtype=dtype_policy(precision))
            optimizer = SummedAdam.of(TrainingSettings(learning_rate=0.01, ema_decay=0.9))
            optimizer.build(model.trainable_variables)
        step = make_train_step(model, optimizer, replicas, 0.5, accumulate=accumulate)
        return model, optimizer, step

    def state(model, optimizer):
        return [v.numpy() for v in (*model.variables, *optimizer.averages)]

    def apart(one, other):
        return max(float(np.abs(a - b).max()) for a, b in zip(one, other))

    found = {}
    states = []
    for devices in (1, 2):
        model, optimizer, step = work(devices, "float32", 2)
        for number in range(3):
            parts = [case.batch(4, 2 * number), case.batch(2, 2 * number + 1)]
            told = step(parts, (1, 2 * number), ControlFlags(finish=True))
        states.append(state(model, optimizer))
        found[f"ends-{devices}"] = told.flags.finish
    found["apart"] = apart(*states)

    # Only the second replica has words at all, so only it can overflow.
    model, optimizer, step = work(2, "float16", 1)
    batch = case.batch(4, 1)
    batch.target_outputs[::2] = 0
    step.loss_scale.assign(64.0)
    found["fine"] = [step([batch], (1, 0)).skipped]
    before = state(model, optimizer)
    step.loss_scale.assign(2.0**40)
    overflowed = [step([batch], (1, 0)) for _ in range(2)]
    found["overflowed"] = [outcome.skipped for outcome in overflowed]
    found["scales"] = [outcome.loss_scale for outcome in overflowed]
    found["moved"] = apart(before, state(model, optimizer))
    found["steps"] = int(optimizer.iterations.numpy())
    step.loss_scale.assign(64.0)
    found["fine"].append(step([batch], (1, 0)).skipped)
    found["moved_then"] = apart(before, state(model, optimizer))
    print(json.dumps(found))
"""


@SYSTEM
def test_two_replicas_accumulate_as_one_and_skip_together() -> None:
    """In a process of its own: devices are settled when TensorFlow starts."""
    here = os.path.dirname(__file__)
    actual = answer_of(TWO_DEVICES, [here, os.path.dirname(here)])
    assert actual["apart"] < UPDATES
    assert actual["ends-1"] is actual["ends-2"] is True
    assert actual["fine"] == [False, False]
    assert actual["overflowed"] == [True, True]
    assert actual["scales"] == [2.0**39, 2.0**38]
    assert actual["moved"] == 0
    assert actual["steps"] == 1
    assert actual["moved_then"] > 1e-4

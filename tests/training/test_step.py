"""The loss, the gradients that reach the optimizer, and replicas that act as one."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from models import teacher_forced
from processes import answer_of
from rounding import GRADIENT, PASS, UPDATES

from nmt.shards.batches import Batch
from nmt.training.loss import cross_entropy, objective
from nmt.training.optimizer import SummedAdam
from nmt.training.step import ControlFlags, Outcome, TrainStep, make_train_step
from nmt.training.strategy import Replicas
from nmt.vocabulary.base import BOS, EOS, PAD

BATCH = Batch(
    np.array(
        [[9, 8, 7, EOS], [5, EOS, PAD, PAD], [20, 21, EOS, PAD], [6, EOS, PAD, PAD]], np.int32
    ),
    np.array([[BOS, 8, 9, 7], [BOS, 11, PAD, PAD], [BOS, 4, 5, PAD], [BOS, 6, 6, 6]], np.int32),
    np.array([[8, 9, 7, EOS], [11, EOS, PAD, PAD], [4, 5, EOS, PAD], [6, 6, 6, EOS]], np.int32),
)


def padded(batch: Batch, rows: int, columns: int) -> Batch:
    """More rows that only fill up (an EOS as source, no target), and more padding on the right."""
    source, inputs, outputs = (np.pad(a, [(0, rows), (0, columns)]) for a in batch)
    source[len(batch.source) :, 0] = EOS
    inputs[len(batch.source) :, 0] = BOS
    return Batch(source, inputs, outputs)


def sums(model, batch: Batch) -> list[float]:
    readouts, _ = model(batch.source, batch.target_inputs)
    return [float(value) for value in cross_entropy(model, readouts, batch.target_outputs)]


def test_cross_entropy_is_the_sum_over_real_tokens(tiny_model) -> None:
    model = tiny_model()
    logits = np.asarray(teacher_forced(model, BATCH.source, BATCH.target_inputs)[0], np.float64)
    loss = tokens = right = 0
    for row, outputs in zip(logits, BATCH.target_outputs, strict=True):
        for scores, word in zip(row, outputs, strict=True):
            if word != PAD:
                loss += np.log(np.exp(scores).sum()) - scores[word]
                tokens += 1
                right += scores.argmax() == word
    np.testing.assert_allclose(sums(model, BATCH), [loss, tokens, right], rtol=PASS)
    assert tokens == 4 + 2 + 3 + 4


def test_padding_changes_neither_loss_nor_accuracy(tiny_model) -> None:
    model = tiny_model()
    for rows, columns in ((3, 0), (0, 5), (4, 2)):
        np.testing.assert_allclose(
            sums(model, padded(BATCH, rows, columns)), sums(model, BATCH), rtol=PASS
        )
    nothing = Batch(*(array[:0] for array in padded(BATCH, 0, 0)))
    assert sums(model, padded(nothing, 2, 0)) == [0.0, 0.0, 0.0]


class Recorder:
    """A training step whose optimizer only keeps the gradients it is handed."""

    def __init__(self, model) -> None:
        self.model, self.clip = model, tf.Variable(1e9)
        self._kept = [tf.Variable(tf.zeros(v.shape)) for v in model.trainable_variables]
        self._step = make_train_step(model, self, Replicas(), self.clip)

    def apply_gradients(self, pairs) -> None:
        for (gradient, _), variable in zip(pairs, self._kept, strict=True):
            variable.assign(gradient)

    def gradients(self, batch: Batch, clip: float = 1e9) -> np.ndarray:
        """What an optimizer is handed for a batch, as one vector."""
        self.clip.assign(clip)
        self._step([batch], (1, 0))
        return np.concatenate([np.ravel(variable) for variable in self._kept])


@pytest.fixture(scope="module")
def recorder(tiny_model) -> Recorder:
    return Recorder(tiny_model())


def test_gradients_are_those_of_the_mean_over_target_tokens(recorder) -> None:
    model = recorder.model
    with tf.GradientTape() as tape:
        readouts, _ = model(BATCH.source, BATCH.target_inputs)
        loss, tokens, _ = cross_entropy(model, readouts, BATCH.target_outputs)
        mean = loss / tokens
    expected = [tf.convert_to_tensor(g) for g in tape.gradient(mean, model.trainable_variables)]
    expected = np.concatenate([np.ravel(gradient) for gradient in expected])
    np.testing.assert_allclose(recorder.gradients(BATCH), expected, atol=GRADIENT)
    np.testing.assert_allclose(recorder.gradients(padded(BATCH, 3, 2)), expected, atol=GRADIENT)


def test_clipping_bounds_the_global_norm_and_keeps_the_direction(recorder) -> None:
    free = recorder.gradients(BATCH)
    norm = np.linalg.norm(free)
    for clip in (norm / 100, norm / 2):
        clipped = recorder.gradients(BATCH, clip)
        np.testing.assert_allclose(np.linalg.norm(clipped), clip, rtol=GRADIENT)
        np.testing.assert_allclose(clipped, free * clip / norm, atol=GRADIENT)
    np.testing.assert_allclose(recorder.gradients(BATCH, norm * 2), free, atol=GRADIENT)


def test_a_batch_without_targets_has_no_gradient(recorder) -> None:
    nothing = padded(Batch(*(array[:0] for array in BATCH)), 4, 4)
    assert (recorder.gradients(nothing) == 0).all()


def test_tokens_are_counted_and_wishes_come_back_whatever_the_padding(recorder) -> None:
    for number, (rows, columns) in enumerate([(0, 0), (2, 0), (0, 3), (4, 4)]):
        wishes = ControlFlags(*(number == place for place in (1, 2, 3)))
        outcome = recorder._step([padded(BATCH, rows, columns)], (1, number), wishes)
        assert outcome.tokens == 13
        assert outcome.flags == wishes


def test_the_norm_is_that_of_the_gradient_before_clipping(recorder) -> None:
    norm = np.linalg.norm(recorder.gradients(BATCH))
    recorder.clip.assign(norm / 3)
    assert recorder._step([BATCH], (1, 0)).norm == pytest.approx(norm, rel=GRADIENT)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_devices_share_every_row_once_in_slices_of_one_size(count) -> None:
    """With more devices than rows, too: then some have a row that counts for nothing."""
    replicas = Replicas()
    replicas.devices = count
    shares = [replicas.share(BATCH, device) for device in range(count)]
    assert len({share.source.shape for share in shares}) == 1
    assert all((share.source[:, 0] != PAD).all() for share in shares)  # no row is empty
    together = Batch(*(np.concatenate(arrays) for arrays in zip(*shares, strict=True)))
    real = together.target_outputs[:, 0] != PAD
    for actual, given in zip(together, BATCH, strict=True):
        assert sorted(actual[real].tolist()) == sorted(given.tolist())
    assert (together.source[~real] == [EOS, PAD, PAD, PAD]).all()


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.system
def test_the_step_is_traced_once_whatever_the_shapes(tiny_model, monkeypatch, accumulate) -> None:
    traces = []

    def counted(*arguments):
        traces.append(arguments)
        return objective(*arguments)

    monkeypatch.setattr("nmt.training.step.objective", counted)
    model, optimizer = tiny_model(), SummedAdam(0.01)
    optimizer.build(model.trainable_variables)
    step = make_train_step(model, optimizer, Replicas(), 1.0, accumulate=accumulate)
    for seed, (rows, columns) in enumerate([(0, 0), (3, 0), (0, 5), (4, 2), (1, 1), (9, 9)]):
        step([padded(BATCH, rows, columns)] * accumulate, (1, seed))
    assert len(traces) == 1


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.system
def test_a_step_is_launched_before_the_outcome_of_the_last_one_is_read(
    tiny_model, monkeypatch, accumulate
) -> None:
    of, reads = Outcome.of, []
    monkeypatch.setattr(Outcome, "of", lambda *sums: reads.append(sums) or of(*sums))

    def make() -> TrainStep:
        model, optimizer = tiny_model(), SummedAdam(0.01)
        optimizer.build(model.trainable_variables)
        return make_train_step(model, optimizer, Replicas(), 1.0, accumulate=accumulate)

    calls = [([padded(BATCH, rows, 0)] * accumulate, (1, rows)) for rows in range(3)]
    step = make()
    launched = [step.launch(*call) for call in calls]
    assert not reads
    late = [read() for read in launched]
    step = make()
    assert late == [step(*call) for call in calls]


TWO_DEVICES = """
    import json, sys
    import nmt.model
    import keras
    import numpy as np
    from nmt.training.strategy import Replicas, set_up_devices
    set_up_devices(1, 2, False)
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings
    from nmt.shards.batches import Batch
    from nmt.training.optimizer import SummedAdam
    from nmt.training.step import ControlFlags, make_train_step

    random = np.random.default_rng(1)
    batches = []
    for _ in range(6):
        arrays = np.zeros((3, 7, 8), np.int32)  # not to be divided by two
        for row in range(7):
            n, m = random.integers(1, 8, 2)
            if row == 5: m = 0  # a row that only fills up
            source, target = random.integers(4, 30, n), random.integers(4, 25, m)
            arrays[0, row, : n + 1] = [*source, 3]
            arrays[1, row, : m + 1] = [2, *target]
            if m: arrays[2, row, : m + 1] = [*target, 3]
        batches.append(Batch(*arrays))

    results = []
    for devices in (1, 2):
        keras.utils.set_random_seed(3)
        replicas = Replicas(devices=devices)
        assert (type(replicas.strategy).__name__ == "MirroredStrategy") == (devices == 2)
        with replicas.strategy.scope():
            model = Seq2Seq(ModelSettings.model_validate(json.loads(sys.argv[1])), 30, 25)
            optimizer = SummedAdam(0.005)
            optimizer.build(model.trainable_variables)
        weights = np.random.default_rng(5)
        model.set_weights([0.4 * weights.standard_normal(w.shape) for w in model.get_weights()])
        start = model.get_weights()
        step = make_train_step(model, optimizer, replicas, 0.5)
        outcomes = [
            step([batch], (1, 2 * i), ControlFlags(i == 5)) for i, batch in enumerate(batches)
        ]
        results.append((start, model.get_weights(), outcomes))
    (start, one, told), (same_start, two, told_by_two) = results
    print(json.dumps({
        "start": max(float(np.abs(a - b).max()) for a, b in zip(start, same_start)),
        "moved": min(float(np.abs(a - b).max()) for a, b in zip(start, one)),
        "apart": max(float(np.abs(a - b).max()) for a, b in zip(one, two)),
        "loss": [[float(o.loss) for o in told], [float(o.loss) for o in told_by_two]],
        "tokens": [[float(o.tokens) for o in told], [float(o.tokens) for o in told_by_two]],
        "ends": [[o.flags.finish for o in told], [o.flags.finish for o in told_by_two]],
    }))
"""


@pytest.mark.system
def test_two_devices_train_as_one_does() -> None:
    """In a process of its own: devices are settled when TensorFlow starts."""
    settings = {"embedding_dim": 16, "encoder_units": 8, "decoder_units": 16}
    settings |= {"attention_units": 8, "readout_units": 16}
    actual = answer_of(TWO_DEVICES, settings)
    assert actual["start"] == 0
    assert actual["moved"] > 1e-3
    assert actual["apart"] < UPDATES
    np.testing.assert_allclose(actual["loss"][0], actual["loss"][1], rtol=GRADIENT)
    assert actual["tokens"][0] == actual["tokens"][1]
    assert actual["ends"] == [[False] * 5 + [True]] * 2

"""What one worker measures, with steps and products that take no time."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, bfloat16

from nmt.benchmark import job, measurement
from nmt.benchmark.measurement import Measurement, Workload
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.settings import Settings
from nmt.shards.batches import choose_shapes, count_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training import step, strategy
from nmt.training.step import Outcome, TrainStep
from nmt.vocabulary.base import PAD

STEPS = 4


@pytest.fixture
def started(demo_dataset, monkeypatch) -> Callable[..., Measurement]:
    """Starts a measurement in this process, whose devices are settled."""
    monkeypatch.setattr(strategy, "set_up_devices", lambda *_: None)

    def start(data: Any = str(demo_dataset.location), **training: Any) -> Measurement:
        settings = Settings.model_validate(
            {"model": TINY, "training": {"batch_tokens": 150, "buckets": 4, **training}}
        )
        actual = Measurement(Workload(data, settings, 1, STEPS, sentences=3, batch_size=2))
        actual.start()
        return actual

    return start


@pytest.fixture(autouse=True)
def measured_once(monkeypatch) -> None:
    """A process that has held 123 bytes, and a clock that goes on a second at each look."""
    monkeypatch.setattr(measurement, "peak_bytes", lambda: 123)
    clock, processor = count(), count(step=2)
    stand_in = SimpleNamespace(
        monotonic=lambda: float(next(clock)), process_time=lambda: float(next(processor))
    )
    monkeypatch.setattr(measurement, "time", stand_in)


@pytest.fixture
def reads() -> list[int]:
    """For each outcome that is read, the number of updates launched by then."""
    return []


@pytest.fixture
def updates(monkeypatch, reads) -> list[list[Any]]:
    """The batches of each update of a training that takes no time."""
    seen: list[list[Any]] = []

    def make_train_step(*arguments: Any, **options: Any) -> TrainStep:
        seen.append([*arguments[3:], *options.values()])

        def launch(batches: Any, seed: Any) -> Callable[[], Outcome]:
            seen.append(batches)
            tokens = sum(float((b.target_outputs != PAD).sum()) for b in batches)
            return lambda: reads.append(len(seen) - 1) or Outcome(1.0, tokens)

        return TrainStep(launch)

    monkeypatch.setattr(step, "make_train_step", make_train_step)
    return seen


@pytest.mark.parametrize("accumulate", [1, 3])
def test_training_warms_up_with_each_shape_and_accumulates(
    started, updates, reads, accumulate
) -> None:
    actual = started(accumulate=accumulate, label_smoothing=0.1, on_nan="skip", clip_norm=2.0)
    measured = actual.training()
    options, first, *rest = updates
    assert options == [2.0, 0.1, accumulate, True]
    shapes = actual._shapes()
    assert len(shapes) == 4
    warm, timed = rest[: len(shapes)], rest[len(shapes) :]
    assert [[batch.source.shape for batch in update] for update in warm] == [[s] for s in shapes]
    assert [len(update) for update in (first, *timed)] == [accumulate] * (1 + STEPS)
    warmed = 1 + len(shapes)  # each of them is waited for, and then the update before the last one
    assert reads == [*range(1, warmed + 1), *range(warmed + 2, warmed + STEPS + 1), warmed + STEPS]
    # The training batches, in order, and nothing else.
    used = [batch for update in (first, *timed) for batch in update]
    for batch, expected in zip(used, islice(actual._batches(), len(used)), strict=True):
        np.testing.assert_array_equal(batch.source, expected.source)
    tokens = sum((batch.target_outputs != PAD).sum() for update in timed for batch in update)
    assert measured["tokens_per_second"] == tokens  # in a second
    assert measured["tokens_per_cpu_second"] == tokens / 2
    assert measured["step_milliseconds"] == 1000 / STEPS
    assert (measured["first_step_seconds"], measured["memory_bytes"]) == (1, 123)


def test_reading_counts_pairs_and_padding_of_both_sides(started, monkeypatch) -> None:
    """Over one epoch: every pair once, and what no pair fills."""
    actual = started()
    dataset, shapes = actual._dataset, actual._shapes()
    batches = count_batches(dataset.widths(), shapes)
    monkeypatch.setattr(measurement, "_READ", batches)
    whole = list(islice(actual._batches(), batches))
    cells = sum(batch.source.size for batch in whole)
    tokens = np.sum(
        [(count * (s + 1), count * (t + 1)) for (s, t), count in dataset.lengths().items()], 0
    )
    measured = actual.reading()
    assert measured["source_padding_share"] == pytest.approx(1 - tokens[0] / cells)
    assert measured["target_padding_share"] == pytest.approx(1 - tokens[1] / cells)
    assert measured["rows_per_second"] == dataset.rows("train")  # in a second


@pytest.mark.parametrize("precision", ["float32", bfloat16, "float16"])
def test_the_peak_is_that_of_trainings_precision(started, monkeypatch, precision) -> None:
    seen: list[tf.Tensor] = []
    multiply = tf.matmul
    monkeypatch.setattr(tf, "matmul", lambda a, b: seen.append(a) or multiply(a, b))
    monkeypatch.setattr(measurement, "_CPU_PRODUCTS", (32, 2))
    measured = started(precision=precision).products()
    assert measured["operations_per_second"] == 2 * 2 * 32**3  # in a second
    assert measured["side"] == 32
    assert [(a.dtype.name, a.shape) for a in seen] == [(precision, [32, 32])] * 2


def test_the_grammar_travels_to_the_workers(started, monkeypatch) -> None:
    """And is there for as long as they measure, though the driver keeps no folder."""
    monkeypatch.setattr(job, "_DEMO", 200)
    dataset, files = job._demo(Settings())
    assert not dataset.location.exists()
    actual = started(files)
    place = Path(actual._dataset.location.path)
    assert actual._dataset.hash == dataset.hash
    assert actual._dataset.rows("train") > 100
    split = "test" if actual._dataset.rows("test") else "valid"
    sources = [
        t for table in actual._dataset.read(split, ["source"]) for t in table["source"].to_pylist()
    ]
    assert actual._sentences() == sources[:3]
    actual.close()
    assert not place.exists()


def test_decoding_is_measured_with_the_model_and_its_beam(
    started, saved_models, monkeypatch
) -> None:
    asked: list[tuple[int, int]] = []
    told: list[int] = []
    translate = Translator.translate

    def watched(self: Translator, texts: list[str], beam_size: int) -> Any:
        asked.append((len(texts), beam_size))
        results = translate(self, texts, beam_size=beam_size)
        told.append(sum(len(result.tokens) for result in results))
        return results

    monkeypatch.setattr(Translator, "translate", watched)
    measured = started().decoding(str(saved_models[0]), 2)
    assert asked == [(1, 2), (2, 2), (3, 2)]  # the first, a batch, and those that are timed
    assert measured == {
        "first_sentence_seconds": 1,
        "sentences_per_second": 3,
        "sentences_per_cpu_second": 3 / 2,
        "tokens_per_second": told[-1],
        "memory_bytes": 123,
    }
    assert told[-1] > 3


def test_shapes_are_those_of_training(started, demo_dataset: Dataset) -> None:
    widths = demo_dataset.widths()
    assert started(buckets=2, batch_tokens=90)._shapes() == choose_shapes(widths, 2, 90)


def test_a_dataset_that_a_worker_cannot_read_is_refused(started, tmp_path) -> None:
    with pytest.raises(UnusableInput, match="none: no such folder; give the --output of"):
        started(str(Location(tmp_path / "none")))

"""A step is launched before the outcome of the one before is read, and nothing else changes."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import rows
from trainings import assert_same, instant, lines_of, scripted, training, validations_of

from nmt.shards.dataset import Dataset
from nmt.training.loop import Training
from nmt.training.step import ControlFlags, LaunchedStep, Outcome, PendingStep, TrainStep

CHECKPOINT = ControlFlags(checkpoint=True)


def record_calls(work: Training) -> list[str]:
    """The launches and reads of a training, in their order."""
    launch, calls = work.train_step.launch, []

    def recorded(group: Any, seed: tuple[int, int], *rest: Any) -> Callable[[], Outcome]:
        calls.append(f"launch {seed[1] + 1}")
        read = launch(group, seed, *rest)
        return lambda: calls.append(f"read {seed[1] + 1}") or read()

    work.train_step = TrainStep(recorded, work.train_step.loss_scale)
    return calls


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_loop_launches_a_step_before_it_reads_the_last_outcome(
    dataset, tmp_path, precision
) -> None:
    """Except where a report (of step 4), a validation (5) or the end of the epoch needs it."""
    settings = {"report_every": 4, "validate_every": 5, "precision": precision}
    work = training(dataset, tmp_path, epochs=1, **settings)
    instant(work, [1.0, 2.0, 3.0])
    calls = record_calls(work)
    assert work.run().step == 7
    assert calls == [
        *("launch 1", "launch 2", "read 1", "launch 3", "read 2", "launch 4", "read 3", "read 4"),
        *("launch 5", "read 5", "launch 6", "launch 7", "read 6", "read 7"),
    ]


def test_a_step_is_read_at_once_where_this_worker_alone_asks_for_a_stop(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=1, report_every=99)
    instant(work, [])
    work.hooks.stop_after = 3
    calls = record_calls(work)
    assert work.run().step == 3
    assert calls == ["launch 1", "launch 2", "read 1", "launch 3", "read 2", "read 3"]


def test_flags_of_other_workers_take_effect_after_the_step_launched_meanwhile() -> None:
    recorded: list[int] = []
    flags = {2: CHECKPOINT, 3: CHECKPOINT}

    def record(step: LaunchedStep) -> ControlFlags:
        recorded.append(step.batches)
        return flags.get(step.batches, ControlFlags())

    pending = PendingStep(record)
    steps = {n: LaunchedStep(Outcome, n, 0, is_needed=n == 4) for n in range(1, 6)}
    assert [pending.follow(steps[n]) for n in (1, 2)] == [ControlFlags()] * 2
    assert (recorded, len(pending)) == ([1], 1)
    assert pending.follow(steps[3]) == CHECKPOINT
    assert (recorded, len(pending)) == ([1, 2, 3], 0)
    pending.follow(steps[4])
    assert (recorded, len(pending)) == ([1, 2, 3, 4], 0)
    pending.follow(steps[5])
    assert len(pending) == 1
    pending.follow(None)
    assert (recorded, len(pending)) == ([1, 2, 3, 4, 5], 0)


def poison(work: Training, dataset: Dataset) -> None:
    """Make the model give NaN for some sentences."""
    variable, pair = work.model.encoder.embedding.embeddings, next(iter(rows(dataset, "train")))
    values = variable.numpy()
    values[max(pair["source_ids"])] = np.nan
    variable.assign(values)


def traces(folder: Path) -> dict[str, Any]:
    """What a training wrote, without times."""
    times = {"tokens_per_second", "data_wait_share", "minutes", "seconds"}
    files = sorted(folder.glob("kept/*/*"))
    written: dict[str, Any] = {
        str(file.relative_to(folder)): {
            key: value for key, value in json.loads(file.read_text()).items() if key not in times
        }
        if file.suffix == ".json"
        else file.read_bytes()
        for file in [*files, *sorted(folder.glob("run/nonfinite/*"))]
    }
    for name, lines in (("metrics", lines_of(folder)), ("validations", validations_of(folder))):
        written[name] = [{k: v for k, v in line.items() if k not in times} for line in lines]
    return written


@pytest.mark.system
@pytest.mark.parametrize(
    ("more", "scale", "spoils"),
    [
        ({"dropout": 0.3, "ema_decay": 0.9}, 1.0, False),
        # The first updates overflow.
        pytest.param({"precision": "float16"}, 2.0**20, False, marks=pytest.mark.slow),
        ({"precision": "float16", "accumulate": 2}, 2.0**20, False),
        ({"accumulate": 2, "on_nan": "skip", "report_every": 3}, 1.0, True),
    ],
    ids=["float32", "float16", "float16-accumulated", "accumulated"],
)
def test_what_is_trained_and_written_is_that_of_reading_every_outcome_at_once(
    dataset, tmp_path, monkeypatch, more, scale, spoils
) -> None:
    """Stopped amid an epoch, then resumed."""

    def train(folder: Path) -> list[np.ndarray]:
        settings = {"epochs": 2, "validate_every": 4, "patience": 99, **more}
        work = training(dataset, folder, **settings)
        scripted(work, [1.0] * 9)
        work.state.loss_scale = scale
        if spoils:
            poison(work, dataset)
        work.hooks.stop_after = 6
        assert work.run().step == 6
        work = training(dataset, folder, **settings)
        work.restore(folder / "kept" / "checkpoint-6")
        scripted(work, [1.0] * 9)
        assert work.run().finished == "epochs"
        return [*work.model.get_weights(), *(v.numpy() for v in work.optimizer.variables)]

    weights = train(tmp_path / "pending")
    at_once = lambda self, step: self._record(step) if step else ControlFlags()  # noqa: E731
    monkeypatch.setattr(PendingStep, "follow", at_once)
    assert_same(weights, train(tmp_path / "at-once"))
    written = traces(tmp_path / "pending")
    assert written == traces(tmp_path / "at-once")
    skipped = sum(line["skipped_updates"] for line in written["metrics"])
    assert (skipped > 0) == (scale != 1.0 or spoils)

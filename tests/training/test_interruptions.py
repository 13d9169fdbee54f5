"""Trainings that are cut off, stopped or fed with nonsense, in this process."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import rows
from logged import messages
from trainings import (
    MemoryHooks,
    assert_same,
    events_of,
    instant,
    lines_of,
    scripted,
    training,
)

from nmt import bundle, model_folder
from nmt.errors import Diverged, NotStored, StoreAway
from nmt.shards.batches import batch_ids
from nmt.storage.location import Location
from nmt.training import nonfinite
from nmt.training.loop import Training
from nmt.training.step import TrainStep

pytestmark = pytest.mark.system  # whole trainings, done several times

EVERY_STEP = {"checkpoint_minutes": 1e-9}


def weights(work: Training) -> list[np.ndarray]:
    return [*work.model.get_weights(), *(v.numpy() for v in work.optimizer.variables)]


def best_models(folder: Path) -> dict[str, str]:
    """Steps of RUN/best and the ids of their models."""
    places = (folder / "run" / "best").iterdir()
    return {
        place.name: json.loads((place / "model.json").read_text())["model_id"] for place in places
    }


def test_a_run_cut_off_anywhere_ends_as_an_uninterrupted_one(dataset, tmp_path) -> None:
    """Amid an epoch and between validations, with dropout, averages and the best models kept."""
    settings: dict[str, Any] = {"dropout": 0.3, "ema_decay": 0.9, "keep_best": 2, "epochs": 2}
    settings |= {"validate_every": 4, "patience": 50, "schedule": "plateau", "report_every": 5}
    whole = training(dataset, tmp_path / "whole", **settings, **EVERY_STEP)
    whole.run()
    last = whole.state.step
    kept = tmp_path / "whole" / "kept"
    assert {file.name for file in kept.iterdir()} >= {f"checkpoint-{n}" for n in range(1, last)}
    first = whole.steps_per_epoch
    for step in (2, first + 3):
        folder = tmp_path / f"from-{step}"
        shutil.copytree(tmp_path / "whole" / "run", folder / "run")  # what is of later goes
        resumed = training(dataset, folder, **settings)
        resumed.restore(kept / f"checkpoint-{step}")
        assert resumed.state.step == step
        assert resumed.state.validated == (step // 4 * 4 or -1)
        progress = resumed.run()
        assert_same(weights(resumed), weights(whole))
        assert progress.tokens == whole.state.tokens
        assert (progress.best_step, progress.best_score) == (
            whole.state.best_step,
            whole.state.best_score,
        )
    folder = tmp_path / "from-2"  # it made all validations
    assert best_models(folder) == best_models(tmp_path / "whole")
    first, other = (Location(place / "run/model") for place in (folder, tmp_path / "whole"))
    assert model_folder.check(first).model_id == model_folder.check(other).model_id


def test_asked_to_stop_it_keeps_a_checkpoint_and_goes_on_later(dataset, tmp_path) -> None:
    settings: dict[str, Any] = {"dropout": 0.3, "epochs": 2, "report_every": 100}
    whole = training(dataset, tmp_path / "whole", **settings)
    scripted(whole, [1.0, 2.0])
    whole.run()
    last = whole.state.step
    stopped = training(dataset, tmp_path / "part", **settings)
    seen = scripted(stopped, [])  # to validate would fail
    stopped.hooks.stop_after = 3
    progress = stopped.run()
    assert (progress.step, progress.finished, seen) == (3, "", [])
    assert [report["step"] for report in stopped.hooks.reports] == [3]
    assert [line["step"] for line in lines_of(tmp_path / "part")] == [3]
    again = training(dataset, tmp_path / "part", **settings)
    again.restore(tmp_path / "part" / "kept" / "checkpoint-3")
    scripted(again, [1.0, 2.0])
    assert again.run().step == last
    assert_same(weights(again), weights(whole))


@pytest.mark.parametrize("killed", [False, True])
def test_tensorboard_has_every_step_that_metrics_jsonl_has(dataset, tmp_path, killed) -> None:
    """Of a training that was asked to stop amid an epoch, or killed after a checkpoint there."""
    more: dict[str, Any] = {"epochs": 1, "report_every": 1, **(EVERY_STEP if killed else {})}
    work = training(dataset, tmp_path, **more)
    instant(work, [])
    if killed:

        def die(step: int) -> None:
            if step == 3:
                raise MemoryError

        work.hooks.heartbeat = die
        with pytest.raises(MemoryError):
            work.run()
    else:
        work.hooks.stop_after = 3
        work.run()
    again = training(dataset, tmp_path, **more)
    again.restore(tmp_path / "kept" / "checkpoint-3")
    instant(again, [1.0])
    last = again.run().step
    steps = list(range(1, last + 1))
    assert [line["step"] for line in lines_of(tmp_path)] == steps
    assert sorted(events_of(tmp_path, "training/loss")) == steps


def test_stopped_at_the_end_of_an_epoch_it_makes_up_for_the_validation(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=2)
    instant(work, [])
    work.hooks.stop_after = work.steps_per_epoch
    assert work.run().step == work.steps_per_epoch
    again = training(dataset, tmp_path, epochs=2)
    again.restore(tmp_path / "kept" / f"checkpoint-{work.steps_per_epoch}")
    seen = instant(again, [1.0, 2.0])
    assert again.run().finished == "epochs"
    assert len(seen) == 2


def test_stopped_where_a_validation_was_due_it_makes_up_for_it(dataset, tmp_path) -> None:
    settings: dict[str, Any] = {"epochs": 1, "validate_every": 3}
    work = training(dataset, tmp_path, **settings)
    instant(work, [])
    work.hooks.stop_after = 3
    work.run()
    again = training(dataset, tmp_path, **settings)
    again.restore(tmp_path / "kept" / "checkpoint-3")
    seen = instant(again, [float(n) for n in range(99)])
    last = again.run().step
    assert len(seen) == len({*range(3, last + 1, 3), last})


def test_checkpoints_come_by_the_clock(dataset, tmp_path) -> None:
    for minutes, expected in ((1e-9, 1), (0, 0), (10.0, 0)):
        work = training(dataset, tmp_path / str(minutes), epochs=1, checkpoint_minutes=minutes)
        instant(work, [1.0])
        steps = work.run().step
        amid = [r for r in work.hooks.reports if r["step"] < steps]
        assert len(amid) == expected * (steps - 1)


def test_every_sentence_is_used_once_an_epoch_by_any_number_of_replicas(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, batch_tokens=150)
    pairs = rows(dataset, "train")
    expected = Counter((*pair["source_ids"], -1, *pair["target_ids"]) for pair in pairs)
    assert len(pairs) % 2 == 1 or len(pairs) % 3
    replicas = work.replicas
    for workers, devices in ((1, 1), (1, 3), (2, 1), (3, 1), (2, 2), (7, 2)):
        replicas.workers, replicas.devices = workers, devices
        for epoch in (0, 1):
            used: Counter[tuple[int, ...]] = Counter()
            for rank in range(workers):
                replicas.rank = rank
                parts = list(work.batches(epoch))
                for share in (replicas.share(part, i) for part in parts for i in range(devices)):
                    for source, target in zip(share.source, share.target_outputs, strict=True):
                        if target[0]:
                            used[(*source[source > 3], -1, *target[target > 3])] += 1
            plain = Counter({
                (*(i for i in pair[: pair.index(-1)] if i > 3), -1,
                 *(i for i in pair[pair.index(-1) + 1 :] if i > 3)): n
                for pair, n in expected.items()
            })  # fmt: skip
            assert used == plain
    plan = (dataset, work.shapes, work.settings.training.seed, 0, work.settings.training.window)
    ids = [number for _, number in chain.from_iterable(batch_ids(*plan))]
    assert sorted(ids) == sorted(pair["id"] for pair in pairs)


@pytest.fixture
def poisoned(dataset):
    """Makes a training's model give NaN for one sentence: a word only it has has a bad embedding.

    Returns the id of the pair.
    """
    counts = Counter(i for pair in rows(dataset, "train") for i in set(pair["source_ids"]))
    word = next(i for i, n in sorted(counts.items()) if n == 1 and i > 3)
    (pair,) = [pair for pair in rows(dataset, "train") if word in pair["source_ids"]]

    def poison(work: Training) -> int:
        variable = work.model.encoder.embedding.embeddings
        values = variable.numpy()
        values[word] = np.nan
        variable.assign(values)
        return pair["id"]

    return poison


@pytest.mark.parametrize("more", [{}, {"accumulate": 2}])
def test_nan_stops_training_and_names_the_batch(dataset, tmp_path, poisoned, more) -> None:
    work = training(dataset, tmp_path, epochs=1, **more)
    scripted(work, [1.0])
    number = poisoned(work)
    with pytest.raises(Diverged, match=r"training\.on_nan=skip") as caught:
        work.run()
    step = work.state.step
    record = json.loads((tmp_path / "run/nonfinite" / f"step-{step:07d}.json").read_text())
    ids = record["ids"][dataset.name]
    assert number in ids
    assert len(ids) < dataset.rows("train")
    line = str(caught.value)
    assert f"at step {step} (epoch 1, batch {', '.join(map(str, record['batches']))};" in line
    assert f"ids {ids[0]}, " in line
    assert f" of {dataset.name}, training split" in line
    assert "\n" not in line


@pytest.mark.parametrize("part", ["nonfinite", "data"])
def test_a_store_that_fails_does_not_hide_nan(dataset, tmp_path, monkeypatch, capsys, part) -> None:
    """Neither where the ids are to be stored nor where they are to be read."""
    monkeypatch.setattr("nmt.storage.retry.PAUSES", (0.01, 0.01))
    work = training(dataset, tmp_path, epochs=1)
    instant(work, [])
    step = work.train_step
    work.train_step = TrainStep(lambda *arguments: lambda: step(*arguments)._replace(loss=np.nan))
    if part == "nonfinite":
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "nonfinite").write_text("no folder")
        expected = r"batch 1; ids \d+, .* of data, training split\); lower training\.learning_rate"
    else:

        def away(*_: Any) -> Iterator[list[int]]:
            raise StoreAway("s3://b/x: the store failed")
            yield

        monkeypatch.setattr(nonfinite, "batch_ids", away)
        expected = r"batch 1; its pairs could not be read\); lower training\.learning_rate"
    with pytest.raises(Diverged, match=expected):
        work.run()
    assert bool(messages(capsys.readouterr().err, "WARNING")) == (part == "nonfinite")


@pytest.mark.parametrize("more", [{}, {"precision": "float16"}, {"accumulate": 2}])
def test_batches_with_nan_can_be_skipped(dataset, tmp_path, poisoned, capsys, more) -> None:
    work = training(dataset, tmp_path, epochs=2, on_nan="skip", report_every=1, **more)
    scripted(work, [1.0, 2.0])
    number = poisoned(work)
    assert work.run().finished == "epochs"
    records = [json.loads(f.read_text()) for f in (tmp_path / "run/nonfinite").iterdir()]
    assert [number in record["ids"]["data"] for record in records] == [True, True]  # once an epoch
    assert (
        len(
            [
                line
                for line in messages(capsys.readouterr().err, "WARNING")
                if line.endswith("; skipped")
            ]
        )
        == 2
    )
    lines = lines_of(tmp_path)
    skipped = sum(line["skipped_updates"] for line in lines)
    assert skipped == 2 or (skipped > 2 and "precision" in more)  # overflows
    assert all(np.isfinite([line["loss"], line["gradient_norm"]]).all() for line in lines)
    bad = [np.isnan(weight) for weight in work.model.get_weights()]
    assert sum(mask.any() for mask in bad) == 1  # the word itself
    assert sum(mask.sum() for mask in bad) == 32


def test_a_model_that_gives_only_nan_ends_training(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, epochs=50, on_nan="skip")
    variable = work.model.output_bias
    variable.assign(variable * np.nan)
    with pytest.raises(Diverged):
        work.run()
    assert work.state.step == 11


def test_a_store_that_fails_for_good_ends_training_with_one_line(
    dataset, tmp_path, monkeypatch, capsys
) -> None:
    """The run's folder becomes a file."""
    monkeypatch.setattr("nmt.storage.retry.PAUSES", (0.01, 0.01))
    work = training(dataset, tmp_path, epochs=1)
    instant(work, [1.0])

    def break_store(_: int) -> None:
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        (tmp_path / "run").write_text("")
        work.hooks.heartbeat = lambda _: None

    work.hooks.heartbeat = break_store
    with pytest.raises(NotStored, match="could not be stored in 3 attempt") as caught:
        work.run()
    assert "\n" not in str(caught.value)
    assert "trying again" in messages(capsys.readouterr().err, "WARNING")[0]


def test_a_model_lost_amid_an_epoch_is_made_again(dataset, tmp_path) -> None:
    """A crash amid the writing of a best model, and a checkpoint from between validations."""
    work = training(dataset, tmp_path, epochs=2, **EVERY_STEP)
    instant(work, [5.0, 9.0])
    work.run()
    steps, model = work.steps_per_epoch, tmp_path / "run" / "model"
    (model / "model.json").unlink()
    again = training(dataset, tmp_path, epochs=2)
    again.restore(tmp_path / "kept" / f"checkpoint-{steps + 1}")
    assert (again.state.stale, again.state.best_score) == (0, 5.0)
    seen = instant(again, [9.0])
    again.run()
    assert_same(bundle.load(Location(model)).model.get_weights(), seen[0])
    assert isinstance(again.hooks, MemoryHooks)

"""A dry run says what the training itself would say, and leaves nothing behind."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf
import yaml
from models import TINY
from trainings import FAST, SIZES, training

from nmt.cluster import connection
from nmt.settings import ModelSettings, Settings
from nmt.shards.batches import Shape
from nmt.storage.location import Location
from nmt.training import step
from nmt.training.preview import batch_bytes, preview, state_bytes, strategy_name
from nmt.training.ray.job import train
from nmt.training.request import TrainRequest
from nmt.training.strategy import Replicas


def everything_in(folder: Path) -> dict[str, int]:
    """Every file and folder, and when it was changed."""
    return {str(path): path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_it_says_what_the_training_would_say(dataset, tmp_path) -> None:
    work = training(dataset, tmp_path, accumulate=2, epochs=3)
    lines = "\n".join(preview([dataset], work.settings, (1, 1), 1))
    assert f"{work.model.count_params():,} parameters" in lines
    assert f"{work.steps_per_epoch:,} per epoch, {3 * work.steps_per_epoch:,} in 3 epochs" in lines
    assert ", ".join(f"{shape.rows}×{shape.width}" for shape in work.shapes) in lines
    assert "replicas  1: no strategy" in lines


@pytest.mark.parametrize(("workers", "devices"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_the_strategy_that_is_told_is_the_one_that_is_made(monkeypatch, workers, devices) -> None:
    made: list[str] = []

    def stand_in(name: str) -> Callable[..., Any]:
        def make(*_: Any, **__: Any) -> Any:
            made.append(name)
            return SimpleNamespace(num_replicas_in_sync=workers * devices)

        return make

    for name in ("MirroredStrategy", "MultiWorkerMirroredStrategy"):
        monkeypatch.setattr(tf.distribute, name, stand_in(name))
    Replicas(workers, 0, devices)
    assert (made or ["no strategy"]) == [strategy_name(workers, devices)]


def test_an_elastic_training_shows_both_ends(dataset) -> None:
    settings = Settings.model_validate({"model": SIZES, "training": FAST})
    lines = [line for line in preview([dataset], settings, (2, 8), 2) if "replicas" in line]
    assert lines == [
        "replicas  4 in 2 workers: MultiWorkerMirroredStrategy",
        "replicas  16 in 8 workers: MultiWorkerMirroredStrategy",
    ]


def test_memory_goes_with_what_is_kept() -> None:
    training = Settings().training
    more = training.model_copy(update={"ema_decay": 0.9, "accumulate": 2})
    assert state_bytes(1000, training) == 16_000
    assert state_bytes(1000, more) == 24_000
    model = ModelSettings()
    whole = batch_bytes(model, Shape(64, 20), 8000, 1)
    assert batch_bytes(model, Shape(64, 20), 8000, 4) == whole / 4
    assert whole > 3 * 64 * 20 * 8000 * 4  # logits, softmax, gradient
    assert batch_bytes(model, Shape(65, 20), 8000, 4) > whole / 4


@pytest.mark.parametrize(
    "more",
    [
        *({}, {"precision": "bfloat16"}, {"accumulate": 2}),
        *({"precision": "float16"}, {"on_nan": "skip"}, {"on_nan": "skip", "accumulate": 3}),
    ],
)
def test_memory_has_sums_of_gradients_where_a_step_keeps_them(
    dataset, tmp_path, monkeypatch, more
) -> None:
    kept = []
    monkeypatch.setattr(step, "GradientAccumulator", lambda *arguments: kept.append(arguments))
    monkeypatch.setattr(step, "_compile", lambda *_: None)
    work = training(dataset, tmp_path, **more)
    assert state_bytes(1000, work.settings.training) == 16_000 + 4_000 * len(kept)


@pytest.mark.parametrize("workers", [(1, 1), (2, 4)])
def test_a_dry_run_touches_nothing(demo_dataset, tmp_path, monkeypatch, capsys, workers) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    settings = Settings.model_validate({"model": TINY})
    output = tmp_path / "runs" / "one"
    request = TrainRequest((demo_dataset.location,), Location(output), settings, workers)
    before = everything_in(tmp_path)
    train(replace(request, dry_run=True))
    assert everything_in(tmp_path) == before
    told = capsys.readouterr().out
    assert f"{output}: would be made; the rights of {tmp_path} allow it" in told
    on = "1 worker" if workers == (1, 1) else "2 to 4 workers"
    for word in ("training pairs", f"runs on   {on}, on a local", "parameters", "steps "):
        assert word in told
    told = yaml.safe_load(told.partition("settings  ")[2].partition("\n")[2])
    # What config.yaml would hold: the data as they were prepared, and nothing of other jobs.
    assert set(told) == {"data", "model", "training", "search", "scoring"}
    assert told["data"] == demo_dataset.described_settings
    assert told["training"] == settings.training.model_dump(mode="json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_dry_run_finds_what_cannot_be_written(demo_dataset, tmp_path) -> None:
    tmp_path.chmod(0o500)
    request = TrainRequest((demo_dataset.location,), Location(tmp_path / "run"), Settings())
    with pytest.raises(Exception, match="no right to write"):
        train(replace(request, dry_run=True))

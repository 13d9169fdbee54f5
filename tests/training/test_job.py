"""What a training refuses before it writes anything, and when it knows that it is done."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from corpora import make, write_lines
from logged import messages
from models import TINY

from nmt import bundle
from nmt.cluster import connection
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.metrics import signatures
from nmt.records.run import ValidationLine
from nmt.settings import Settings
from nmt.shards.batches import choose_shapes, count_batches
from nmt.shards.dataset import Dataset
from nmt.storage import lease
from nmt.storage.location import Location
from nmt.training import validations
from nmt.training.ray import job
from nmt.training.ray.job import train
from nmt.training.request import TrainRequest
from nmt.training.state import TrainingState


@pytest.fixture(scope="module")
def model(demo_bundle, tmp_path_factory) -> Location:
    """A MODEL with the vocabularies of the demo dataset."""
    location = Location(tmp_path_factory.mktemp("begin") / "model")
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    described = {"direction": {"source": "en", "target": "de"}}
    bundle.save(demo_bundle.model, *vocabularies, described, location)
    return location


def asked(dataset: Dataset, output: Path, **request: Any) -> TrainRequest:
    groups = {"model": {**TINY, **request.pop("model", {})}}
    groups["training"] = request.pop("training", {})
    settings = Settings.model_validate(groups)
    return TrainRequest((dataset.location,), Location(output), settings, **request)


def refused(request: TrainRequest) -> str:
    """The one line with which a request is refused, by a dry run and by a real one."""
    for dry in (True, False):
        with pytest.raises(UnusableInput) as caught:
            train(replace(request, dry_run=dry))
        assert "\n" not in str(caught.value)
    assert not request.output.exists()
    return str(caught.value)


def test_a_model_to_begin_with_must_be_of_the_same_kind(
    demo_dataset, model, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    output = tmp_path / "run"
    train(asked(demo_dataset, output, init_from=model, dry_run=True))
    said = capsys.readouterr().out
    assert "source_language: en" in said
    assert "target_language: de" in said  # the dataset's, whatever this command says of data
    line = refused(asked(demo_dataset, output, init_from=model, model={"decoder_units": 24}))
    assert "another architecture (model.decoder_units 20 → 24)" in line
    line = refused(asked(demo_dataset, output, init_from=model, model={"attention": "none"}))
    assert "model.attention bahdanau → none" in line
    languages = {"source_language": "en", "target_language": "fr"}
    french = make(tmp_path / "french", languages, demo=None, pairs=write_lines(
        tmp_path / "french.tsv", [b"The dog %d.\tLe chien %d." % (n, n) for n in range(99)]
    ))  # fmt: skip
    line = refused(asked(french, output, init_from=model))
    assert f"its target language is de, but that of {french.location} is fr" in line
    # As many subwords, but not the same ones.
    settings = {"vocab_size": 300, "valid_fraction": 0.05, "test_fraction": 0.05, "seed": 5}
    pairs = write_lines(tmp_path / "pairs.tsv", [b"zzqq xxyy %d\tqqyy zzxx" % n for n in range(99)])
    other = make(tmp_path / "other", settings, pairs=pairs)
    line = refused(asked(other, output, init_from=model))
    assert "vocabulary only" in line
    assert f"are in that of {other.location}; prepare the data with --vocabulary-from" in line
    damaged = Location(tmp_path / "damaged")
    line = refused(asked(demo_dataset, output, init_from=damaged))
    assert str(damaged) in line


def test_a_schedule_that_does_not_fit_the_data_is_refused(
    demo_dataset, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    shapes = choose_shapes(demo_dataset.widths(), 6, 1600)
    steps = 3 * count_batches(demo_dataset.widths(), shapes)
    training = {"epochs": 3, "warmup_steps": steps}
    line = refused(asked(demo_dataset, tmp_path / "run", training=training))
    assert f"training has {steps}" in line
    training["warmup_steps"] -= 1
    train(asked(demo_dataset, tmp_path / "run", training=training, dry_run=True))


def test_three_way_tying_needs_a_joint_vocabulary(demo_dataset, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    tied = {"tie_embeddings": "three-way", "embedding_dim": 16, "readout_units": 16}
    line = refused(asked(demo_dataset, tmp_path / "run", model=tied))
    assert "prepare it with --joint-vocabulary" in line
    settings = {"vocab_size": 120, "valid_fraction": 0.05, "test_fraction": 0.05}
    joint = make(tmp_path / "joint", {**settings, "joint_vocabulary": True}, demo=300)
    train(asked(joint, tmp_path / "run", model=tied, dry_run=True))


def test_more_gpus_than_the_machine_has_are_refused(demo_dataset, tmp_path, monkeypatch) -> None:
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    monkeypatch.setattr(connection, "connect", lambda _: ray)
    request = asked(demo_dataset, tmp_path / "run", use_gpu=True, devices=2)
    with pytest.raises(UnusableInput, match=r"2 GPUs each asked for, this machine has 0"):
        train(request)
    assert not request.output.exists()


@pytest.mark.parametrize("workers", [(2, 2), (1, 2)])
def test_several_cpus_in_each_of_several_workers_are_refused(
    demo_dataset, tmp_path, monkeypatch, workers
) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    line = refused(asked(demo_dataset, tmp_path / "run", workers=workers, devices=2))
    assert line.startswith("--devices-per-worker 2: ")
    assert "add --use-gpu, or give --devices-per-worker 1" in line
    for fitting in ({"workers": (1, 1)}, {"workers": workers, "use_gpu": True}):
        train(asked(demo_dataset, tmp_path / "run", devices=2, **fitting, dry_run=True))


@pytest.fixture
def machine(monkeypatch) -> Callable[[int], None]:
    """Makes Ray a machine with so many GPUs, where training takes no time."""

    def have(gpus: int) -> None:
        resources = {"CPU": 8.0, "GPU": float(gpus)}
        ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": resources}])
        monkeypatch.setattr(connection, "connect", lambda _: ray)
        trainer = SimpleNamespace(fit=lambda *_: None)
        monkeypatch.setitem(sys.modules, "nmt.training.ray.trainer", trainer)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    return have


@pytest.mark.parametrize(
    ("gpus", "request_", "told"),
    [
        (4, {}, "uses 0; --use-gpu would use them"),
        (4, {"use_gpu": True}, "uses 1; more --workers or --devices-per-worker would use them"),
        (4, {"use_gpu": True, "workers": (1, 2)}, "has 4 GPUs, and training uses 2; more"),
        (4, {"use_gpu": True, "devices": 4}, ""),
        (4, {"use_gpu": True, "workers": (1, 8)}, ""),
        (0, {}, ""),
    ],
)
def test_gpus_that_nobody_uses_are_told_of(
    demo_dataset, tmp_path, machine, capsys, gpus, request_, told
) -> None:
    machine(gpus)
    train(asked(demo_dataset, tmp_path / "run", **request_))
    warnings = messages(capsys.readouterr().err, "WARNING")
    assert len(warnings) == bool(told)
    assert told in "".join(warnings)


def test_a_dry_run_leaves_the_gpus_alone(demo_dataset, tmp_path, machine, monkeypatch) -> None:
    """TensorFlow would take their memory where the model is counted."""
    machine(1)
    seen = []
    module = SimpleNamespace(preview=lambda *_: [os.environ["CUDA_VISIBLE_DEVICES"]])
    monkeypatch.setitem(sys.modules, "nmt.training.preview", module)
    monkeypatch.setattr(job, "echo", seen.append)
    train(asked(demo_dataset, tmp_path / "run", use_gpu=True, dry_run=True))
    assert "-1" in seen


def test_the_driver_of_a_training_needs_no_tensorflow() -> None:
    """It would take seconds, memory, and that of GPUs that are the workers'."""
    code = "import sys, nmt.training.ray.trainer; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.fixture
def fitted(monkeypatch) -> list[Any]:
    """The leases under which trainings took place; they take no time and need no Ray."""
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    monkeypatch.setattr(connection, "connect", lambda _: ray)
    actual: list[Any] = []
    trainer = SimpleNamespace(fit=lambda *arguments: actual.append(arguments[-1]))
    monkeypatch.setitem(sys.modules, "nmt.training.ray.trainer", trainer)
    return actual


def test_of_two_jobs_on_one_output_the_second_ends(demo_dataset, tmp_path, fitted) -> None:
    request = asked(demo_dataset, tmp_path / "run")
    with lease.hold(request.output, 1.0) as held:
        with pytest.raises(JobFailed, match=r"run: another job writes to it: process \d+ on"):
            train(request)
        held.check()
        assert fitted == []
        assert not (request.output / "config.yaml").exists()
        train(replace(request, dry_run=True))
    train(request)  # which has ended now
    assert len(fitted) == 1
    train(request)
    assert len(fitted) == 2


def test_after_a_killed_job_the_next_one_takes_over(demo_dataset, tmp_path, fitted) -> None:
    """Even where all that it left is its lease."""
    request, now = asked(demo_dataset, tmp_path / "run"), time.time()
    left = lease.Lease(
        owner="gone", holder="process 1 on elsewhere", heartbeat=now, expires=now + 0.5
    )
    (request.output / lease.NAME).write_json(left)
    train(request)
    assert time.time() > left.expires - 0.2
    (held,) = fitted
    assert held.owner != "gone"


def test_what_another_job_finished_in_the_meantime_is_done(
    demo_dataset, tmp_path, fitted, monkeypatch, capsys
) -> None:
    request = asked(demo_dataset, tmp_path / "run", training={"epochs": 2})
    ray = connection.connect(None)

    def finish(_: str | None) -> Any:
        config = job.yaml.safe_dump(job._config(request, [demo_dataset]).to_json())
        (request.output / "config.yaml").write_text(config)
        progress = TrainingState(epoch=2, finished="epochs", epochs=2)
        (request.output / "status.json").write_json(progress.to_json())
        return ray

    monkeypatch.setattr(connection, "connect", finish)
    train(request)
    assert fitted == []
    assert "already ended (2 epochs)" in capsys.readouterr().err


def test_a_finished_training_says_why(demo_dataset, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    training = {"epochs": 9, "max_minutes": 10.0}
    request = asked(demo_dataset, tmp_path / "run", training=training)
    progress = TrainingState(minutes=8.2, finished="max_minutes", epochs=9, max_minutes=10.0)
    status = request.output / "status.json"
    status.write_json(progress.to_json())
    config = job._config(request, [demo_dataset])
    (request.output / "config.yaml").write_text(job.yaml.safe_dump(config.to_json()))
    train(request)
    assert "already ended (8.2 of 10.0 minutes)" in capsys.readouterr().err
    status.write_json(dataclasses.replace(progress, finished="patience").to_json())
    train(request)
    assert "validations without a better one (training.patience)" in capsys.readouterr().err
    more = asked(demo_dataset, tmp_path / "run", training={**training, "max_minutes": 11.0})
    status.write_json(progress.to_json())
    assert job._finished(more) == ""


def test_a_run_of_an_older_release_goes_on_under_the_defaults(demo_dataset, tmp_path) -> None:
    """Which is what it was trained with, where it did not know a setting."""
    request = asked(demo_dataset, tmp_path / "run")
    config = job._config(request, [demo_dataset])
    del config.settings["training"]["ema_decay"], config.settings["training"]["schedule"]
    (request.output / "config.yaml").write_text(job.yaml.safe_dump(config.to_json()))
    train(replace(request, dry_run=True))
    request = asked(demo_dataset, tmp_path / "run", training={"ema_decay": 0.9})
    with pytest.raises(UnusableInput, match=r"training\.ema_decay 0\.0 → 0\.9"):
        train(replace(request, dry_run=True))


def test_validations_that_were_scored_otherwise_are_not_continued(
    demo_dataset, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: pytest.fail("Ray was started"))
    output = Location(tmp_path / "run")
    names, actual = ("valid_loss", "accuracy", "bleu", "chrf", "seconds"), signatures("13a")
    values: dict[str, Any] = {"step": 1, "epoch": 0, "best": True, **dict.fromkeys(names, 1.0)}
    values |= {"signature": actual["BLEU"], "chrf_signature": actual["chrF"]}
    line = ValidationLine.model_validate(values)
    request = asked(demo_dataset, tmp_path / "run")
    (output / "config.yaml").write_text(
        yaml.safe_dump(job._config(request, [demo_dataset]).to_json())
    )
    validations.write(output, [line])
    assert validations.read(output) == [line]
    train(replace(request, dry_run=True))
    validations.write(output, [line.model_copy(update={"signature": signatures("char")["BLEU"]})])
    for dry in (True, False):
        with pytest.raises(UnusableInput, match="tok:char → tok:13a") as caught:
            train(replace(request, dry_run=dry))
        assert "give another --output" in str(caught.value)
    (output / "validations.tsv").write_text("step\tbleu\n1\t2.0\n")
    with pytest.raises(UnusableInput, match="of another release"):
        train(request)

"""What a worker does at the seam to Ray Train, without Ray."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray.train
from ray.train.v2._internal.execution.checkpoint.checkpoint_manager import CheckpointManager

from nmt.cluster.resources import Share
from nmt.errors import LeaseLost
from nmt.settings import Settings
from nmt.storage import lease, retry
from nmt.storage.final import FencedLocation
from nmt.storage.location import Location
from nmt.training.ray import trainer
from nmt.training.ray.trainer import Signals
from nmt.training.ray.worker import STOPPED, RayHooks, train_worker
from nmt.training.request import TrainRequest


@pytest.fixture
def run(tmp_path: Path) -> Location:
    return Location(tmp_path / "run")


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    actual: list[dict[str, Any]] = []
    monkeypatch.setattr(ray.train, "report", actual.append)
    return actual


@pytest.fixture
def held(run: Location) -> Iterator[lease.HeldLease]:
    with lease.hold(run) as actual:
        yield actual


def test_a_worker_whose_job_lost_the_output_stores_nothing(run, held, reported) -> None:
    """As that of a driver that is gone, before Ray ends it."""

    def save(folder: Path) -> None:
        (folder / "state").write_text("weights")

    channel = SimpleNamespace(note_checkpoint=SimpleNamespace(remote=lambda: None))
    hooks = RayHooks(channel, 0, FencedLocation(run, held.owner), Settings())
    try:
        hooks.report({"step": 5}, save)
        assert (run / "checkpoint_0000005" / "checkpoint.json").is_file()
        now = time.time()
        other = lease.Lease(owner="other", holder="process 7 on b", heartbeat=now, expires=now + 60)
        (run / lease.NAME).write_json(other.__dict__)
        with pytest.raises(LeaseLost, match="process 7 on b has taken over"):
            hooks.report({"step": 6}, save)
        assert [report["step"] for report in reported] == [5]
        assert not (run / "checkpoint_0000006").exists()
    finally:
        hooks.close()


@pytest.mark.parametrize("kind", ["link", "pipe", "broken list"])
def test_ray_train_opens_no_file_of_a_run(tmp_path: Path, run: Location, kind) -> None:
    """Whatever others left under the names of its own files."""
    folder, victim = tmp_path / "run", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("theirs")
    for name in (".validate_storage_marker", "checkpoint_manager_snapshot.json"):
        match kind:
            case "link":
                (folder / name).symlink_to(victim)
            case "pipe":
                os.mkfifo(folder / name)
            case "broken list":
                (folder / name).write_text("{")
    before = {path.name: path.lstat() for path in folder.iterdir()}
    request = TrainRequest((Location(tmp_path / "data"),), run, Settings())
    config = trainer._trainer(request, Share(1.0), None, "owner").run_config
    storage = config.storage_context
    manager = CheckpointManager(config.checkpoint_config, storage)
    manager._write_state_to_storage()
    CheckpointManager(config.checkpoint_config, storage)  # as Ray's controller begins anew
    assert victim.read_text() == "theirs"
    assert {path.name: path.lstat() for path in folder.iterdir()} == before


def test_a_driver_that_lost_the_output_ends(monkeypatch) -> None:
    def check() -> None:
        raise LeaseLost("another job has taken over")

    ended, fitted = threading.Event(), []
    sleeper = SimpleNamespace(fit=lambda: fitted.append(ended.wait(30)))
    monkeypatch.setattr(trainer, "_trainer", lambda *_: sleeper)
    lost: Any = SimpleNamespace(owner="x", check=check)
    nothing = SimpleNamespace(failure="")
    with pytest.raises(LeaseLost):
        trainer._attempt(nothing, *([nothing] * 2), lost, *([nothing] * 2), Signals())
    assert not fitted  # nothing waits for its end
    ended.set()


@pytest.mark.parametrize(
    ("workers", "words"),
    [((1, 4), "without it"), ((4, 4), "as soon as there is room for 4 workers elsewhere")],
)
def test_what_is_said_of_a_node_that_goes_is_what_comes(
    tmp_path, monkeypatch, capsys, workers, words
) -> None:
    """A fixed number of workers waits for a place for all of them, an elastic one does not."""
    answers = iter([STOPPED, "epochs"])
    monkeypatch.setattr(trainer, "_attempt", lambda *_: next(answers))
    monkeypatch.setattr(trainer.connection, "on_this_node", lambda _: {})
    monkeypatch.setattr(trainer, "Loggers", lambda _: SimpleNamespace(close=lambda _: None))
    reader = SimpleNamespace(failure="", close=lambda: None)
    monkeypatch.setattr(trainer, "ChannelReader", lambda *_: reader)
    actor = SimpleNamespace(remote=lambda: None)
    fake: Any = SimpleNamespace(remote=lambda **_: lambda _: actor)
    for name in ("WORKER_HEALTH_CHECK_TIMEOUT_S", "WORKER_GROUP_START_TIMEOUT_S"):
        monkeypatch.setenv(f"RAY_TRAIN_{name}", "300")
    place = Location(tmp_path)
    request = TrainRequest((place,), place / "run", Settings(), workers)
    trainer.fit(fake, request, Share(1.0), fake)
    assert f"a node is being taken away; training goes on {words}\n" in capsys.readouterr().err


def test_a_worker_waits_for_stores_from_the_beginning(monkeypatch) -> None:
    def context() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ray.train, "get_context", context)
    assert retry._patience == 0
    with pytest.raises(KeyboardInterrupt):
        train_worker({})
    assert retry._patience > 60

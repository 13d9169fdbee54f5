"""Jobs on a real cluster whose processes and machines are really taken away.

Each training ends with the very weights of one that nothing happened to; with fewer workers, with
the same but for rounding. A translation ends with every row.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, TINY, command, run
from processes import is_alive
from ray_head import QUIET, environment
from runs import (
    assert_same,
    assert_same_but_for_rounding,
    assert_same_losses,
    losses,
    newest,
    progress,
)

from nmt.storage.location import Location
from nmt.translation.verify.output import verify

pytestmark = pytest.mark.system

_PATIENCE = 600  # seconds; a generous limit for a loaded machine
ROWS = 100_000  # to translate
_MARK = "NMT_FAULTS"  # in the environment of the processes of this cluster

TRAINING = [
    *TINY,
    *("--set", "training.epochs=10", "--set", "training.batch_tokens=300"),
    *("--set", "training.dropout=0", "--set", "training.patience=99"),
    *("--set", "training.validate_every=200", "--set", "training.valid_sentences=4"),
    *("--set", "training.heatmaps=0", "--set", "training.checkpoint_minutes=0.03"),
    *("--set", "training.stall_seconds=20", "--max-failures", "5"),
]


class Machines:
    """A cluster of a head that does no work and nodes of one CPU each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._quiet: dict[str, Any] = {"include_dashboard": False}
        head = {"num_cpus": 0, **self._quiet}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = self.cluster.address
        self.nodes = [self.add() for _ in range(2)]

    def add(self) -> Any:
        return self.cluster.add_node(num_cpus=1, **self._quiet)

    def mend(self) -> None:
        """Have two nodes again, and Ray's autoscaling coordinator know it: it looks every 20 s."""
        if len(self.nodes) < 2:
            self.nodes.append(self.add())
            time.sleep(25)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**QUIET, _MARK: str(os.getpid()), "PYTHONPATH": str(ROOT)}.items():
            patch.setenv(name, value)
        found = Machines()
        yield found
        found.cluster.shutdown()


class Running:
    """A training in a process of its own; killed at the end of a test."""

    def __init__(
        self, machines: Machines, data: Path, output: Path, workers: str = "2", *options: str
    ) -> None:
        self.output, self.log = output, output.with_suffix(".log")
        words = ["--data", data, "--output", output, *TRAINING, "--workers", workers]
        words += ["--address", machines.address, *options]
        self._start = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command("train", *words), cwd=ROOT, env=environment(), stdout=log, stderr=log
            )

    def said(self) -> str:
        """What this process has shown so far."""
        return self.log.read_bytes()[self._start :].decode()

    def wait_for(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not what():
            assert self.process.poll() is None, f"it ended too early:\n{self.said()}"
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def wait_for_checkpoint(self, beyond: int = 0) -> int:
        """Wait until it stands between two checkpoints, after step `beyond`; returns the step."""
        self.wait_for(lambda: newest(self.output) > beyond)
        return newest(self.output)

    def wait_for_words(self, words: str) -> None:
        self.wait_for(lambda: words in self.said())

    def end(self, status: int = 0) -> str:
        """Wait for its end, and check its exit status."""
        assert self.process.wait(timeout=_PATIENCE) == status, self.said()
        return self.said()


@pytest.fixture
def start(machines: Machines, data: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts (or continues) a training in the test's own RUN."""
    machines.mend()
    started: list[Running] = []

    def begin(workers: str = "2", *options: str) -> Running:
        started.append(Running(machines, data, tmp_path / "run", workers, *options))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "dataset"
    run("prepare", "--demo", "1000", "--output", folder, "--valid-fraction", "0.05",
        "--test-fraction", "0")  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def undisturbed(machines: Machines, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The RUN of a training that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    said = Running(machines, data, output).end()
    assert "2 replicas: MultiWorkerMirroredStrategy, RING all-reduce" in said
    return output


def workers(title: str = "ray::RayTrainWorker") -> list[int]:
    """The processes of the workers on this cluster; Linux tells of them in /proc."""
    found, mark = [], f"{_MARK}={os.getpid()}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if not (place / "cmdline").read_bytes().startswith(title.encode()):
                continue
            # A worker's title is written over its environment; its raylet still has its own.
            lines = (place / "status").read_text().splitlines()
            parent = next(line.split()[1] for line in lines if line.startswith("PPid:"))
            if mark in (Path("/proc") / parent / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            continue
    return sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize("stall_seconds", [20, 600])
def test_workers_that_die_or_stall_are_replaced(start, undisturbed, stall_seconds) -> None:
    """One that is stopped is gone within two minutes: it cannot go on beside the new ones."""
    job = start("2", "--set", f"training.stall_seconds={stall_seconds}")
    step = job.wait_for_checkpoint()
    os.kill(workers()[1], signal.SIGKILL)
    job.wait_for_words("failure 1 (--max-failures 5): training goes on from the last checkpoint")
    job.wait_for_words("continuing from step")
    job.wait_for_checkpoint(beyond=step + 20)
    stopped, begun = workers()[0], time.monotonic()
    os.kill(stopped, signal.SIGSTOP)
    job.wait_for_words("failure 2 (--max-failures 5): training goes on from the last checkpoint")
    job.wait_for(lambda: not is_alive(stopped))
    assert time.monotonic() - begun < 120
    said = job.end()
    assert "was lost; failure 1" in said
    assert "does not answer; failure 2" in said
    assert_same(job.output, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "stall_seconds", "failures"), [("2", 600, 1), ("1", 20, 1), ("1", 600, 0)]
)
def test_a_worker_stopped_for_two_minutes_is_replaced_or_goes_on(
    start, undisturbed, count, stall_seconds, failures
) -> None:
    """TensorFlow notices one of two; nobody notices a single one before `stall_seconds`."""
    job = start(count, "--set", f"training.stall_seconds={stall_seconds}")
    job.wait_for_checkpoint()
    stopped = workers()[-1]
    os.kill(stopped, signal.SIGSTOP)
    step = newest(job.output)
    time.sleep(120)
    assert failures or newest(job.output) == step
    if stopped in workers():
        os.kill(stopped, signal.SIGCONT)
    said = job.end()
    lines = [line for line in said.splitlines() if "failure" in line]
    assert len(lines) == said.count("continuing from step") == failures, said
    for line in lines:
        assert re.search(r"worker [01] does not answer; failure 1 \(--max-failures 5\): tr", line)
    assert progress(job.output)["tokens"] == progress(undisturbed)["tokens"]
    (assert_same if count == "2" else assert_same_but_for_rounding)(job.output, undisturbed)


@pytest.mark.slow
def test_the_driver_can_be_killed_or_asked_to_end(start, undisturbed) -> None:
    job = start()
    step = job.wait_for_checkpoint()
    job.process.kill()
    job.end(-signal.SIGKILL)
    time.sleep(5)  # Ray ends the actors of a driver that is gone

    job = start()
    job.wait_for_words("continuing from step")
    job.wait_for_checkpoint(beyond=step + 20)
    before = newest(job.output)
    job.process.terminate()
    said = job.end(128 + signal.SIGTERM)
    assert "stopped by SIGTERM, with a checkpoint; run the same command again" in said
    stopped = newest(job.output)
    assert stopped >= before

    said = start().end()
    assert f"continuing from step {stopped}" in said
    assert_same(job.output, undisturbed)


@pytest.mark.slow
def test_a_node_may_leave_and_come_back(start, machines, undisturbed) -> None:
    job = start()
    job.wait_for_checkpoint()
    machines.cluster.remove_node(machines.nodes.pop())
    job.wait_for_words("failure 1 (--max-failures 5)")
    time.sleep(3)
    machines.mend()
    said = job.end()
    assert said.count("continuing from step") == 1
    assert_same(job.output, undisturbed)


@pytest.mark.slow
def test_an_elastic_training_goes_on_with_fewer_workers(start, machines, undisturbed) -> None:
    job = start("1:2")
    job.wait_for_checkpoint()
    machines.cluster.remove_node(machines.nodes.pop())
    said = job.end()
    assert "2 replicas: " in said
    assert said.rindex("1 replica; ") > said.index("failure 1")
    assert_same_but_for_rounding(job.output, undisturbed)


@pytest.mark.slow
def test_an_elastic_training_grows_and_shrinks_with_the_cluster(
    start, machines, undisturbed
) -> None:
    """No checkpoint is due; the one that growth begins with is made for it."""
    never = ["--set", "training.checkpoint_minutes=0", "--set", "training.validate_every=100000"]
    job = start("2:8", *never, "--set", "training.epochs=1000")
    job.wait_for_words(" 2 replicas: ")
    machines.nodes.append(machines.add())
    job.wait_for_words("there is room for 3 workers: training goes on with them")
    reached = max(losses(job.output))
    job.wait_for_words(" 3 replicas: ")
    grown = newest(job.output)
    assert f"continuing from step {grown}" in job.said()
    assert grown >= reached
    job.wait_for(lambda: max(losses(job.output)) > grown + 20)
    machines.cluster.remove_node(machines.nodes.pop())
    job.wait_for_words("failure 1 (--max-failures 5)")
    job.wait_for(lambda: job.said().count(" 2 replicas: ") == 2)
    time.sleep(10)
    job.process.terminate()
    job.end(128 + signal.SIGTERM)
    epochs = progress(job.output)["epoch"] + 1
    start("2:8", *never, "--set", f"training.epochs={epochs}").end()
    assert_same_losses(job.output, undisturbed)
    assert progress(job.output)["tokens"] * 10 == progress(undisturbed)["tokens"] * epochs


@pytest.mark.slow
def test_before_a_node_is_taken_away_a_checkpoint_is_made(start, machines, undisturbed) -> None:
    """By Ray's notice of a preemption; what follows is no failure."""
    job = start("1:2")
    job.wait_for_checkpoint()
    node = machines.nodes[-1]
    drain = ["--node-id", node.node_id, "--reason", "DRAIN_NODE_REASON_PREEMPTION"]
    drain += ["--reason-message", "spot", "--deadline-remaining-seconds", "300"]
    ray = Path(sys.executable).parent / "ray"
    subprocess.run(
        [str(ray), "drain-node", "--address", machines.address, *drain],
        env=environment(), check=True, capture_output=True,
    )  # fmt: skip
    job.wait_for_words("a node is being taken away; training goes on without it")
    step = newest(job.output)
    machines.cluster.remove_node(machines.nodes.pop())
    said = job.end()
    assert f"continuing from step {step}" in said
    assert "failure" not in said
    assert_same_but_for_rounding(job.output, undisturbed)


@pytest.mark.slow
def test_a_translation_takes_more_actors_and_outlives_a_node(
    machines, saved_models, tmp_path
) -> None:
    machines.mend()
    lines = [f"The dog number {i} sees {i % 97} cats." for i in range(ROWS)]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    output = Location(tmp_path / "out")
    options = ["--model", saved_models[0], "--input", tmp_path / "in.txt", "--output", output]
    options += ["--actors", "1:2", "--set", "search.max_length_ratio=0.5"]
    words = [*command("translate", *options), "--address", machines.address]
    job = subprocess.Popen(words, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        deadline, actors = time.monotonic() + _PATIENCE, {0}
        while actors != {0, 1, 2} or not (output / "_units").files(".json"):
            assert job.poll() is None, (actors, job.communicate()[1])
            assert time.monotonic() < deadline
            actors.add(len(workers("ray::MapWorker")))
            time.sleep(0.2)
        machines.cluster.remove_node(machines.nodes.pop())
        errors = job.communicate(timeout=_PATIENCE)[1]
    finally:
        job.kill()
    assert job.returncode == 0, errors
    assert "100,000 rows on 1 to 2 actors with 1 CPU each" in errors  # the head has no CPUs
    found = verify(output)
    assert found.violations == []
    assert found.rows == ROWS

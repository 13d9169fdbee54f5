"""Workers on a cluster: their resources, and the messages of their ends."""

from types import SimpleNamespace
from typing import Any

import pytest
from models import TINY
from ray.exceptions import ActorDiedError, RayTaskError

from nmt.benchmark.job import benchmark, start_workers
from nmt.benchmark.measurement import Workload
from nmt.benchmark.request import BenchmarkRequest
from nmt.cluster import connection
from nmt.cluster.resources import Share
from nmt.errors import JobFailed, UnusableInput
from nmt.settings import Settings

WORKLOAD = Workload("data", Settings(), 1, 1, 1, 1)


class Ray:
    """The part of Ray that `start_workers` uses, with workers that answer at once.

    Args:
        answers: of each method; an exception is raised where it is fetched.
        gpus: of the cluster's only node.
        room: whether a placement group is placed in time.
    """

    def __init__(self, answers: dict[str, Any], gpus: int = 0, room: bool = True) -> None:
        self.answers, self.gpus, self.room = answers, gpus, room
        self.requested: list[dict[str, Any]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.killed: list[Any] = []
        self.util = SimpleNamespace(placement_group=self._group, remove_placement_group=self._end)

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 4.0, "GPU": float(self.gpus)}}]

    def _group(self, bundles: list[Any]) -> Any:
        return SimpleNamespace(bundle_count=len(bundles), wait=lambda _: self.room)

    def _end(self, _: Any) -> None:
        self.calls.append(("room", "removed"))

    def put(self, value: Any) -> Any:
        return value

    def remote(self, **resources: Any) -> Any:
        self.requested.append(resources)
        return lambda _: SimpleNamespace(options=lambda **more: SimpleNamespace(remote=self._make))

    def _make(self, workload: Workload) -> Any:
        return Worker(self)

    def get(self, answers: list[Any]) -> list[Any]:
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def wait(self, answers: list[Any], **_: Any) -> None:
        self.calls.append(("waited", len(answers)))

    def kill(self, worker: Any) -> None:
        self.killed.append(worker)


class Worker:
    def __init__(self, ray: Ray) -> None:
        self._ray = ray

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            self._ray.calls.append((name, *arguments))
            return self._ray.answers.get(name)

        return SimpleNamespace(remote=remote)


def room(workers: int) -> Any:
    return SimpleNamespace(bundle_count=workers)


def test_every_worker_measures_the_same_with_its_share() -> None:
    ray = Ray({"training": 7})
    with start_workers(ray, room(3), Share(2, 1), WORKLOAD) as call:
        assert call("training", 1, 2) == [7, 7, 7]
        assert ray.killed == []
    assert ray.requested == [{"num_cpus": 2, "num_gpus": 1}]
    assert ray.calls[:3] == [("start",)] * 3
    assert ray.calls[3:6] == [("training", 1, 2)] * 3
    assert ray.calls[6:] == [*[("close",)] * 3, ("waited", 3)]
    assert len(ray.killed) == 3


@pytest.mark.parametrize("method", ["start", "training"])
def test_what_a_worker_refuses_is_said_in_its_words(method) -> None:
    refusal = RayTaskError("training", "Traceback\n  many lines", UnusableInput("x: no GPU; y"))
    ray = Ray({method: RayTaskError("outer", "Traceback", refusal).as_instanceof_cause()})
    with (
        pytest.raises(UnusableInput, match=r"^x: no GPU; y$"),
        start_workers(ray, room(2), Share(1), WORKLOAD) as call,
    ):
        call("training")
    assert len(ray.killed) == 2  # even so


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ActorDiedError(), "measuring: a task failed on the cluster: The actor died unexpectedly"),
        (RayTaskError("training", "Traceback\nKeyError: 3", KeyError(3)), "KeyError: 3; run it"),
    ],
)
def test_a_worker_that_dies_is_one_line(error, message) -> None:
    ray = Ray({"training": error})
    with (
        pytest.raises(JobFailed) as caught,
        start_workers(ray, room(1), Share(1), WORKLOAD) as call,
    ):
        call("training")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def request_(demo_dataset) -> Any:
    settings = Settings.model_validate({"model": TINY})
    return lambda **more: BenchmarkRequest(settings, data=demo_dataset.location, **more)


def test_gpus_that_a_machine_lacks_are_refused(request_, monkeypatch) -> None:
    monkeypatch.setattr(connection, "connect", lambda _: Ray({}, gpus=1))
    with pytest.raises(UnusableInput) as caught:
        benchmark(request_(workers=2, use_gpu=True))
    assert str(caught.value) == (
        "2 workers with 1 GPU each asked for, this machine has 1; lower --workers, leave out "
        "--use-gpu, or name a cluster with --address"
    )


def test_a_cluster_without_room_is_not_waited_for_for_ever(request_, monkeypatch, capsys) -> None:
    ray = Ray({}, room=False)
    monkeypatch.setattr(connection, "connect", lambda _: ray)
    with pytest.raises(JobFailed, match=r"no room for 9 workers with 1 CPU and 1 GPU each"):
        benchmark(request_(workers=9, use_gpu=True, address="somewhere:1"))
    assert ray.calls == [("room", "removed")]
    assert ray.requested == []
    assert "waiting up to 15 minutes for room" in capsys.readouterr().err

"""How a cluster is divided among workers, and what happens where they do not fit."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from nmt.cluster import resources
from nmt.cluster.resources import (
    Share,
    count_places,
    describe,
    share,
    threads_per_worker,
    wait_for_room,
)
from nmt.errors import JobFailed, UnusableInput


def node(cpus: float, gpus: float = 0, alive: bool = True) -> dict[str, Any]:
    """A line of ``ray.nodes()``; what a node does not have is not named there."""
    resources = {"CPU": cpus, "GPU": gpus, "memory": 1e9}
    resources = {name: amount for name, amount in resources.items() if amount}
    return {"Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([node(2)], 1, 2),
        ([node(2)], 2, 1),
        ([node(2)], 3, 0),
        ([node(8)], 3, 2),
        ([node(4), node(4)], 3, 2),  # 8 CPUs, but no node holds two workers of 3
        ([node(16), node(1)], 2, 8),
        ([node(8), node(6)], 3, 4),
        ([node(0), node(4)], 1, 4),
        ([node(4), node(64, alive=False)], 2, 2),
        ([], 1, 0),
    ],
)
def test_threads_are_as_many_as_let_all_workers_fit(nodes, workers, expected) -> None:
    assert threads_per_worker(nodes, workers) == expected


def test_threads_go_by_the_nodes_that_have_the_gpus() -> None:
    nodes = [node(64), node(8, gpus=4), node(8, gpus=4)]
    assert threads_per_worker(nodes, 8, gpus=1) == 2
    assert threads_per_worker(nodes, 2, gpus=4) == 8
    assert threads_per_worker(nodes, 2, gpus=3) == 8
    assert threads_per_worker(nodes, 3, gpus=3) == 0
    assert count_places(nodes, Share(1, 1)) == 8


@pytest.mark.parametrize(
    ("workers", "expected"),
    [((1, 1), 4), ((2, 2), 2), ((3, 3), 1), ((1, 2), 2), ((2, 4), 1), ((1, 9), 1)],
)
def test_a_machine_is_divided(workers, expected) -> None:
    assert share([node(4)], workers, own=True) == Share(expected)
    assert share([node(4)], workers, own=False) == Share(expected)


@pytest.mark.parametrize("cores", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("more", [1, 2, 3, 5, 12])
def test_workers_share_the_cores_of_ones_own_machine(cores, more) -> None:
    workers = cores + more
    found = share([node(cores)], (workers, workers + 3), own=True)
    assert 0 < found.cpus < 1
    assert found.threads == 1
    assert found.cpus * workers <= cores
    assert count_places([node(cores)], found) >= workers
    assert float(cores) // found.cpus >= workers  # how Ray Train counts
    assert round(found.cpus, 4) == found.cpus  # Ray's unit


def test_a_cluster_may_grow() -> None:
    assert share([node(2)], (4, 4), own=False) == Share(1)
    assert share([node(0)], (1, 1), gpus=2, own=False) == Share(1, 2)
    assert share([node(0)], (1, 1), gpus=2, own=False).resources == {"CPU": 1, "GPU": 2}


def test_gpus_cannot_be_shared() -> None:
    with pytest.raises(UnusableInput, match="this machine has 0; lower") as caught:
        share([node(2)], (1, 1), gpus=1, own=True)
    assert "\n" not in str(caught.value)
    with pytest.raises(UnusableInput, match="this machine has 3"):
        share([node(8, gpus=3)], (2, 2), gpus=2, own=True)
    with pytest.raises(UnusableInput, match="lower --workers or --devices-per-worker, leave"):
        share([node(8)], (1, 1), gpus=2, own=True)
    few_cores = share([node(2, gpus=4)], (4, 4), gpus=1, own=True)
    assert few_cores.resources == {"CPU": 0.4999, "GPU": 1}


def test_amounts_are_said_plainly() -> None:
    assert describe([node(2), node(8, alive=False)]) == "2 CPUs"
    assert describe([node(1, gpus=1), node(3)]) == "4 CPUs and 1 GPU on 2 nodes"
    assert Share(1).describe() == "1 CPU"
    assert Share(8, 2).describe() == "8 CPUs and 2 GPUs"


class Room:
    """What `wait_for_room` uses of Ray: a placement group that is or is not placed in time.

    Nodes tell that it has left only after having been asked a few times.
    """

    id = bytes([1, 2])

    def __init__(self, after: float) -> None:
        self.after, self.asked, self.removed, self.told, self.waited = after, [], 0, 0, 0.0
        self.util = SimpleNamespace(placement_group=self._ask, remove_placement_group=self._remove)

    def nodes(self) -> list[dict[str, Any]]:
        return [node(2)]

    def _ask(self, bundles: list[dict[str, float]]) -> "Room":
        self.asked.append(bundles)
        self.waited = 0.0
        return self

    def _remove(self, _: "Room") -> None:
        self.removed, self.told = self.removed + 1, 0

    def available_resources(self) -> dict[str, float]:
        assert self.removed == len(self.asked)
        self.told += 1
        return {"CPU": 2, **({"CPU_group_0_0102": 1} if self.told < 3 else {})}

    def wait(self, seconds: float) -> bool:
        self.waited += seconds
        return self.waited >= self.after


def test_a_cluster_with_room_is_not_waited_for(monkeypatch, capsys) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    ray = Room(after=0)
    wait_for_room(ray, Share(2, 1), 3)
    assert ray.asked == [[{"CPU": 2, "GPU": 1}] * 3]
    assert ray.removed == 1
    assert ray.told == 3
    assert capsys.readouterr().err == ""


def test_a_cluster_gets_time_to_grow_but_not_for_ever(monkeypatch, capsys) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    ray = Room(after=600)
    wait_for_room(ray, Share(1), 4)
    said = capsys.readouterr().err
    assert "waiting up to 15 minutes for room for 4 workers with 1 CPU" in said
    assert said.count("no room yet for 4 workers with 1 CPU each; ") == 9  # a line each minute
    with pytest.raises(JobFailed) as caught:
        wait_for_room(ray, Share(1), 4, seconds=60)
    assert ray.removed == 2
    line = str(caught.value)
    assert "no room for 4 workers with 1 CPU each; it has 2 CPUs; lower --workers" in line
    assert "\n" not in line


def test_room_is_kept_as_long_as_it_is_used() -> None:
    ray = Room(after=0)
    with resources.room(ray, Share(1), 2) as group:
        assert group is ray
        assert ray.removed == 0
    assert ray.removed == 1
    with pytest.raises(KeyError), resources.room(ray, Share(1), 2):
        raise KeyError
    assert ray.removed == 2

"""Translations on clusters of unequal machines, which others join: what runs is what was planned.

The machines are processes of Ray, and their CPUs numbers that nothing holds them to. Stand-ins for
actors show where they run; one translation is real.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stand_ins
from commands import ROOT
from logged import Recorder
from ray_head import QUIET

from nmt import bundle
from nmt.cluster import connection
from nmt.cluster.parallel_map import ActorPool, stream_units
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation import job, preview
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.request import TranslateRequest, identify
from nmt.translation.verify.output import verify

pytestmark = [pytest.mark.system, pytest.mark.slow]  # waits for machines that join

_PATIENCE = 300.0  # seconds; a generous limit for a loaded machine
_LARGE, _SMALL = 20_100, 300  # rows


class Machines:
    """A cluster of a head without CPUs, which machines join and leave."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._quiet: dict[str, Any] = {
            "include_dashboard": False,
            "object_store_memory": 100 * 2**20,
        }
        head = {"num_cpus": 0, **self._quiet}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []
        self.address = self._cluster.address
        self.ray = connection.connect(self.address)

    def join(self, *cpus: int) -> None:
        """Add machines with so many CPUs."""
        self._nodes += [self._cluster.add_node(num_cpus=count, **self._quiet) for count in cpus]
        self._wait()

    def clear(self) -> None:
        """Leave the head alone."""
        while self._nodes:
            self._cluster.remove_node(self._nodes.pop())
        self._wait()

    def sizes(self) -> dict[str, int]:
        """The CPUs of each machine."""
        return {node["NodeID"]: int(node["Resources"].get("CPU", 0)) for node in self._alive()}

    def close(self) -> None:
        self.ray.shutdown()
        self._cluster.shutdown()

    def _alive(self) -> list[dict[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while len(self._alive()) != len(self._nodes) + 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        for name, value in {**QUIET, "PYTHONPATH": path}.items():
            patch.setenv(name, value)
        found = Machines()
        yield found
        found.close()


@pytest.fixture
def machines(cluster: Machines) -> Iterator[Machines]:
    yield cluster
    cluster.clear()


@pytest.fixture
def request_of(machines, saved_models, tmp_path, monkeypatch) -> Callable[..., TranslateRequest]:
    """Makes the request of a translation of so many rows on the cluster."""
    # How long a row takes is no matter here.
    monkeypatch.setattr(preview, "_sample", lambda corpus, work: (0, 0, 0.0))

    def make(rows: int, **options: Any) -> TranslateRequest:
        (tmp_path / "in.txt").write_text("A dog sleeps.\n" * rows)
        search = SearchSettings(max_length_ratio=0.5, max_length_extra=4)
        models, out = (Location(saved_models[0]),), Location(tmp_path / "out")
        options |= {"search": search, "address": machines.address}
        return TranslateRequest(models, str(tmp_path / "in.txt"), out, **options)

    return make


class Job:
    """A job up to its decoding.

    Attributes:
        planned: the actors as ``--dry-run`` prints them.
        units: how many there are to do.
    """

    def __init__(self, request: TranslateRequest, ray: Any) -> None:
        info, corpus = bundle.check_all(request.models), inspect(request.input, "source")
        check(request, info, corpus)
        record = identify(request, info, corpus)
        self._request, self._ray, self._rows = request, ray, corpus.rows
        self._work = job.work_of(request, info, record, corpus)
        self.units = len(corpus.units())
        lines = list(preview.plan_of(request, info, corpus, self._work))
        (self.planned,) = [line.split(None, 1)[1] for line in lines if line.startswith("actors ")]

    def start(self) -> tuple[str, ActorPool]:
        """What the job logs of its actors once there is room, and their pool."""
        recorder = Recorder()
        pool = job._pool(self._request, self._work, None, self._rows, self.units, self._ray)
        (line,) = [line for line in recorder.messages if " rows on " in line]
        return line.partition(" rows on ")[2], pool

    def places(self, pool: ActorPool, first: Collection[str] | None = None) -> dict[int, tuple]:
        """Each stand-in that worked, by its process: node and CPUs.

        Args:
            pool: what they stand for.
            first: nodes; there is work until another one has done some.
        """
        folder = Path(tempfile.mkdtemp(dir=self._request.output.parent.path))
        seconds, count = (0.1, 24) if first is None else (1.0, 200)
        pool = replace(pool, make=stand_ins.make, arguments=(folder, pool.least, seconds))
        found = {}
        for _, (node, process, cpus) in stream_units(pool, range(count), title="standing in"):
            found[process] = node, cpus
            if first is not None and node not in first:
                (folder / stand_ins.ENOUGH).touch()
        return found


@pytest.mark.parametrize(
    ("sizes", "rows", "options", "layout", "expected"),
    [
        ((1, 1), _LARGE, {}, "2 actors with 1 CPU each", [(1, 1), (1, 1)]),
        ((1, 1), _SMALL, {}, "1 actor with 1 CPU", [(1, 1)]),
        ((1, 4), _LARGE, {}, "5 actors with 1 CPU each", [(1, 1), (4, 4)]),
        ((1, 4), _SMALL, {}, "1 actor with 4 CPUs", [(4, 1)]),
        ((1, 4), _LARGE, {"cpus_per_actor": 2}, "2 actors with 2 CPUs each", [(4, 2)]),
        ((1, 4), _LARGE, {"actors": (3, 3)}, "3 actors with 1 CPU each", None),
        ((1, 4), _LARGE, {"actors": (1, 8)}, "1 to 8 actors with 4 CPUs each", [(4, 1)]),
        ((1, 4), _LARGE, {"actors": (1, 8), "cpus_per_actor": 1},
         "1 to 8 actors with 1 CPU each", None),
    ],
)  # fmt: skip
def test_actors_run_where_they_were_planned(
    machines, request_of, sizes, rows, options, layout, expected
) -> None:
    machines.join(*sizes)
    task = Job(request_of(rows, **options), machines.ray)
    said, pool = task.start()
    assert task.planned == said == layout
    places = task.places(pool)
    have = machines.sizes()
    assert {cpus for _, cpus in places.values()} == {pool.share.cpus}
    assert pool.least <= len(places) <= pool.most
    used = Counter(node for node, _ in places.values())
    assert all(count * pool.share.cpus <= have[node] for node, count in used.items())
    # CPUs of each machine that was used, and actors on it.
    found = sorted((have[node], count) for node, count in used.items())
    assert expected in (None, found)


@pytest.mark.parametrize(
    ("before", "joins", "options", "layout", "most"),
    [
        ((1,), (4,), {"actors": (2, 2)}, "2 actors with 1 CPU each", 2),
        ((), (4,), {"actors": (1, 8)}, "1 to 8 actors with 1 CPU each", 4),
        ((1,), (4,), {"cpus_per_actor": 4, "actors": (1, 8)}, "1 to 8 actors with 4 CPUs each", 1),
        ((), (1, 1), {}, "1 actor with 1 CPU", 1),
    ],
)
def test_a_job_waits_for_the_machines_that_it_was_planned_for(
    machines, request_of, before, joins, options, layout, most
) -> None:
    machines.join(*before)
    rows = _SMALL if not options else _LARGE
    task = Job(request_of(rows, **options), machines.ray)
    waits, deadline = Recorder(), time.monotonic() + _PATIENCE
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(task.start)
        while not any(line.startswith("waiting up to") for line in waits.messages):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        machines.join(*joins)
        said, pool = starting.result()
    assert task.planned == said == layout
    places = task.places(pool)
    assert pool.least <= len(places) <= most
    assert {cpus for _, cpus in places.values()} == {pool.share.cpus}


def test_a_pool_takes_the_room_of_a_machine_that_joins_while_it_runs(machines, request_of) -> None:
    machines.join(1)
    task = Job(request_of(_LARGE, actors=(1, 8)), machines.ray)
    said, pool = task.start()
    assert task.planned == said == "1 to 8 actors with 1 CPU each"
    first = set(machines.sizes())
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(task.places, pool, first)
        time.sleep(3)
        machines.join(4)
        places = running.result()
    used = Counter(node for node, _ in places.values())
    (joined,) = machines.sizes().keys() - first
    assert 1 <= used[joined] <= 4


def test_a_real_translation_on_unequal_machines(machines, request_of) -> None:
    machines.join(1, 4)
    request = request_of(_SMALL, heatmaps=0)
    planned, logged = Job(request, machines.ray).planned, Recorder()
    outcome = job.translate(request)
    assert outcome is not None
    assert f"{_SMALL} rows on {planned}" in logged.messages
    assert planned == "1 actor with 4 CPUs"
    assert verify(request.output).rows == _SMALL

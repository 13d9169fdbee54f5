"""A job that is stopped after its last look at the lease, and wakes when another has taken over.

It goes on with what it was about to do, whatever that is. Who took over may be killed, too.
Once `_SUCCESS` stands, whoever reads the whole folder sees each row once, as that job stored it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from output_runs import run

from nmt.errors import LeaseLost
from nmt.storage import compare_and_swap, final
from nmt.storage import s3 as objects
from nmt.storage.compare_and_swap import locked
from nmt.storage.location import Location
from nmt.translation.verify.output import repair, verify


class Killed(BaseException):
    """The process is gone."""


class Jobs:
    """Jobs on one output, of which the newest has the lease; a thread each.

    Attributes:
        stop: number of the change before which the first job is stopped.
        kill: number of the change before which the second is killed; None is never.
    """

    def __init__(self, stop: int, kill: int | None = None) -> None:
        self.stop, self.kill = stop, kill
        self.stopped, self.woken = threading.Event(), threading.Event()
        self._changes: dict[str, int] = {}
        self._owner = ""
        self.ends: dict[str, str] = {}

    def change(self) -> None:
        """What happens before a change of the store."""
        name = threading.current_thread().name
        number = self._changes[name] = self._changes.get(name, -1) + 1
        if name == "first" and number == self.stop:
            self.stopped.set()
            assert self.woken.wait(60)
        if name == "second" and number == self.kill:
            raise Killed

    def begin(self, name: str, folder: Location, beam: int = 1) -> threading.Thread:
        def work() -> None:
            try:
                run(folder, beam, f"by the {name}", guard)
                self.ends[name] = "done"
            except LeaseLost:
                self.ends[name] = "lost"
            except Killed:
                self.ends[name] = "killed"

        def guard() -> None:
            if self._owner != name:
                raise LeaseLost("another job has taken over")

        self._owner = name
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def watched(monkeypatch) -> Iterator[Any]:
    """A list whose only member's `change` is called before each change of a store."""
    jobs: list[Jobs] = []
    holding = threading.local()

    @contextmanager
    def lock(file: Location) -> Iterator[None]:
        """Who is stopped while it holds a lock keeps the others from it: that ends their jobs."""
        if jobs:
            jobs[0].change()
        with locked(file):
            holding.lock = True
            try:
                yield
            finally:
                holding.lock = False

    def counted(real: Any) -> Any:
        def change(*given: Any) -> Any:
            if jobs and not getattr(holding, "lock", False):
                jobs[0].change()
            return real(*given)

        return change

    for name in ("_store", "write_within", "delete"):
        monkeypatch.setattr(Location, name, counted(getattr(Location, name)))
    for name in ("put", "delete"):
        monkeypatch.setattr(objects, name, counted(getattr(objects, name)))
    for module in (final, compare_and_swap):
        monkeypatch.setattr(module, "locked", lock)
    return jobs


def contents(folder: Location) -> dict[str, bytes]:
    return {
        str(file): file.read_bytes()
        for file in folder.files(recursive=True)
        if file.name != "_lease.json"
    }


def texts(folder: Location) -> list[tuple[int, str]]:
    """All rows below ``translations/``, as pandas, Spark or DuckDB read them."""
    table = ds.dataset(folder.path + "/translations", filesystem=folder.filesystem).to_table()
    return sorted((row["id"], row["translation"]) for row in table.to_pylist())


def play(watched: list[Jobs], folder: Location, stop: int, kill: int | None = None) -> Jobs:
    """The first job is stopped, the second takes over, and perhaps a third; the first wakes."""
    jobs = Jobs(stop, kill)
    watched[:] = [jobs]
    first = jobs.begin("first", folder)
    while first.is_alive() and not jobs.stopped.wait(0.001):
        pass
    names = ["second"] if kill is None else ["second", "third"]
    for name in names:
        jobs.begin(name, folder).join(60)
    assert (folder / "_SUCCESS").is_file()
    before, rows = contents(folder), texts(folder)
    assert [number for number, _ in rows] == list(range(6))
    jobs.woken.set()
    first.join(60)
    watched.clear()
    assert contents(folder) == before
    assert texts(folder) == rows
    checked = verify(folder)
    assert (checked.violations, checked.notes) == ([], [])
    return jobs


@pytest.mark.system
def test_a_job_that_wakes_changes_nothing(tmp_path: Path, watched) -> None:
    stops = 0
    while True:
        jobs = play(watched, Location(tmp_path / f"{stops}"), stops)
        if not jobs.stopped.is_set():
            break
        assert jobs.ends["first"] == "lost", stops
        stops += 1
    assert stops >= 12  # marker, three units of two files, heatmap, report, manifest, end


def some_stops() -> Iterator[Any]:
    """All moments at which the first may be stopped, a few of them in the fast suite."""
    for stop in range(12):
        marks = () if stop in (1, 6, 10) else pytest.mark.slow
        yield pytest.param(stop, marks=marks)


@pytest.mark.parametrize("stop", some_stops())
def test_a_job_that_wakes_after_others_were_killed_changes_nothing(
    tmp_path: Path, watched, stop
) -> None:
    kills = 0
    while True:
        jobs = play(watched, Location(tmp_path / f"{kills}"), stop, kills)
        if jobs.ends["second"] != "killed":
            break
        kills += 1
    assert kills >= 3


def overwritten(watched, folder: Location, stop: int) -> tuple[Jobs, dict[str, bytes]]:
    """A third generation is finished when the second wakes; with what that one finds."""
    run(folder, 1)
    jobs = Jobs(stop)
    watched[:] = [jobs]
    first = jobs.begin("first", folder, 2)
    while first.is_alive() and not jobs.stopped.wait(0.001):
        pass
    jobs.begin("second", folder, 3).join(60)
    before = contents(folder)
    jobs.woken.set()
    first.join(60)
    watched.clear()
    return jobs, before


@pytest.mark.system
def test_of_jobs_that_overwrite_the_one_that_wakes_leaves_no_row_on_a_store(
    s3, tmp_path, watched
) -> None:
    """Of a unit that it goes on to store nothing stays. It may remove `_SUCCESS`, and leave a
    heatmap that nothing names."""
    for stop in range(16):
        folder = Location(f"s3://nmt/over {tmp_path.name}/{stop}")
        jobs, before = overwritten(watched, folder, stop)
        assert jobs.stopped.is_set() == (jobs.ends["first"] == "lost")
        after, name = contents(folder), str(folder / "_SUCCESS")
        for file in after.keys() - before.keys():
            assert "/heatmaps/g2-" in file
            del after[file]
        assert after | {name: b""} == before | {name: b""}, (stop, after.keys() ^ before.keys())
        assert [number for number, _ in texts(folder)] == list(range(6))


@pytest.mark.system
def test_of_jobs_that_overwrite_the_one_that_wakes_changes_nothing(tmp_path, watched) -> None:
    stops = 0
    while True:
        folder = Location(tmp_path / f"{stops}")
        jobs, before = overwritten(watched, folder, stops)
        if not jobs.stopped.is_set():
            break
        assert contents(folder) == before
        checked = verify(folder)
        assert (checked.violations, checked.notes) == ([], [])
        stops += 1
    assert stops >= 14


def test_a_repair_that_wakes_removes_nothing(tmp_path, watched) -> None:
    for stop in range(1, 3):  # first it takes the lease
        folder = Location(tmp_path / f"{stop}")
        run(folder)
        jobs = Jobs(stop)
        watched[:] = [jobs]
        first = threading.Thread(target=repair, args=(folder, {1}), name="first", daemon=True)
        first.start()
        assert jobs.stopped.wait(60)
        lease = folder / "_lease.json"
        lease.write_json({**lease.read_json(), "owner": "other", "released": True})
        watched.clear()
        (folder / "_SUCCESS").delete()
        run(folder)
        before = contents(folder)
        jobs.woken.set()
        first.join(60)
        assert contents(folder) == before


@pytest.mark.system
def test_a_job_that_wakes_changes_nothing_on_a_store(s3, tmp_path, watched) -> None:
    for stop in range(12):
        jobs = play(watched, Location(f"s3://nmt/fence {tmp_path.name}/{stop}"), stop, stop // 2)
        assert jobs.stopped.is_set()

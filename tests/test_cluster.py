"""Joining a cluster and starting a local Ray: what they are given, and how they fail."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import ray.data
from ray import exceptions as errors

from nmt import console
from nmt.cluster import connection, parallel_map
from nmt.cluster.resources import Share
from nmt.errors import ChangedFile, JobFailed, StoreAway, UnusableInput


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Gives back what `connect` sets."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("RAY_")]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def refused(address: str | None) -> str:
    """The line with which a job ends that cannot connect."""
    with pytest.raises(JobFailed) as caught:
        connection.connect(address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def starting(monkeypatch, answer: Any = None) -> list[dict[str, str]]:
    """Ray as a stand-in: the environments in which it is started; it raises an answer."""
    environments = []

    def init(**_: Any) -> None:
        environments.append(dict(os.environ))
        if answer is not None:
            raise answer

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    return environments


def test_own_is_what_nobody_named() -> None:
    assert connection.is_own(None)
    assert connection.is_own("local")
    assert not connection.is_own("auto")
    assert not connection.is_own("10.0.0.1:6379")


@pytest.mark.parametrize("address", [None, "auto"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Exception("The current node timed out. This could happen."), "The current node timed out"),
        (RuntimeError("Failed to start GCS.  Last lines:\nC: it died\n"), "Failed to start GCS"),
        (RuntimeError("Failed.\n The specified port is 6379. This"), "port 6379 is taken"),
        (ConnectionError("Failed to connect to Ray"), "Failed to connect to Ray"),
        (TimeoutError(), "TimeoutError"),
        (ray.exceptions.AuthenticationError("no token was found"), "no token was found"),
        (ValueError("object_store_memory is too small\n\tby far"), "object_store_memory is too sm"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_whatever_ray_raises_is_told_in_one_line(monkeypatch, address, error, reason) -> None:
    starting(monkeypatch, error)
    assert reason in refused(address)


def test_a_ray_that_does_not_come_up_is_told_with_its_logs(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    folder = tmp_path / f"nmt-{os.getuid()}" / "ray"
    session = folder / f"session_2026-01-05_01-30-00_000000_{os.getpid()}"
    session.mkdir(parents=True)
    (folder / "session_2026-01-05_01-31-00_000000_1").mkdir()
    starting(monkeypatch, Exception("The current node timed out during startup."))
    assert f"(The current node timed out during startup); its logs in {session}/logs" in refused(
        None
    )


def test_a_temporary_folder_that_cannot_be_used(monkeypatch, tmp_path) -> None:
    """As Ray itself says it."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_TMPDIR", f"{tmp_path}/{'x' * 107}")
    line = refused(None)
    assert "path length cannot exceed 107 bytes" in line
    assert "set RAY_TMPDIR to a folder that can be written to and has a short name" in line
    Path(tmp_path / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", f"{tmp_path}/file")
    assert "Not a directory" in refused(None)


def test_a_folder_of_somebody_else_is_not_used(monkeypatch, tmp_path) -> None:
    """One that is there with the name of ours: as a link, or of another user."""
    environments = starting(monkeypatch)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    ours = tmp_path / f"nmt-{os.getuid()}"
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    ours.symlink_to(tmp_path / "elsewhere")
    assert f"a local Ray cannot start here ({ours} is a link or belongs to another user)" in (
        refused(None)
    )
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755
    ours.unlink()
    ours.mkdir(mode=0o777)
    with monkeypatch.context() as patch:
        other = os.getuid() + 1
        patch.setattr(os, "getuid", lambda: other)
        theirs = ours.rename(tmp_path / f"nmt-{other}")
        assert "belongs to another user" in refused(None)
    theirs.rename(ours)
    assert not environments
    connection.connect(None)  # this user's own is closed to others
    assert ours.stat().st_mode & 0o777 == 0o700


class Rows:
    """A data set of Ray's, done in this process."""

    def __init__(self, rows: list[Any], **_: Any) -> None:
        self._rows = rows

    def map(self, work: Any, fn_constructor_args: tuple = (), **_: Any) -> "Rows":
        do = work(*fn_constructor_args) if isinstance(work, type) else work
        return Rows([do(row) for row in self._rows])

    def iter_rows(self) -> Iterator[Any]:
        yield from self._rows


def fail(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (StoreAway("s3://b/x: the store failed"), True),
        (UnusableInput("s3://b/x: access denied"), True),
        (ChangedFile("s3://b/x: changed"), False),
        (JobFailed("ends the night"), False),
    ],
)
@pytest.mark.parametrize("bad", [1, 2, 3, 9])
def test_the_trouble_of_an_actor_is_not_the_nights(monkeypatch, bad, error, again) -> None:
    """A unit whose actor found the store away is done by another; where all do, the job ends."""
    monkeypatch.setattr(ray.data, "from_items", Rows)
    tries: list[int] = []

    def make(_: None) -> Any:
        def work(unit: int) -> int:
            tries.append(unit)
            if unit < bad and tries.count(unit) < 3:
                raise error
            return 10 * unit

        return work

    pool = parallel_map.ActorPool(make, (None,), 1, 2, Share(1))
    results = parallel_map.stream_units(pool, range(20), title="translating")
    if again and bad <= 3:
        assert sorted(results) == [(unit, 10 * unit) for unit in range(20)]
    else:
        with pytest.raises(type(error)):
            list(results)
        assert len(tries) <= 20


@pytest.mark.parametrize("where", ["task", "actor", "actor that starts"])
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("1 error for Suspect\nscore\n  see https://…"), "ValueError: 1 error for Susp"),
        (KeyError(), "KeyError; run it again"),
        (UnusableInput("a file: no number; remove it"), "a file: no number; remove it"),
    ],
)
def test_a_unit_that_fails_says_why(monkeypatch, where, error, line) -> None:
    """The last lines of what Ray says are a hint that is always the same."""
    monkeypatch.setattr(ray.data, "from_items", Rows)
    work: Any = fail
    if where != "task":
        make, value = (fail, error) if where == "actor that starts" else (lambda _: fail, None)
        work = parallel_map.ActorPool(make, (value,), 1, 1, Share(1))
    with pytest.raises((JobFailed, UnusableInput)) as caught:
        list(parallel_map.stream_units(work, [error], title="translating"))
    assert line in str(caught.value)
    assert isinstance(caught.value, UnusableInput) == isinstance(error, UnusableInput)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.ActorDiedError(), "The actor died unexpectedly before finishing this task"),
        (errors.WorkerCrashedError(), "The worker died unexpectedly while executing this task"),
        (
            errors.RayTaskError("f", "Traceback\nC: b\n hint", ValueError("a\n b\n hint")),
            "ValueError: a",
        ),
        (
            errors.ActorDiedError(errors.RayTaskError("f", "Traceback\nValueError: a", None)),
            "ValueError: a",
        ),
    ],
)
def test_an_error_of_ray_is_told_by_its_cause(error, line) -> None:
    told = str(connection.explained(error, "measuring"))
    assert told == f"measuring: a task failed on the cluster: {line}; run it again"


def test_an_address_where_nobody_listens() -> None:
    assert "cannot join the Ray cluster at 127.0.0.1:1 (Connection refused)" in refused(
        "127.0.0.1:1"
    )


def test_an_address_where_something_else_listens(monkeypatch) -> None:
    starting(monkeypatch)
    over = threading.Event()
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0)
    monkeypatch.setattr("ray._raylet.GcsClient", lambda address: over.wait())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = refused(f"127.0.0.1:{listener.getsockname()[1]}")
    over.set()
    assert "(no answer of a Ray cluster within 0 s); check --address" in line


def test_the_address_of_a_dashboard_is_no_cluster() -> None:
    line = refused("http://127.0.0.1:8265")
    assert line.startswith("http://127.0.0.1:8265 is the address of a dashboard")


def test_a_local_ray_has_time_to_start_its_own_token_and_our_niceness(monkeypatch) -> None:
    environments = starting(monkeypatch)
    connection.connect(None)
    connection.connect(None)
    first, second = environments
    assert first["RAY_worker_niceness"] == "0"
    assert int(first["RAY_raylet_start_wait_time_s"]) > 100
    assert int(first["RAY_gcs_server_port_wait_time_s"]) > 100
    tokens = {first["RAY_AUTH_TOKEN"], second["RAY_AUTH_TOKEN"]}
    assert [len(token) for token in tokens] == [64, 64]
    assert not {"RAY_AUTH_TOKEN", "RAY_AUTH_MODE"} & os.environ.keys()


def test_what_the_environment_says_stays(monkeypatch) -> None:
    given = {"RAY_worker_niceness": "5", "RAY_raylet_start_wait_time_s": "7"}
    given |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of another Ray"}
    os.environ.update(given)
    environments = starting(monkeypatch)
    connection.connect("auto")
    connection.connect(None)
    joined, local = environments
    assert given.items() <= joined.items()
    assert "RAY_gcs_server_port_wait_time_s" not in joined
    assert {**given, "RAY_AUTH_TOKEN": local["RAY_AUTH_TOKEN"]}.items() <= local.items()
    assert local["RAY_AUTH_TOKEN"] != "of another Ray"
    assert given.items() <= os.environ.items()


@pytest.mark.parametrize("reader", ["stream", "spread", "run"])
def test_who_reads_no_further_ends_the_data_set(monkeypatch, reader) -> None:
    """Whatever keeps the generators: Ray Data's thread would start another Ray."""
    ended, kept = [], []

    class Watched(Rows):
        def map(self, work: Any, fn_constructor_args: tuple = (), **_: Any) -> "Watched":
            return Watched(super().map(work, fn_constructor_args)._rows)

        def iter_rows(self) -> Iterator[Any]:
            try:
                yield from self._rows
            finally:
                ended.append(True)

    monkeypatch.setattr(ray.data, "from_items", Watched)
    units = list(range(100))
    match reader:
        case "stream":
            kept.append(parallel_map.stream_units(str, units, title="x"))
        case "spread":
            kept.append(parallel_map.spread(str, units, title="x"))
        case "run":
            monkeypatch.setattr(console.Activity, "advance", fail_at_once)
            with pytest.raises(JobFailed):
                parallel_map.run_units(str, units, distributed=True, title="x")
    for generator in kept:
        next(generator)
        generator.close()
    assert ended


def fail_at_once(*_: Any) -> None:
    raise JobFailed("no longer")

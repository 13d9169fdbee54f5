"""Of several jobs one may write, and it goes on after another that was killed."""

import fcntl
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace

import pytest

from nmt.errors import JobFailed, UnusableInput
from nmt.storage import compare_and_swap, lease
from nmt.storage import s3 as objects
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.lease import check_owner, hold
from nmt.storage.location import Location


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.system), "settled"])
def place(request, tmp_path, monkeypatch) -> Location:
    """An output on each kind of store; the last one knows no conditions."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        return Location(f"s3://nmt/lease {tmp_path.name}")
    if request.param == "settled":
        monkeypatch.setattr(compare_and_swap, "_SETTLE_SECONDS", 0.2)
        monkeypatch.setattr(compare_and_swap, "versioned_file", compare_and_swap._SettledFile)
        monkeypatch.setattr(lease, "versioned_file", compare_and_swap._SettledFile)
    return Location(tmp_path / "out")


def test_of_many_one_replaces_a_version(place) -> None:
    for _ in range(2):
        barrier = threading.Barrier(6)

        def attempt(number: int, barrier: threading.Barrier = barrier) -> bool:
            own = compare_and_swap.versioned_file(place / "x.json")
            _, version = own.read()
            barrier.wait()
            return own.replace(f"{number} {time.time_ns()}".encode(), version)

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(attempt, range(6))) == 1


def test_a_version_that_is_gone_is_not_replaced(place) -> None:
    one, other = (compare_and_swap.versioned_file(place / "x") for _ in range(2))
    assert one.read() == (None, None)
    assert one.replace(b"a", None)
    assert not other.replace(b"b", None)
    data, version = one.read()
    assert data == b"a"
    assert other.replace(b"c", version)
    assert not one.replace(b"d", version)
    assert one.read()[0] == b"c"


def test_a_lease_is_held_by_one_and_given_back(place) -> None:
    with hold(place, 3.0) as held:
        held.check()
        check_owner(place, held.owner)
        with (
            pytest.raises(
                JobFailed, match=r"another job writes to it: process \d+ on .+ last seen"
            ),
            hold(place, 3.0),
        ):
            pass
        held.check()
    with hold(place, 3.0) as again:  # at once
        assert again.owner != held.owner
        with pytest.raises(JobFailed, match="lost its lease"):
            check_owner(place, held.owner)


def killed(place: Location, seconds: float) -> None:
    """Leave what a killed job leaves: a lease that nobody renews."""
    now = time.time()
    left = lease.Lease(
        owner="gone", holder="process 1 on elsewhere", heartbeat=now, expires=now + seconds
    )
    (place / lease.NAME).write_json(left.__dict__)


def test_a_lease_of_a_killed_job_is_taken_over_after_its_time(place) -> None:
    killed(place, 0.5)
    begin = time.monotonic()
    with hold(place, 3.0) as held:
        assert time.monotonic() >= begin + 0.5
        held.check()
        check_owner(place, held.owner)
        with pytest.raises(JobFailed, match="lost its lease"):
            check_owner(place, "gone")


@pytest.mark.parametrize("ahead", [-4000, 4000])
def test_no_clock_is_believed(tmp_path, monkeypatch, ahead) -> None:
    """A job whose clock is wrong neither takes a lease that is renewed, nor waits for long."""
    place = Location(tmp_path)
    with hold(place, 2.0) as held:
        real = time.time
        other = SimpleNamespace(**vars(time) | {"time": lambda: real() + ahead})
        monkeypatch.setattr(lease, "time", other)
        with pytest.raises(JobFailed, match="another job writes to it"), hold(place, 2.0):
            pass
        monkeypatch.undo()
        held.check()
    killed(place, 0.5)
    monkeypatch.setattr(lease, "time", other)
    with hold(place, 2.0) as taken:
        taken.check()


def test_a_job_that_lost_its_lease_stops(tmp_path) -> None:
    place = Location(tmp_path)
    with hold(place, 0.5) as held:
        # Paused for too long, it was taken for dead.
        file = tmp_path / lease.NAME
        other = {**json.loads(file.read_text()), "owner": "other", "holder": "process 7 on b"}
        Location(file).write_json({**other, "expires": time.time() + 60})
        held._thread.join(30)  # it has seen that
        with pytest.raises(JobFailed, match="process 7 on b has taken over") as caught:
            held.check()
        assert "\n" not in str(caught.value)
    assert json.loads(file.read_text())["owner"] == "other"  # and is not given back by us


def test_a_lease_is_renewed_while_it_is_held(tmp_path) -> None:
    with hold(Location(tmp_path), 1.0):
        first = later = json.loads((tmp_path / lease.NAME).read_text())
        while later == first:
            time.sleep(0.02)
            later = json.loads((tmp_path / lease.NAME).read_text())
    assert later["owner"] == first["owner"]
    assert later["expires"] > first["expires"]


def test_a_lease_that_cannot_be_renewed_is_a_warning(tmp_path, capsys) -> None:
    """Whatever is in the way: here a pipe that somebody has put in the place of the lock."""
    with hold(Location(tmp_path), 0.3) as held:
        lock = tmp_path / f".{lease.NAME}.lock.tmp"
        lock.unlink()
        os.mkfifo(lock)
        deadline = time.monotonic() + 30
        while "cannot be renewed" not in (said := capsys.readouterr().err):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        held.check()
    assert f"{tmp_path}: its lease cannot be renewed, so another job may take over (" in said


def test_what_is_no_lease_is_replaced(tmp_path) -> None:
    (tmp_path / lease.NAME).write_text("nonsense")
    with hold(Location(tmp_path), 1.0) as held:
        check_owner(Location(tmp_path), held.owner)


@pytest.mark.system
@pytest.mark.parametrize("answer", ["ignores", "refuses"])
def test_a_store_that_keeps_to_no_condition_is_found_out(s3, monkeypatch, answer) -> None:
    """It takes every PUT, or none with a condition; then the last writer wins."""
    from botocore.exceptions import ClientError

    monkeypatch.setattr(compare_and_swap, "_SETTLE_SECONDS", 0.2)
    own = versioned_file(Location(f"s3://nmt/no conditions/{answer}"))
    client = objects.s3_client(Location(f"s3://nmt/no conditions/{answer}"))
    put = client.put_object

    def without(**given: object) -> object:
        conditions = {given.pop(name, None) for name in ("IfNoneMatch", "IfMatch")} - {None}
        if conditions and answer == "refuses":
            raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutObject")
        return put(**given)

    monkeypatch.setattr(client, "put_object", without)
    for data in (b"one", b"two"):
        assert own.replace(data, own.read()[1])
        assert own.read()[0] == data
    assert own._settled is not None
    other = versioned_file(Location(f"s3://nmt/no conditions/{answer}"))
    version = own.read()[1]
    assert other.replace(b"three", other.read()[1])
    assert not own.replace(b"four", version)


def test_a_secret_never_shows(monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "public-part")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-hidden")
    place = Location("s3://bucket/x?region=us-east-1&endpoint_override=127.0.0.1:9&scheme=http")
    own = versioned_file(place)
    client = objects.s3_client(place)
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.region_name == "us-east-1"
    with pytest.raises(UnusableInput, match="no answer; check AWS_ENDPOINT_URL") as caught:
        own.read()
    assert "very-hidden" not in str(caught.value) + repr(vars(own))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "expires",
    [4_000_000_000, 1e18, "inf", "soon", None, -5, "1e999", "NaN", "9" * 5000],
    ids=lambda value: str(value)[:12],
)
def test_a_lease_that_no_job_can_have_holds_nobody_up(tmp_path, expires, monkeypatch) -> None:
    monkeypatch.setattr(lease.time, "sleep", lambda _: pytest.fail("waits"))
    shown = expires if expires in ("1e999", "NaN") or expires == "9" * 5000 else json.dumps(expires)
    text = f'{{"owner": "x", "holder": "y", "heartbeat": {time.time()}, "expires": {shown}}}'
    (tmp_path / lease.NAME).write_text(text)
    with hold(Location(tmp_path), 3.0) as held:
        held.check()
        check_owner(Location(tmp_path), held.owner)


def test_a_lease_is_no_large_object(tmp_path) -> None:
    (tmp_path / lease.NAME).write_bytes(b" " * (2 << 20))
    with pytest.raises(UnusableInput, match="bytes, more than the"), hold(Location(tmp_path), 3.0):
        pass


def test_a_lock_is_private_and_is_not_waited_for_without_end(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(compare_and_swap, "_LOCK_SECONDS", 0.2, raising=False)
    own = compare_and_swap.versioned_file(Location(tmp_path / "x.json"))
    assert own.replace(b"a", None)
    lock = tmp_path / ".x.json.lock.tmp"
    assert lock.stat().st_mode & 0o777 == 0o600
    with lock.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as pool:  # released afterwards, should it wait
            answer = pool.submit(own.replace, b"b", b"a")
            done, _ = wait([answer], 10)
            fcntl.flock(handle, fcntl.LOCK_UN)
    assert done, "it waits as long as the other pleases"
    with pytest.raises(JobFailed, match="another process has held this lock"):
        answer.result()

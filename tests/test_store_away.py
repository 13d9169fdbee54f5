"""A store that is away for a moment ends no job that has begun; one that stays away does."""

import threading
import time
from collections.abc import Iterator

import pytest
from s3 import S3Server

from nmt import lease, storage
from nmt.errors import JobFailed, StoreAway, UnusableInput
from nmt.lease import hold
from nmt.storage import Location, persistently, wait_for_stores


def test_what_passes_is_tried_again() -> None:
    tries = []

    def action() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise StoreAway("s3://b/x: the store failed")
        return "done"

    with pytest.raises(StoreAway):
        persistently(action)
    assert len(tries) == 1  # nothing was begun yet
    wait_for_stores(60)
    assert persistently(action) == "done"


def test_what_the_user_can_mend_is_not(monkeypatch) -> None:
    wait_for_stores(60)
    monkeypatch.setattr(storage.time, "sleep", lambda _: pytest.fail("it waited"))

    def action() -> None:
        raise UnusableInput("s3://b/x: access denied")

    with pytest.raises(UnusableInput):
        persistently(action)


@pytest.fixture
def store(tmp_path, monkeypatch) -> Iterator[S3Server]:
    """A server of the test's own, which may be killed."""
    server = S3Server(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.start()
    yield server
    server.kill()


@pytest.mark.system
def test_a_killed_store_that_comes_back_loses_nothing(store) -> None:
    place = Location("s3://nmt/out")
    with hold(place, 2.0) as held:
        (place / "a").write_text("before")
        store.kill()
        with pytest.raises(UnusableInput, match="check AWS_ENDPOINT_URL"):
            (place / "b").write_text("its address may be wrong")
        wait_for_stores(2)
        start = time.monotonic()
        with pytest.raises(JobFailed, match="run the same command again") as caught:
            (place / "b").write_text("it stays away")
        assert "\n" not in str(caught.value)
        assert time.monotonic() - start > 1
        wait_for_stores(120)
        back = threading.Timer(3, store.start)
        back.start()
        assert (place / "a").read_text() == "before"
        (place / "b").write_text("after")
        back.join()
        assert (place / "b").read_text() == "after"
        assert [file.name for file in place.files()] == [lease.NAME, "a", "b"]
        time.sleep(2)
        held.check()
        assert lease._parse((place / lease.NAME).read_bytes()).owner == held.owner

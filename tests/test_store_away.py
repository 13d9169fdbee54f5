"""A store that is away for a moment ends no job that has begun; one that stays away does."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3 import S3Server

from nmt.errors import JobFailed, StoreAway, UnusableInput
from nmt.records import TableEntry
from nmt.shards.batches import Batch, Shape, epoch_batches
from nmt.shards.row_groups import row_groups
from nmt.storage import lease
from nmt.storage.lease import hold
from nmt.storage.location import Location
from nmt.storage.retry import retry, wait_for_stores


def test_what_passes_is_tried_again() -> None:
    tries = []

    def action() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise StoreAway("s3://b/x: the store failed")
        return "done"

    with pytest.raises(StoreAway):
        retry(action)
    assert len(tries) == 1  # nothing was begun yet
    wait_for_stores(60)
    assert retry(action) == "done"


def test_what_the_user_can_mend_is_not(monkeypatch) -> None:
    wait_for_stores(60)
    monkeypatch.setattr("nmt.storage.retry.time.sleep", lambda _: pytest.fail("it waited"))

    def action() -> None:
        raise UnusableInput("s3://b/x: access denied")

    with pytest.raises(UnusableInput):
        retry(action)


def batches(file: Location) -> Iterator[Batch]:
    """An epoch of the pairs in a file of many row groups, of which each is a window."""
    groups = row_groups(file, TableEntry(bytes=file.info().size, sha256=file.sha256(), rows=200))
    dataset = SimpleNamespace(row_groups=lambda split: groups)
    return epoch_batches(dataset, [Shape(10, 4)], seed=1, epoch=0, window=1)


def pairs() -> pa.Table:
    lists = pa.array([[4 + i, 5] for i in range(200)], pa.list_(pa.int32()))
    return pa.table({"source_ids": lists, "target_ids": lists})


def test_what_fails_amid_reading_is_read_again(tmp_path, monkeypatch) -> None:
    """A store that is away while a row group is read, not only when its file is opened."""
    file = Location(tmp_path / "part.parquet")
    file.write_table(pairs(), row_group_size=10)
    expected = list(batches(file))
    wait_for_stores(60)
    monkeypatch.setattr("nmt.storage.retry._AWAY_PAUSES", (0.01, 0.01))
    failures, read = iter([True, True, False] * 20), pq.ParquetFile.read_row_group

    def failing(*arguments, **more):
        if next(failures):
            raise StoreAway("s3://b/x: the store failed")
        return read(*arguments, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", failing)
    for found, batch in zip(batches(file), expected, strict=True):
        np.testing.assert_array_equal(found.source, batch.source)


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


@pytest.mark.system
def test_training_reads_on_when_a_killed_store_is_back(store) -> None:
    file = Location("s3://nmt/data/part.parquet")
    file.write_table(pairs(), row_group_size=10)
    expected = list(batches(file))
    wait_for_stores(120)
    found = batches(file)
    first = next(found)
    store.kill()
    back = threading.Timer(3, store.start)
    back.start()
    again = [first, *found]
    back.join()
    assert len(again) == len(expected) == 20
    for one, other in zip(again, expected, strict=True):
        np.testing.assert_array_equal(one.source, other.source)


class Failing:
    """A filesystem whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str):
        def fail(*args: object) -> None:
            raise self.error

        return fail


@pytest.mark.parametrize(
    ("uri", "error", "kind", "hint"),
    [
        ("s3://b-b/x", "AWS Error NO_SUCH_BUCKET during X", UnusableInput, "no such bucket"),
        ("s3://b-b/x", "InvalidBucketName: no", UnusableInput, "3 to 63 lower-case"),
        ("s3://My_Bucket/x", "AWS Error UNKNOWN (HTTP status 400)", UnusableInput, "3 to 63"),
        ("s3://b-b/x", "AWS Error ACCESS_DENIED", UnusableInput, "AWS_ACCESS_KEY_ID"),
        ("s3://b-b/x", "AWS Error SLOW_DOWN\n during X", JobFailed, "run the same command again"),
        ("gs://b/x", "PERMISSION_DENIED", UnusableInput, "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://b/x", "UNAVAILABLE", JobFailed, "run the same command again"),
    ],
)
def test_a_failing_store_is_one_line(uri, error, kind, hint) -> None:
    location = Location(uri)
    for attempt in (
        location.exists,
        location.files,
        location.read_bytes,
        lambda: location.write_bytes(b"x"),
        location.delete,
    ):
        location.__dict__["_resolved"] = (Failing(OSError(error)), "x")
        with pytest.raises(kind) as caught:
            attempt()
        assert hint in str(caught.value)
        assert str(caught.value).startswith(uri)
        assert "\n" not in str(caught.value)


def test_a_store_that_fails_while_it_is_read_is_one_line() -> None:
    class Cut:
        def __enter__(self) -> "Cut":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, *_: object) -> bytes:
            raise OSError("AWS Error INTERNAL_FAILURE")

    class Store:
        type_name = "gcs"

        def open_input_file(self, _: str) -> Cut:
            return Cut()

    location = Location("s3://bucket/x?region=us-east-1")
    location.__dict__["_resolved"] = (Store(), "bucket/x")
    for attempt in (location.read_bytes, location.sha256):
        with pytest.raises(JobFailed, match="run the same command again"):
            attempt()


def test_a_path_through_a_file_is_refused_in_one_line(tmp_path) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UnusableInput, match="a part of this path is a file"):
        Location(tmp_path / "file.txt/below").write_text("y")

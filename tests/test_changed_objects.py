"""An object of a store that another one replaces while it is read: of that not a byte is read."""

import gzip
import io
import pickle
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3 import S3Server

from nmt.corpus.readers import open_pairs
from nmt.errors import ChangedFile, StoreAway, UnusableInput
from nmt.formats.detection import LINES
from nmt.formats.text_files import each_line
from nmt.storage import s3 as objects
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit

ROWS = [f"The dog {number} sleeps." for number in range(600)]


def packed(ending: str, rows: list[str]) -> bytes:
    if ending == "parquet":
        file = io.BytesIO()
        table = pa.table({"source": rows, "target": rows})
        pq.write_table(table, file, compression="none", use_dictionary=False)
        return file.getvalue()
    text = "".join(f"{row}\n" for row in rows).encode()
    return gzip.compress(text, mtime=0) if ending == "txt.gz" else text


def put(s3: S3Server, key: str, data: bytes) -> None:
    s3.client().put_object(Bucket="nmt", Key=key, Body=data)


def refused(action: Callable[[], Any], name: str) -> None:
    with pytest.raises(ChangedFile, match=rf"^s3://nmt/{re.escape(name)}: changed, or another"):
        action()


@pytest.mark.parametrize("others", ["shorter", "of the same size", "longer"])
def test_an_open_object_gives_nothing_of_another(s3, others) -> None:
    """pyarrow's own reader fills what is missing of a shorter one from its memory."""
    data = packed("txt", ROWS)
    other = {"shorter": data[:16], "of the same size": data[::-1], "longer": data + data}[others]
    put(s3, "changed/a.txt", data)
    with Location("s3://nmt/changed/a.txt").open() as file:
        assert (file.size(), file.read(9)) == (len(data), data[:9])
        put(s3, "changed/a.txt", other)
        for action in (lambda: file.read(9000), file.read, lambda: file.readinto(bytearray(50))):
            refused(action, "changed/a.txt")
        put(s3, "changed/a.txt", data)  # as it was
        assert file.read() == data[9:]
        assert file.read() == file.read(5) == b""
    s3.client().delete_object(Bucket="nmt", Key="changed/a.txt")
    with pytest.raises(UnusableInput, match="no such file"):
        Location("s3://nmt/changed/a.txt").open()


@pytest.mark.parametrize("ending", ["txt", "txt.gz", "parquet"])
@pytest.mark.parametrize("others", ["fewer", "others"])
def test_a_unit_is_read_from_the_object_that_was_looked_at(s3, ending, others) -> None:
    """Size and time tell nothing of it: a store gives times in seconds."""
    key = f"units/{others}/a.{ending}"
    other = ROWS[:1] if others == "fewer" else [row.replace("dog", "cat") for row in ROWS]
    put(s3, key, packed(ending, ROWS))
    corpus = inspect(f"s3://nmt/units/{others}/a.{ending}", "source")
    (unit,) = corpus.units()[:1]
    unit = pickle.loads(pickle.dumps(unit))  # to another process
    assert len(read_unit(unit, "source", None).texts) == unit.rows
    assert corpus.changed() == []
    put(s3, key, packed(ending, other))
    refused(lambda: read_unit(unit, "source", None), key)
    assert corpus.changed() == [f"s3://nmt/{key}"]
    s3.client().delete_object(Bucket="nmt", Key=key)
    assert corpus.changed() == [f"s3://nmt/{key}"]


@pytest.mark.parametrize("ending", ["txt", "txt.gz"])
def test_lines_and_pairs_are_read_from_the_object_that_was_looked_at(s3, ending) -> None:
    key = f"lines/a.{ending}"
    rows = [f"{row}\t{row}" for row in ROWS]
    put(s3, key, packed(ending, rows))
    reader = open_pairs(Location(f"s3://nmt/{key}"))
    assert len(list(reader.rows())) == len(ROWS)
    lines = each_line(PinnedFile(Location(f"s3://nmt/{key}")), LINES)
    put(s3, key, packed(ending, rows[::-1]))
    refused(lambda: list(reader.rows()), key)
    assert next(lines).decode() == rows[-1]  # looked at when it was asked for a line


def test_a_store_that_knows_no_condition_is_compared(s3, monkeypatch) -> None:
    put(s3, "plain/a.txt", b"one\n" * 9)
    version = objects.version_of(Location("s3://nmt/plain/a.txt"))
    client = objects.s3_client(Location("s3://nmt/plain/a.txt"))
    real = client.get_object
    monkeypatch.setattr(client, "get_object", lambda IfMatch, **names: real(**names))
    put(s3, "plain/a.txt", b"two\n" * 9)
    refused(objects.open_object(Location("s3://nmt/plain/a.txt"), version).read, "plain/a.txt")
    short = version._replace(etag=real(Bucket="nmt", Key="plain/a.txt")["ETag"], size=99)
    with pytest.raises(StoreAway, match=r"it gave 36 bytes \(.*\) where 99 were asked for"):
        objects.open_object(Location("s3://nmt/plain/a.txt"), short).read()


ODD = {
    "no tag": lambda answer: answer.pop("ETag"),
    "an empty tag": lambda answer: answer.update(ETag=""),
    "no length": lambda answer: answer.pop("ContentLength"),
    "a length below zero": lambda answer: answer.update(ContentLength=-1),
    "a length beyond all": lambda answer: answer.update(ContentLength=10**25),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_does_not_say_what_it_is_about_is_refused(s3, monkeypatch, odd) -> None:
    place = Location("s3://nmt/odd answers/a.txt")
    place.write_bytes(b"one\n")
    client = objects.s3_client(place)
    for name in ("head_object", "get_object"):
        real = getattr(client, name)

        def answer(real=real, **given: Any) -> Any:
            said = real(**given)
            ODD[odd](said)
            return said

        monkeypatch.setattr(client, name, answer)
    for attempt in (place.open, place.is_file, place.read_bytes):
        with pytest.raises(StoreAway, match="without the entity tag or the length"):
            attempt()


def test_a_range_that_is_another_one_is_refused(s3, monkeypatch) -> None:
    place = Location("s3://nmt/odd answers/b.txt")
    place.write_bytes(b"0123456789")
    client = objects.s3_client(place)
    real = client.get_object
    monkeypatch.setattr(
        client, "get_object", lambda Range, **given: real(Range="bytes=0-2", **given)
    )
    with place.open() as file:
        assert file.read(3) == b"012"
        with pytest.raises(StoreAway, match=r"3 bytes \(bytes 0-2/10\) where 3 were asked for"):
            file.read(3)


def test_a_public_object_is_read_without_credentials(s3, monkeypatch) -> None:
    """As pyarrow reads it: the request is not signed, and the store says what it thinks of it."""
    put(s3, "public/a.txt", b"one\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UnusableInput, match="access denied; check AWS_ACCESS_KEY_ID"):
        objects.version_of(Location("s3://nmt/public/a.txt"))


def test_a_key_that_is_no_path_is_refused(monkeypatch) -> None:
    """Such keys may lie in a bucket of S3; read as paths, one object would be read twice."""
    folder = Location("s3://nmt/in?region=us-east-1")
    folder.__dict__["_resolved"] = (SimpleNamespace(type_name="s3"), "nmt/in")

    def page(**query: str) -> dict[str, Any]:
        assert query == {"Bucket": "nmt", "Prefix": "in/"}
        return {"Contents": [{"Key": f"in/{name}", "Size": 3} for name in names]}

    client = SimpleNamespace(list_objects_v2=page)
    monkeypatch.setattr("nmt.storage.s3_filesystem.s3_client", lambda _: client)
    names = ["a.txt", "b/c.txt"]
    assert [str(file) for file in folder.files(recursive=True)] == [
        f"s3://nmt/in/{name}?region=us-east-1" for name in names
    ]
    for name in ("/b.txt", "b//c.txt", "b/../c.txt", "./b.txt"):
        names = ["a.txt", name]
        with pytest.raises(UnusableInput, match="is no path; rename it") as caught:
            folder.files(recursive=True)
        assert repr(name) in str(caught.value)

"""Files are stored whole or not at all, and secrets appear nowhere."""

import json
import os
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.errors import UnusableInput
from nmt.storage import Location, hash_json, refuse_secrets


def test_what_is_written_is_read(tmp_path) -> None:
    folder = Location(tmp_path / "new" / "folder")
    (folder / "a.bin").write_bytes(b"\x00\xff")
    (folder / "b.txt").write_text("Käse\u2028")
    (folder / "c.json").write_json({"ü": [1, 2.5, None]})
    (folder / "d.parquet").write_table(pa.table({"x": [1, 2]}))
    assert (folder / "a.bin").read_bytes() == b"\x00\xff"
    assert (folder / "b.txt").read_text() == "Käse\u2028"
    assert (folder / "c.json").read_json() == {"ü": [1, 2.5, None]}
    assert pq.read_table(tmp_path / "new/folder/d.parquet").column("x").to_pylist() == [1, 2]
    assert [file.name for file in folder.files()] == ["a.bin", "b.txt", "c.json", "d.parquet"]
    assert [file.name for file in folder.files(".json")] == ["c.json"]
    assert (folder / "a.bin").sha256() == (
        "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8"
    )


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    file = Location(tmp_path / "a.txt")
    file.write_text("old")
    real = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        real(path, data[: len(data) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="no space"):
        file.write_text("new and longer")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]  # no litter either


def test_readers_never_see_a_part(tmp_path, monkeypatch) -> None:
    file = Location(tmp_path / "a.txt")
    seen = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(file.exists()), real(a, b)))
    file.write_text("x")
    assert seen == [False]
    assert file.read_text() == "x"


def test_folders_and_deleting(tmp_path) -> None:
    folder = Location(tmp_path / "f")
    assert not folder.exists()
    assert folder.files() == []
    folder.delete()  # nothing there, nothing happens
    (folder / "sub/x.txt").write_text("x")
    (folder / "y.txt").write_text("y")
    assert folder.is_folder()
    assert not folder.is_file()
    assert (folder / "y.txt").is_file()
    assert [file.uri for file in folder.files(recursive=True)] == [
        str(tmp_path / "f/sub/x.txt"),
        str(tmp_path / "f/y.txt"),
    ]
    assert [file.name for file in folder.files()] == ["y.txt"]
    (folder / "y.txt").delete()
    assert not (folder / "y.txt").exists()
    folder.delete()
    assert not (tmp_path / "f").exists()


def test_upload_copies_files_and_trees(tmp_path) -> None:
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/a").write_bytes(b"1")
    (tmp_path / "from/deep/b").write_bytes(b"2")
    Location(tmp_path / "to").upload(tmp_path / "from")
    Location(tmp_path / "one").upload(tmp_path / "from/a")
    assert (tmp_path / "to/deep/b").read_bytes() == b"2"
    assert (tmp_path / "to/a").read_bytes() == (tmp_path / "one").read_bytes() == b"1"


def test_names_of_one_place_are_equal(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = Location(tmp_path / "x" / "y")
    for name in ("x/y", "x/y/", "./x/../x/y", f"file://{tmp_path}/x/y", f"{tmp_path}/x/y"):
        assert Location(name) == absolute
        assert hash(Location(name)) == hash(absolute)
    assert absolute.parent / "y" == absolute
    assert absolute.name == "y"
    assert absolute.is_local
    remote = Location("s3://bucket/a/?endpoint_override=http://h:1")
    assert str(remote / "b" / "c") == "s3://bucket/a/b/c?endpoint_override=http://h:1"
    assert (remote / "b").parent == remote / "b" / ".." or (remote / "b").parent.uri == remote.uri
    assert not remote.is_local


def test_a_relative_path_is_made_absolute_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    location = Location("a.txt")
    monkeypatch.chdir("/")
    location.write_text("x")
    assert (tmp_path / "a.txt").exists()


def test_a_relative_path_in_a_submitted_job_is_refused(tmp_path, monkeypatch) -> None:
    config = {"metadata": {"job_submission_id": "raysubmit_1"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(config))
    for name in ("data/x", "x", "./x", "file://x"):
        with pytest.raises(UnusableInput, match="use an absolute path or a URI") as caught:
            Location(name)
        assert "\n" not in str(caught.value)
    assert Location(tmp_path / "x").uri == str(tmp_path / "x")
    assert Location("s3://bucket/x").uri == "s3://bucket/x"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    Location("data/x")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://KEY:SECRET@bucket/x",
        "s3://KEY:SECRET@bucket/x?endpoint_override=http://h",
        "s3://KEY@bucket/x",
        "s3://bucket/x?access_key=KEY&secret_key=SECRET",
        "s3://bucket/x?Secret_Key=SECRET",
        "gs://bucket/x?token=SECRET",
        "abfs://c@account.dfs.core.windows.net/x?sas_token=SECRET",
        "hdfs://user:SECRET@host:9000/x",
    ],
)
def test_secrets_in_a_uri_are_refused_and_not_repeated(uri) -> None:
    for attempt in (Location, refuse_secrets):
        with pytest.raises(UnusableInput) as caught:
            attempt(uri)
        assert "AWS_SECRET_ACCESS_KEY" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "SECRET@" not in str(caught.value)
        assert "KEY" not in str(caught.value).replace("_KEY", "")
        assert "SECRET" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")


def test_a_location_never_carries_credentials(monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "public-part")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-hidden")
    location = Location("s3://bucket/x?region=us-east-1&endpoint_override=http://127.0.0.1:9")
    assert location.filesystem.type_name == "s3"
    assert location.path == "bucket/x"
    for shown in (repr(location), str(location), pickle.dumps(location).decode("latin-1")):
        assert "very-hidden" not in shown
        assert "public-part" not in shown
    again = pickle.loads(pickle.dumps(location))
    assert again == location
    assert again.path == "bucket/x"


def test_unusable_names(tmp_path) -> None:
    with pytest.raises(UnusableInput, match="empty path"):
        Location("")
    with pytest.raises(UnusableInput, match="not a usable URI") as caught:
        Location("nonsense://x/y").exists()
    assert "\n" not in str(caught.value)
    with pytest.raises(UnusableInput, match="no such file; check the path"):
        Location(tmp_path / "none").read_bytes()
    with pytest.raises(UnusableInput) as caught:
        Location(tmp_path).read_bytes()  # a folder
    assert str(tmp_path) in str(caught.value)


def test_equal_values_have_equal_hashes() -> None:
    assert hash_json({"a": 1, "b": [1, "ü"]}) == hash_json({"b": [1, "ü"], "a": 1})
    assert len({hash_json(value) for value in ({"a": 1}, {"a": "1"}, {"a": 1.5}, {}, [])}) == 5

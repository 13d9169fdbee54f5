"""Files are stored whole or not at all, and secrets appear nowhere."""

import errno
import hashlib
import json
import os
import pickle

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from nmt.cli.settings_file import read_config
from nmt.errors import UnusableInput
from nmt.storage.credentials import refuse_secrets
from nmt.storage.location import Location


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


def test_a_stored_table_is_described(tmp_path) -> None:
    entry = Location(tmp_path / "t.parquet").write_table(pa.table({"x": range(10)}), 4)
    data = (tmp_path / "t.parquet").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert entry.to_json() == {"rows": 10, "bytes": len(data), "sha256": digest}
    assert pq.ParquetFile(tmp_path / "t.parquet").metadata.num_row_groups == 3


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    file = Location(tmp_path / "a.txt")
    file.write_text("old")
    real = os.fdopen

    class Full:
        def __init__(self, *arguments) -> None:
            self.file = real(*arguments)

        def __enter__(self):
            return self

        def __exit__(self, *_) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            self.file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fdopen", Full)
    with pytest.raises(OSError, match="no space"):
        file.write_text("new and longer")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]  # no litter either


def test_readers_never_see_a_part(tmp_path, monkeypatch) -> None:
    file = Location(tmp_path / "a.txt")
    seen = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda *a, **k: (seen.append(file.exists()), real(*a, **k)))
    file.write_text("x")
    assert seen == [False]
    assert file.read_text() == "x"


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
    for name in ("data/x", "x", "./x"):
        with pytest.raises(UnusableInput, match="use an absolute path or a URI") as caught:
            Location(name)
        assert "\n" not in str(caught.value)
    assert Location(tmp_path / "x").uri == str(tmp_path / "x")
    assert Location("s3://bucket/x").uri == "s3://bucket/x"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    Location("data/x")


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("s3://KEY:SECRET@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY:SECRET@bucket/x?endpoint_override=http://h", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY:SEC/RET@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("S3://KEY:SEC#RET@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?access_key=KEY&secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?Secret_Key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?X-Amz-Signature=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("gs://bucket/x?token=SECRET", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://KEY@bucket/x", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("abfs://c@a.dfs.core.windows.net/x?sas_token=SECRET", "AZURE_CLIENT_SECRET"),
        ("abfs://c@a.dfs.core.windows.net/x?account_key=SECRET", "AZURE_CLIENT_SECRET"),
        ("abfss://c@a.dfs.core.windows.net/x?client_secret=SECRET", "AZURE_CLIENT_SECRET"),
        ("abfs://c@a.blob.core.windows.net/x?sv=1&sig=SECRET", "AZURE_CLIENT_SECRET"),
        ("abfs://c:SECRET@a.dfs.core.windows.net/x", "AZURE_CLIENT_SECRET"),
        ("hdfs://user:SECRET@host:9000/x", "environment"),
        ("s3://bucket/x?endpoint_override=http://KEY:SECRET@h:1", "environment"),
        ("s3://bucket/x?region=x&proxy_options=http://KEY:SECRET@h:1", "HTTPS_PROXY for a proxy"),
        ("s3://bucket/x?proxy=SECRET", "HTTPS_PROXY for a proxy"),
        ("s3://bucket/x#secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x%23secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?region=x#secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x;access_key=KEY;secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?region=x;secret_key=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?KEY=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?SECRET", "environment"),
        ("s3://bucket/x?region=KEY/SECRET=", "environment"),
        ("abfs://c@a.dfs.core.windows.net/x?sas=SECRET", "AZURE_CLIENT_SECRET"),
        ("abfs://c@a.dfs.core.windows.net/x?sv=1&se=SECRET", "environment"),
        ("file:///x?sas=SECRET", "environment"),
        ("s3://KEY%3ASECRET%40bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY%3ASEC%2FRET%40bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY%3ASEC/RET%40bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY%253ASECRET%252540bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY\uff1aSECRET\uff20bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY:SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY:12/34@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("gs://anonymous:SECRET@bucket/x", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://anonymous%3ASECRET@bucket/x", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("abfs://c%3ASECRET@a.dfs.core.windows.net/x", "AZURE_CLIENT_SECRET"),
        ("hdfs://user%3ASECRET@host:9000/x", "environment"),
        ("hdfs://host:SECRET/x", "environment"),
        ("s3://bucket/x%253Btoken=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x\uff1btoken\uff1dSECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x;aws_session=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x;sessionId=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x&passphrase=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x#pwd=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x;db-pass=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x;credentials=SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket;token=SECRET/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?endpoint_override=KEY:SECRET", "AWS_SECRET_ACCESS_KEY"),
        ("file://KEY:SECRET@host/x", "environment"),
    ],
)
def test_secrets_in_a_uri_are_refused_and_not_repeated(uri, hint) -> None:
    for attempt in (Location, refuse_secrets):
        with pytest.raises(UnusableInput) as caught:
            attempt(uri)
        message = str(caught.value)
        assert hint in message
        assert ("AWS" in message) == uri.lower().startswith("s3:")
        assert "\n" not in message
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET"):
            message = message.replace(name, "")
        for part in ("KEY", "SEC", "RET"):
            assert part not in message


@pytest.mark.parametrize(
    "text",
    [
        "s3:/KEY:SECRET@bucket/x",
        "s3:KEY:SECRET@bucket/x",
        "S3n:/KEY:SECRET@bucket/x",
        "hadoop+s3:/KEY:SECRET@bucket/x",
        " s3://KEY:SECRET@bucket/x",
        "\t\nhttps:/KEY:SECRET@host/x",
        "\ufeffs3://KEY:SECRET@bucket/x",
        "'gs://KEY@bucket/x'",
        "s3\uff1a//KEY:SECRET@bucket/x",
        "s3:\uff0f\uff0fKEY:SECRET@bucket/x",
        "file:/x;token=SECRET",
    ],
)
def test_what_is_nearly_a_uri_is_no_local_path(text) -> None:
    for attempt in (Location, refuse_secrets, read_config):
        with pytest.raises(UnusableInput, match="neither a URI nor a plain path") as caught:
            attempt(text)
        message = str(caught.value)
        assert "\n" not in message
        assert not any(part in message for part in ("KEY", "SECRET", "bucket"))


@pytest.mark.parametrize("text", ["./s3:/x", "/x/s3:/y", "a:/b", "runs/a:/b", "x:y", "%2525/50%"])
def test_a_local_path_may_hold_a_colon(text) -> None:
    assert Location(text).uri == os.path.abspath(text)


def test_a_name_that_is_encoded_without_end_is_refused() -> None:
    with pytest.raises(UnusableInput, match="percent-encoded more than"):
        Location(f"s3://bucket/%{'25' * 100}3Btoken=SECRET")


def test_a_message_about_a_local_uri_repeats_no_option() -> None:
    for uri in ("file:///x?sv=1&se=SECRET", "file:///x#SECRET", "file://KEY;SECRET/x"):
        with pytest.raises(UnusableInput) as caught:
            Location(uri)
        assert not any(part in str(caught.value) for part in ("KEY", "SECRET"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/tokens;tokenizer=moses;monkey=1",
        "hdfs://host:9000/x",
        "hdfs://[::1]:9000/x",
        "abfs://container@account.dfs.core.windows.net/x?credential_kind=default",
        "gs://anonymous@bucket/x",
        "abfs://container@account.dfs.core.windows.net/x",
        "abfss://container@account.dfs.core.windows.net/x?tenant_id=t&client_id=c",
        "hdfs://user@host:9000/x",
        "s3://bucket/token/secret_key?region=eu-central-1&endpoint_override=http://h:1",
    ],
)
def test_a_uri_without_a_secret_is_none(uri) -> None:
    assert str(Location(uri)) == uri


NAMES = ["a b", "ä", "50%", "%41", "a#b", "a[1]", "a?b", "a+b", "x=1&y", "日本/ü", "~'(!)*", "{|}"]


@pytest.mark.parametrize("name", NAMES)
def test_any_key_of_an_object_store_can_be_named(name) -> None:
    """As pyarrow decodes it, whose own parsing of a URI needs no network."""
    child = Location("s3://bucket/f?region=us-east-1") / name
    for location in (child, Location(str(child)), pickle.loads(pickle.dumps(child)), child / "z"):
        path = f"bucket/f/{name}" + ("/z" if location.name == "z" else "")
        assert location.path == path
        assert pafs.FileSystem.from_uri(str(location))[1] == path
    assert child.name == name.rsplit("/", 1)[-1]
    assert (child / "x y").parent == child
    assert Location(str(child)) == child
    assert (child / "p q/ü").parts_below(child) == ["p q", "ü"]
    typed = Location(f"s3://bucket/f/{name}") if not set(name) & set("%?") else child
    assert typed.uri == child.uri  # nobody has to encode by hand


def test_what_a_store_lists_can_be_opened(tmp_path) -> None:
    """A store whose names are those of a folder, behind S3's URIs."""
    for name in NAMES:
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text(name)
    folder = Location("s3://bucket/f?region=us-east-1")
    store = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    folder.__dict__["_resolved"] = (store, "f")
    found = folder.files(recursive=True)
    assert sorted("/".join(file.parts_below(folder)) for file in found) == sorted(NAMES)
    for file in found:
        path = file.path.removeprefix("bucket/")
        with store.open_input_file(path) as stream:
            assert stream.read().decode() == "/".join(file.parts_below(folder))


def test_a_file_uri_is_decoded(tmp_path) -> None:
    expected = Location(tmp_path / "a b%ü")
    for host in ("", "localhost"):
        assert Location(f"file://{host}{tmp_path}/a%20b%25%C3%BC") == expected
    for uri, hint in (("file://data/x", "host 'data'"), ("file:///a#b", "%23")):
        with pytest.raises(UnusableInput, match=hint):
            Location(uri)


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


@pytest.mark.system
def test_names_and_errors_of_a_real_object_store(s3) -> None:
    folder = Location("s3://nmt/any names")
    for name in NAMES:
        (folder / name).write_text(name)
    found = folder.files(recursive=True)
    assert sorted("/".join(file.parts_below(folder)) for file in found) == sorted(NAMES)
    for file in found:
        assert file.read_text() == "/".join(file.parts_below(folder))
        assert Location(str(file)).info().size == len(file.read_bytes())
        file.delete()
        assert not file.exists()
    for name, hint in (("My_Bucket", "3 to 63 lower-case"), ("no-such-one", "no such bucket")):
        with pytest.raises(UnusableInput, match=hint) as caught:
            Location(f"s3://{name}/x").write_bytes(b"x")
        assert "\n" not in str(caught.value)
        with pytest.raises(UnusableInput):
            Location(f"s3://{name}/x").read_bytes()

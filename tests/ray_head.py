"""One Ray head on loopback for a whole test run, as ``ray start`` would start it."""

from __future__ import annotations

import contextlib
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
from s3 import S3Server

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
    """A running head.

    Attributes:
        address: where drivers reach it.
        dashboard: where ``ray job submit`` does.
        metrics: where Prometheus does.
        folder: its session, with all logs.
        pid: its process.
    """

    address: str
    dashboard: str
    metrics: str
    folder: Path
    pid: int


def environment(**more: str) -> dict[str, str]:
    """A process's environment with this virtual environment first on the PATH."""
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "NMT_CONFIG"))}
    return {**clean, **QUIET, "PATH": path, "VIRTUAL_ENV": str(Path(scripts).parent), **more}


@pytest.fixture(scope="session")
def ray_head(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[RayHead]:
    """The head, with two CPUs and a dashboard, and the rights to the S3 server."""
    log = tmp_path_factory.mktemp("ray") / "log"
    # Its page of metrics is renewed more often than every ten seconds.
    more = {**s3_server.environment, "RAY_metrics_report_interval_ms": "1000"}
    with started(log, "--num-cpus=2", **more) as head:
        yield head


@contextlib.contextmanager
def started(log_file: Path, *options: str, port: int = 0, **variables: str) -> Iterator[RayHead]:
    """A head with a dashboard, on loopback; stopped by its own process id.

    Args:
        log_file: what it prints.
        options: of ``ray start --head``.
        port: where drivers reach it; 0 is any.
        variables: of its environment, which its workers inherit.
    """
    # Ray's sockets need a short path.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    port = port or free_port()
    dashboard, metrics = free_port(), free_port()
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block"]
    command += ["--node-ip-address=127.0.0.1", f"--port={port}", *options]
    command += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    command += ["--dashboard-agent-listen-port=0", f"--metrics-export-port={metrics}"]
    command += [f"--temp-dir={folder}", "--disable-usage-stats"]
    # Those of Ray itself are the same for every head of a machine.
    for name in ("AUTOSCALER_METRIC_PORT", "DASHBOARD_METRIC_PORT"):
        variables.setdefault(name, str(free_port()))
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment(**variables), start_new_session=True
        )
    addresses = f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", f"http://127.0.0.1:{metrics}"
    head = RayHead(*addresses, folder, process.pid)
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


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

"""A local Ray of a job's own, which nobody else on the machine or the network can use.

listeners     on the loopback address alone
token         made for this Ray, in the environment of its processes and in no file
nmt-UID/ray/  its sockets and logs, in a folder that only this user can enter
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.printable import without_secrets

# What it is started with, where the environment does not say otherwise.
ENVIRONMENT = {
    # Ray's 15 would let everything else on a shared machine go first.
    "RAY_worker_niceness": "0",
    # Seconds for each of its two servers to come up; on busy cores Ray's own 30 are too few.
    "RAY_gcs_server_port_wait_time_s": "180",
    "RAY_raylet_start_wait_time_s": "180",
    # Any free ones: the two that Ray would take may be those of another Ray on this machine.
    "AUTOSCALER_METRIC_PORT": "0",
    "DASHBOARD_METRIC_PORT": "0",
}


def start(ray: Any, options: Mapping[str, Any]) -> None:
    """Start it, and make this process its driver.

    Args:
        ray: the module.
        options: more of those of ``ray.init``.

    Raises:
        OSError: its folder cannot be made, or belongs to somebody else.
        Exception: Ray does not come up.
    """
    folder = _make_private(_session_folder().parent)
    with _on_loopback(), _authenticated(ray):  # and without a dashboard, which it does not need
        ray.init(address="local", include_dashboard=False, _temp_dir=str(folder / "ray"), **options)


def not_started(error: Exception) -> str:
    """The line that tells why it did not come up."""
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return (
            f"a local Ray cannot start here ({reason(error)}); set RAY_TMPDIR to a folder that "
            "can be written to and has a short name"
        )
    folder = _session_folder()
    session = max(folder.glob(f"session_*_{os.getpid()}"), default=folder)
    return (
        f"the local Ray did not come up ({reason(error)}); its logs in {session}/logs say more; "
        "run the same command again, or name a cluster with --address"
    )


def reason(error: Exception) -> str:
    """The first sentence of an error of Ray's, which may have many lines."""
    taken = re.search(r"The specified port is (\d+)", str(error))
    if taken:
        return f"port {taken[1]} is taken"
    line = (without_secrets(str(error)).strip() or type(error).__name__).splitlines()[0]
    return re.split(r"\.\s|\.$", re.sub(r"^\[Errno -?\d+\] ", "", line))[0].strip()


def _session_folder() -> Path:
    """Where Ray keeps its sessions, each with sockets and logs."""
    place = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    return Path(place) / f"nmt-{os.getuid()}" / "ray"


def _make_private(folder: Path) -> Path:
    """Make a folder that only this user can enter.

    Ray lets everybody write in its own: who replaced a socket there would speak for Ray.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} is a link or belongs to another user")
    folder.chmod(0o700)
    return folder


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray take the loopback address for that of this node, and listen on no other.

    Ray itself does so on macOS and Windows; an address that it is given instead is replaced by
    that of the network.
    """
    from ray._private import ray_constants

    saved = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = saved


@contextmanager
def _authenticated(ray: Any) -> Iterator[None]:
    """Have a local Ray started that asks for a token of its own.

    Other users of the machine reach the loopback address, so it needs one. Ray would write it into
    the home folder, for all to read, and every later ``ray start`` of this user would ask for it.
    Nothing of ours is left in the environment: a command that the job starts may have to do with
    another Ray.
    """
    saved = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    # That of an earlier Ray of this process would be kept.
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        for name, value in saved.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

"""A local Ray of the job's own: where it listens, what it leaves behind, how its workers run."""

import json
import os
import subprocess
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path

import pytest
from ray_head import environment

pytestmark = pytest.mark.system

PROGRAM = """
import json, os, pathlib, time
from nmt.cluster import connection
from processes import listeners

home = pathlib.Path.home()
temporary = pathlib.Path(os.environ["RAY_TMPDIR"])


def all_listeners():
    # When no process opens another one any more.
    found, since = listeners(os.getpid()), time.monotonic()
    while time.monotonic() - since < 3:
        time.sleep(0.5)
        before, found = found, listeners(os.getpid())
        since = since if found == before else time.monotonic()
    return sorted(found)


def open_to_others(path):
    return path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077 != 0


def start():
    ray = connection.connect(None)

    @ray.remote
    def worker():
        return os.environ["RAY_AUTH_TOKEN"], os.getpriority(os.PRIO_PROCESS, 0)

    token, niceness = ray.get(worker.remote())
    (folder,) = temporary.iterdir()  # all that lies in it can be reached only through it
    files = [path for path in folder.rglob("*") if path.is_file()]
    sockets = [path.name for path in folder.rglob("*") if path.is_socket()]
    heard = all_listeners()
    ray.shutdown()
    return {
        "niceness": niceness - os.getpriority(os.PRIO_PROCESS, 0),
        "environment": [name for name in os.environ if name.startswith("RAY_AUTH")],
        "logs": any(path.parent.name == "logs" for path in files),
        "sockets": sorted(set(sockets)),
        "open": open_to_others(folder),
        "listeners": heard,
        "tell": [path.name for path in files if token.encode() in path.read_bytes()],
        "home": [path.read_text() for path in home.rglob("*") if path.is_file()],
    }


fresh = start()
(home / ".ray").mkdir(exist_ok=True)
(home / ".ray" / "auth_token").write_text("of another Ray")
print(json.dumps([fresh, start()]))
"""


def test_a_local_ray_is_for_the_job_alone(tmp_path: Path) -> None:
    """In a fresh home folder and in a used one: it listens on the loopback address alone, its token
    is in no file, its sockets and logs are this user's; its workers are as nice as the job itself.
    """
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:
        tests = str(Path(__file__).parents[1])
        path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
        variables = environment(HOME=str(tmp_path), RAY_TMPDIR=short, PYTHONPATH=path)
        del variables["RAY_AUTH_MODE"]
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    fresh, used = json.loads(done.stdout.splitlines()[-1])
    for answer in (fresh, used):
        heard = answer.pop("listeners")
        assert {"gcs_server", "raylet"} <= {program for program, *_ in heard}
        assert len(heard) >= 8  # the driver, a worker, and agents, too
        assert [each for each in heard if not ip_address(each[1]).is_loopback] == []
    expected = {"niceness": 0, "environment": [], "logs": True, "tell": [], "open": False}
    expected |= {"sockets": ["plasma_store", "raylet"]}
    assert fresh == {**expected, "home": []}
    assert used == {**expected, "home": ["of another Ray"]}

"""A local Ray of the job's own: what it leaves behind, and how its workers run."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ray_head import environment

pytestmark = pytest.mark.system

PROGRAM = """
import json, os, pathlib
from nmt import cluster

home = pathlib.Path.home()
session = pathlib.Path(os.environ["RAY_TMPDIR"], "ray", "session_latest")


def start():
    ray = cluster.connect(None)

    @ray.remote
    def worker():
        return os.environ["RAY_AUTH_TOKEN"], os.getpriority(os.PRIO_PROCESS, 0)

    token, niceness = ray.get(worker.remote())
    files = [path for path in session.resolve().rglob("*") if path.is_file()]
    ray.shutdown()
    return {
        "niceness": niceness - os.getpriority(os.PRIO_PROCESS, 0),
        "environment": [name for name in os.environ if name.startswith("RAY_AUTH")],
        "logs": bool(files),
        "tell": [path.name for path in files if token.encode() in path.read_bytes()],
        "home": [path.read_text() for path in home.rglob("*") if path.is_file()],
    }


fresh = start()
(home / ".ray").mkdir(exist_ok=True)
(home / ".ray" / "auth_token").write_text("of another Ray")
print(json.dumps([fresh, start()]))
"""


def test_a_local_ray_of_ones_own_leaves_no_token_behind(tmp_path: Path) -> None:
    """In a fresh home folder and in a used one; its workers are as nice as the job itself."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:
        variables = environment(HOME=str(tmp_path), RAY_TMPDIR=short)
        del variables["RAY_AUTH_MODE"]
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    fresh, used = json.loads(done.stdout.splitlines()[-1])
    expected = {"niceness": 0, "environment": [], "logs": True, "tell": []}
    assert fresh == {**expected, "home": []}
    assert used == {**expected, "home": ["of another Ray"]}

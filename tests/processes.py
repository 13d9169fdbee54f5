"""Processes: Python in one of its own, for what is settled when TensorFlow starts; children."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any


def answer_of(code: str, argument: Any) -> Any:
    """Run a program, with an argument as JSON, and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), json.dumps(argument)],
        capture_output=True,
        text=True,
        timeout=400,  # seconds; a generous limit for a loaded machine
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their titles."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            titles[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:  # it has just ended
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found, waiting = {}, [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its in parents.items() if its == parent]
        found |= {child: titles[child] for child in children if child in titles}
        waiting += children
    return found

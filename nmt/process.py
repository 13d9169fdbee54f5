"""This process, and those that it starts."""

from __future__ import annotations

import os
import platform
import re
import resource
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]  # the folder that holds this package

_STATUS = Path("/proc/self/status")
_VECTORS = ("avx512f", "avx2", "avx", "sse4_2")  # widest first


def peak_bytes() -> int:
    """The most memory that this process has had (resident set).

    What getrusage says is on Linux at least what the process had that it was started from (exec
    keeps it), so the kernel's count of this program alone is taken where there is one.
    """
    own = _STATUS.is_file() and re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.M)
    if own:
        return 1024 * int(own[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


@cache
def vector_instructions() -> str:
    """The widest vector instructions of this processor, e.g. ``avx2`` or ``avx512f``."""
    information = Path("/proc/cpuinfo")
    listed = information.is_file() and re.search(r"^flags\s*:(.*)$", information.read_text(), re.M)
    flags = listed[1].split() if listed else []
    return next((name for name in _VECTORS if name in flags), platform.machine())


def module_process(module: str, *arguments: str) -> dict[str, Any]:
    """How `subprocess` starts a module of this package.

    Python's ``-m`` alone looks for modules in the current folder first, where a stranger's file may
    have the name of one.

    Returns:
        The arguments ``args`` and ``env``.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {
        "args": [sys.executable, "-P", "-m", module, *arguments],
        "env": {**os.environ, "PYTHONPATH": path},
    }

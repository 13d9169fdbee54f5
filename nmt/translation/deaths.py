"""Why a process died: its node went away, memory ran out, or what it did ended it.

Nobody says so. But a node that went away is not among Ray's living ones, and the kernel counts the
processes that it ends for lack of memory. (Ray's own memory monitor ends processes before the
kernel has to; such a death looks like a crash.)
"""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
_KILLS = re.compile(r"^oom_kill (\d+)$", re.M)


class Death(StrEnum):
    """The cause of a process's death."""

    NODE_LOST = "its node was lost"
    OUT_OF_MEMORY = "out of memory"
    CRASH = "it crashed or was killed"


class Place(NamedTuple):
    """Where and when a process works.

    Attributes:
        node: Ray's id of its node; empty outside of Ray.
        memory_kills: processes that the kernel had ended there for lack of memory.
    """

    node: str
    memory_kills: int


def here() -> Place:
    """The place of this process, now."""
    ray = sys.modules.get("ray")
    joined = ray is not None and ray.is_initialized()
    node = ray.get_runtime_context().get_node_id() if joined and ray is not None else ""
    return Place(node, _memory_kills())


def cause_of(before: Place) -> Death:
    """Why the process has died that worked at a place; called by the one that takes over."""
    now = here()
    if before.node == now.node:
        return Death.OUT_OF_MEMORY if now.memory_kills > before.memory_kills else Death.CRASH
    if not (before.node and now.node):  # one of them outside of Ray
        return Death.CRASH
    alive = {node["NodeID"] for node in sys.modules["ray"].nodes() if node["Alive"]}
    return Death.CRASH if before.node in alive else Death.NODE_LOST


def _memory_kills() -> int:
    for file in _COUNTERS:
        if file.is_file() and (kills := _KILLS.search(file.read_text())):
            return int(kills[1])
    return 0

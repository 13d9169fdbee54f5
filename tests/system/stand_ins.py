"""What stands for an actor that decodes: it says where it runs, and what it has got."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENOUGH = "enough"  # where such a file lies in the folder, units take no time any more
_PATIENCE = 300.0  # seconds; a generous limit for a loaded machine


def make(folder: Path, least: int, seconds: float) -> Callable[[Any], tuple[str, int, float]]:
    """A unit's function that gives node, process and CPUs of its actor.

    Args:
        folder: where each actor leaves a file.
        least: actors that must have begun before a unit is done.
        seconds: that a unit takes.
    """
    import ray

    context = ray.get_runtime_context()
    place = context.get_node_id(), os.getpid(), context.get_assigned_resources()["CPU"]
    (folder / f"{os.getpid()}").touch()

    def work(_: Any) -> tuple[str, int, float]:
        deadline = time.monotonic() + _PATIENCE
        while len(list(folder.iterdir())) < least and time.monotonic() < deadline:
            time.sleep(0.1)
        if not (folder / ENOUGH).exists():
            time.sleep(seconds)
        return place

    return work

"""How a cluster is divided among workers, and waiting until there is room for them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nmt.console import activity
from nmt.errors import JobFailed, UnusableInput
from nmt.report.numbers import counted

log = logging.getLogger(__name__)

_HANDING_OVER = 10.0  # seconds that nodes have to tell that a group has left them
_MINUTE = 60.0  # seconds between two lines of who waits
_PATIENCE = 900  # seconds that a cluster has to grow or to become free


@dataclass(frozen=True)
class Share:
    """What each of several equal workers asks Ray for.

    Attributes:
        cpus: Ray's CPUs; less than 1 where workers share a core.
        gpus: GPUs; less than 1 where workers share one.
        kind: what the workers are called, ``worker`` or ``actor``.
    """

    cpus: float
    gpus: float = 0
    kind: str = "worker"

    @property
    def threads(self) -> int:
        """Threads for the worker's computations."""
        return max(1, int(self.cpus))

    @property
    def resources(self) -> dict[str, float]:
        """The request as Ray takes it."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}

    @property
    def options(self) -> str:
        """The options of the command line that ask for less."""
        if self.kind == "actor":
            return "--actors, --cpus-per-actor or --gpus-per-actor"
        return "--workers or --devices-per-worker" if self.gpus > 1 else "--workers"

    def describe(self) -> str:
        """The request in words."""
        return _amounts(self.cpus, self.gpus)


def share(
    nodes: Sequence[Mapping[str, Any]], workers: tuple[int, int], gpus: int = 0, *, own: bool
) -> Share:
    """Divide a cluster among workers.

    Each worker gets as many CPUs as let all of them fit; where only some of an elastic number
    fit, one each. On a machine of the job's own they share cores if there are fewer cores
    than workers; elsewhere one CPU each is asked for, and the cluster may grow.

    Args:
        nodes: what ``ray.nodes()`` says.
        workers: least and most workers.
        gpus: GPUs a worker.
        own: whether this is a local Ray of the job's own, which does not grow.

    Raises:
        UnusableInput: the machine has too few GPUs.
    """
    least, most = workers
    places = count_places(nodes, Share(1, gpus))
    if places >= least:
        return Share(threads_per_worker(nodes, min(places, most), gpus), gpus)
    if not own:
        return Share(1, gpus)
    have = count_gpus(nodes)
    if least * gpus > have:
        raise UnusableInput(
            f"{counted(least, 'worker')} with {counted(gpus, 'GPU')} each asked for, this machine "
            f"has {have}; lower {Share(1, gpus).options}, leave out --use-gpu, or name a cluster "
            "with --address"
        )
    cores = _total(nodes, "CPU")
    # In Ray's unit of 1/10,000, and so little that not even rounding makes it too much.
    return Share((math.floor(10_000 * cores / least) - 1) / 10_000, gpus)


def threads_per_worker(nodes: Sequence[Mapping[str, Any]], workers: int, gpus: float = 0) -> int:
    """The most CPUs a worker with which so many workers fit on the live nodes; 0 if none do."""
    largest = max((int(node["Resources"].get("CPU", 0)) for node in _live(nodes)), default=0)
    for cpus in range(largest, 0, -1):
        if count_places(nodes, Share(cpus, gpus)) >= workers:
            return cpus
    return 0


def count_places(nodes: Sequence[Mapping[str, Any]], share: Share) -> int:
    """How many workers with this share the live nodes can hold, if nothing else runs there."""
    return sum(
        min(
            int(node["Resources"].get(name, 0) // amount)
            for name, amount in share.resources.items()
        )
        for node in _live(nodes)
    )


def count_gpus(nodes: Sequence[Mapping[str, Any]]) -> int:
    """GPUs of the live nodes."""
    return int(_total(nodes, "GPU"))


def describe(nodes: Sequence[Mapping[str, Any]]) -> str:
    """What the live nodes have, in words."""
    count = len(_live(nodes))
    text = _amounts(_total(nodes, "CPU"), _total(nodes, "GPU"))
    return text if count == 1 else f"{text} on {count} nodes"


@contextmanager
def room(ray: Any, share: Share, workers: int, seconds: float = _PATIENCE) -> Iterator[Any]:
    """Reserve room for so many workers at once; a cluster that can will grow for them.

    Args:
        ray: the ``ray`` module of a driver.
        share: what each worker gets.
        workers: how many.
        seconds: time to wait for the room.

    Yields:
        Ray's placement group with a bundle for each worker. It ends with the block, and with it
        whatever still runs in it.

    Raises:
        JobFailed: there was no room within `seconds`.
    """
    group = ray.util.placement_group([share.resources] * workers)
    try:
        if not group.wait(1):
            each = " each" if workers > 1 else ""
            asked = f"{counted(workers, share.kind)} with {share.describe()}{each}"
            log.info(f"waiting up to {seconds / 60:g} minutes for room for {asked}")
            with activity("waiting for room"):
                left = seconds
                while not group.wait(step := min(_MINUTE, left)):
                    left -= step
                    if left <= 0:
                        raise JobFailed(no_room(ray, counted(workers, share.kind), share))
                    log.info(f"no room yet for {asked}; {left / 60:g} more minutes")
        yield group
    finally:
        ray.util.remove_placement_group(group)


def wait_for_room(ray: Any, share: Share, workers: int, seconds: float = _PATIENCE) -> None:
    """Wait until a cluster has `room`, but leave it to Ray Train, which makes its own group.

    Ray Train itself would wait for it without end and without a word.

    Raises:
        JobFailed: there was no room within `seconds`.
    """
    with room(ray, share, workers, seconds) as group:
        pass
    # An autoscaler that still saw this room as taken when Ray Train asks for its own would start
    # as many machines again.
    deadline = time.monotonic() + _HANDING_OVER
    while time.monotonic() < deadline:
        time.sleep(0.2)  # so late may nodes tell what they have given
        if not any(group.id.hex() in name for name in ray.available_resources()):
            break


def no_room(ray: Any, workers: str, share: Share) -> str:
    """The line that tells of a cluster that never had room for workers with this share."""
    return (
        f"the cluster had no room for {workers} with {share.describe()} each; it has "
        f"{describe(ray.nodes())}; lower {share.options}, free it or let it grow, then run the "
        "same command again"
    )


def _live(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [node for node in nodes if node.get("Alive", True)]


def _total(nodes: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(node["Resources"].get(name, 0) for node in _live(nodes))


def _amounts(cpus: float, gpus: float) -> str:
    text = counted(cpus, "CPU")
    return f"{text} and {counted(gpus, 'GPU')}" if gpus else text

"""Ray: join the cluster that was named, or start a local one of the job's own; quietly."""

from __future__ import annotations

import logging
import math
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nmt.console import activity, say, silenced
from nmt.errors import JobFailed, UnusableInput
from nmt.report.numbers import counted

_HANDING_OVER = 10.0  # seconds that nodes have to tell that a group has left them
_PATIENCE = 900  # seconds that a cluster has to grow or to become free
_KNOCK_SECONDS = 20

# Ray's own variables; set before it is imported, here and in every worker.
_RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_USE_DATASOURCE_V2": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray Data's actor pools make its core print an error line about a thing that is no error.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
# TensorFlow frees and takes tens of megabytes at every step. glibc would give them back to the
# kernel each time and fetch them again page by page; see docs/performance.md.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
}
_WORKER_ENVIRONMENT = {
    **_RAY_ENVIRONMENT,
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
    **MALLOC,
}


def on_this_node(ray: Any) -> dict[str, Any]:
    """Options of an actor that must live as long as this process: on its node, for no CPU."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()
    return {
        "num_cpus": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False),
    }


def is_own(address: str | None) -> bool:
    """Whether `connect` starts a Ray of the job's own for this address."""
    return address in (None, "", "local")


def connect(address: str | None, *, quiet: bool = True) -> Any:
    """Make this process a Ray driver; returns the ``ray`` module.

    Args:
        address: the cluster to join (``--address``, or RAY_ADDRESS, which ``ray job submit``
            sets); None starts a local Ray that ends with this process. A cluster that merely
            happens to run on this machine is never joined.
        quiet: keep what workers print in Ray's logs only.

    Raises:
        JobFailed: the cluster cannot be reached.
    """
    for name, value in _RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    import ray

    if ray.is_initialized():
        return ray
    options: dict[str, Any] = {
        "log_to_driver": not quiet,
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": _WORKER_ENVIRONMENT},
    }
    if not is_own(address):
        say(f"joining the Ray cluster at {address}")
        try:
            _knock(address or "")
            with silenced():
                ray.init(address=address, **options)
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise JobFailed(
                f"cannot join the Ray cluster at {address} ({reason}); check --address or "
                "RAY_ADDRESS, set RAY_AUTH_MODE=token if the cluster asks for a token, or leave "
                "the address out to run on this machine alone"
            ) from None
    else:
        say("starting a local Ray of this job's own (name a cluster with --address)")
        # A job of one machine needs no dashboard, and a loopback address nobody else reaches.
        with silenced():
            ray.init(address="local", include_dashboard=False, **options)
    return ray


def _knock(address: str) -> None:
    """Raise OSError where nobody listens; Ray itself would try again for half an hour.

    Addresses of other forms than HOST:PORT (``auto``, ``ray://…``) are left to Ray.
    """
    host, colon, port = address.rpartition(":")
    if colon and "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()


def quiet_data() -> None:
    """Silence Ray Data's bars and log lines, and use the reader that starts few actors."""
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    # The newer reader starts up to 32 actors for a handful of files.
    context.use_datasource_v2 = False
    # Importing ray.data sets its own log level.
    for name in ("ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.ERROR)


def cpus(ray: Any) -> tuple[int, int]:
    """CPUs of the whole cluster and of its largest node."""
    total = int(ray.cluster_resources().get("CPU", 1))
    largest = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes()), default=1)
    return max(1, total), max(1, largest)


@dataclass(frozen=True)
class Share:
    """What each of several equal workers asks Ray for.

    Attributes:
        cpus: Ray's CPUs; less than 1 where workers share a core.
        gpus: GPUs.
    """

    cpus: float
    gpus: int = 0

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


def threads_per_worker(nodes: Sequence[Mapping[str, Any]], workers: int, gpus: int = 0) -> int:
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
            asked = f"{counted(workers, 'worker')} with {share.describe()} each"
            say(f"waiting up to {seconds / 60:g} minutes for room for {asked}")
            with activity("waiting for room"):
                if not group.wait(seconds):
                    raise JobFailed(no_room(ray, counted(workers, "worker"), share))
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


def explained(error: Exception, title: str) -> Exception:
    """What to raise in the place of an error of Ray's.

    Args:
        error: a ``RayError``.
        title: of the work that failed.

    Returns:
        The UnusableInput or JobFailed that a task or an actor raised; else a JobFailed with what
        Ray says last.
    """
    from ray.exceptions import RayTaskError

    cause: Any = error
    while isinstance(cause, RayTaskError):  # in one that others waited for
        cause = cause.cause
    if isinstance(cause, UnusableInput | JobFailed):
        return cause
    last = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return JobFailed(f"{title}: a task failed on the cluster: {last}; run it again")


def _live(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [node for node in nodes if node.get("Alive", True)]


def _total(nodes: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(node["Resources"].get(name, 0) for node in _live(nodes))


def _amounts(cpus: float, gpus: float) -> str:
    text = counted(cpus, "CPU")
    return f"{text} and {counted(gpus, 'GPU')}" if gpus else text

"""Ray: join the cluster that was named, or start a local one of the job's own; quietly."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import warnings
from collections.abc import Mapping
from typing import Annotated, Any

from nmt.cluster import local
from nmt.cluster.local import reason
from nmt.console import silenced
from nmt.errors import JobFailed, UnusableInput
from nmt.options import Option
from nmt.printable import without_secrets
from nmt.process import ROOT
from nmt.storage.uri import is_plain_address

log = logging.getLogger(__name__)

_KNOCK_SECONDS, _ANSWER_SECONDS = 20, 60

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
# kernel each time and fetch them again page by page; see docs/results/profile.md.
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


def check_address(address: str | None) -> str | None:
    """The address of a cluster, if it is a plain one.

    Raises:
        UnusableInput: it has a user, a password or options: it is seen in ``ps`` and in messages.
    """
    if address and not is_plain_address(address):
        raise UnusableInput(
            "--address or RAY_ADDRESS: not a plain address; write HOST:PORT or ray://HOST:PORT, "
            "without user, password and options; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN if the "
            "cluster asks for a token"
        )
    return address


Address = Annotated[
    str | None,
    Option(
        "Ray cluster to join; without it the job starts a local Ray of its own.",
        "HOST:PORT",
        parse=check_address,
        environment="RAY_ADDRESS",
    ),
]


def connect(address: str | None, *, quiet: bool = True) -> Any:
    """Make this process a Ray driver; returns the ``ray`` module.

    Args:
        address: the cluster to join (``--address``, or RAY_ADDRESS, which ``ray job submit``
            sets); None starts a local Ray that ends with this process. A cluster that merely
            happens to run on this machine is never joined.
        quiet: keep what workers print in Ray's logs only.

    Raises:
        UnusableInput: see `check_address`.
        JobFailed: the cluster cannot be reached, or the local Ray does not come up.
    """
    check_address(address)
    own = is_own(address)
    for name, value in {**_RAY_ENVIRONMENT, **(local.ENVIRONMENT if own else {})}.items():
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
    try:
        # Ray adds the current folder, where strangers' files may lie, to its workers' sys.path.
        with contextlib.chdir(ROOT):
            _start(ray, address, own, options)
    except Exception as error:  # Ray raises many kinds, among them the bare Exception
        message = local.not_started(error) if own else _not_joined(error, address)
        raise JobFailed(message) from None
    return ray


def _start(ray: Any, address: str | None, own: bool, options: Mapping[str, Any]) -> None:
    if own:
        log.info("starting a local Ray of this job's own (name a cluster with --address)")
        with silenced():
            local.start(ray, options)
    else:
        log.info(f"joining the Ray cluster at {address}")
        with silenced():
            _knock(address or "")
            ray.init(address=address, **options)


def _not_joined(error: Exception, address: str | None) -> str:
    """The line that tells why the cluster could not be joined."""
    if str(address).startswith(("http://", "https://")):
        return (
            f"{address} is the address of a dashboard, where only `ray job submit` goes (set "
            "RAY_API_SERVER_ADDRESS for that); as --address or RAY_ADDRESS give the HOST:6379 of "
            "the cluster, or leave it out to run on this machine alone"
        )
    return (
        f"cannot join the Ray cluster at {address} ({reason(error)}); check --address or "
        "RAY_ADDRESS, set RAY_AUTH_MODE=token if the cluster asks for a token, or leave the "
        "address out to run on this machine alone"
    )


def _knock(address: str) -> None:
    """Raise OSError where nobody listens, or no Ray; Ray itself would try again for ever.

    Addresses of other forms than HOST:PORT (``auto``, ``ray://…``) are left to Ray.
    """
    host, colon, port = address.rpartition(":")
    if colon and "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
        _wait_for_answer(address)


def _wait_for_answer(address: str) -> None:
    """Raise TimeoutError where who listens does not answer as Ray, or what Ray raises."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            GcsClient(address=address)  # which has no limit of its own
        except Exception as error:
            answers.put(error)
        else:
            answers.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        error = answers.get(timeout=_ANSWER_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer of a Ray cluster within {_ANSWER_SECONDS} s") from None
    if error is not None:
        raise error


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


def explained(error: Exception, title: str) -> Exception:
    """What to raise in the place of an error of Ray's.

    Args:
        error: a ``RayError``, or what a task raises.
        title: of the work that failed.

    Returns:
        The UnusableInput or JobFailed that a task or an actor raised; else a JobFailed with its
        cause.
    """
    from ray.exceptions import RayError, RayTaskError

    cause: Any = error
    while isinstance(cause, RayTaskError):  # in one that others waited for
        cause = cause.cause
    if isinstance(cause, UnusableInput | JobFailed):
        return cause
    kind, text = type(cause).__name__, reason(cause)
    if getattr(cause, "actor_init_failed", False):  # then its text ends with the cause
        text = without_secrets(str(cause)).strip().splitlines()[-1]
    elif not isinstance(cause, RayError) and text != kind:
        text = f"{kind}: {text}"
    return JobFailed(f"{title}: a task failed on the cluster: {text}; run it again")

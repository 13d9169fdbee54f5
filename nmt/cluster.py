"""Ray: join the cluster that was named, or start a local one of the job's own; quietly."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from nmt.console import say, silenced
from nmt.errors import JobFailed

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
_WORKER_ENVIRONMENT = {
    **_RAY_ENVIRONMENT,
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
}


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
    if address and address != "local":
        say(f"joining the Ray cluster at {address}")
        try:
            with silenced():
                ray.init(address=address, **options)
        except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise JobFailed(
                f"cannot join the Ray cluster at {address} ({reason}); check --address or "
                "RAY_ADDRESS, or leave it out to run on this machine alone"
            ) from None
    else:
        say("starting a local Ray of this job's own (name a cluster with --address)")
        # A job of one machine needs no dashboard, and a loopback address nobody else reaches.
        with silenced():
            ray.init(address="local", include_dashboard=False, **options)
    return ray


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

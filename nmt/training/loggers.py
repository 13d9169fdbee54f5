"""Loggers of a training's metrics: Prometheus through Ray, and MLflow.

Both live in the driver, which reads the first worker's metrics from the driver channel: so a
worker that is replaced leaves no second series, and credentials of a tracking server stay in one
process.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

from nmt import records
from nmt.records.run import Tracking
from nmt.storage.location import Location
from nmt.training.request import TrainRequest

log = logging.getLogger(__name__)

# The values that become gauges, by their names in TensorBoard.
GAUGES = {
    "training/loss": "Cross-entropy of the training batches, nats per token",
    "training/tokens_per_second": "Target tokens per second over all workers",
    "training/learning_rate": "Learning rate",
    "training/data_wait_share": "Share of the time in which training waits for data",
    "validation/valid_loss": "Cross-entropy of the validation split, nats per token",
    "validation/bleu": "BLEU of the translated validation split",
    "validation/chrf": "chrF of the translated validation split",
}
_EXPERIMENT = "nmt"
_PER_REQUEST = 100  # parameters, at most


class Logger(Protocol):
    """Takes every report of the training loop and every validation."""

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Take values by their names in TensorBoard, as ``training/loss``."""

    def close(self, succeeded: bool) -> None:
        """Take note that training has ended."""


class Gauges:
    """Ray's own metrics, which each node offers to Prometheus as ``ray_nmt_training_loss`` ….

    Args:
        run: the run's name, a label of every series.
    """

    def __init__(self, run: str) -> None:
        from ray.util.metrics import Gauge

        self._tags = {"run": run}
        self._gauges = {
            name: Gauge("nmt_" + name.replace("/", "_"), text, tag_keys=("run",))
            for name, text in GAUGES.items()
        }

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """See `Logger.log_metrics`."""
        for name in self._gauges.keys() & values.keys():
            self._gauges[name].set(values[name], tags=self._tags)

    def close(self, succeeded: bool) -> None:
        """See `Logger.close`."""


class MlflowRun:
    """A run of MLflow: the settings, every metric, and the location of the model.

    Server, experiment and credentials come from MLflow's own variables (MLFLOW_TRACKING_URI,
    MLFLOW_EXPERIMENT_NAME, …). A training that continues uses the run that ``RUN/mlflow.json``
    names.

    Args:
        mlflow: the module.
        output: the RUN folder.
        parameters: of the run, for searches.
    """

    def __init__(self, mlflow: Any, output: Location, parameters: Mapping[str, Any]) -> None:
        self._client = mlflow.MlflowClient()
        self._metric, parameter = mlflow.entities.Metric, mlflow.entities.Param
        file = output / "mlflow.json"
        if file.is_file():
            self._run = records.read(file, Tracking).run_id
            # Anyone who can write to RUN may name any run there; only its own is written to.
            if self._client.get_run(self._run).data.tags.get("nmt.run") == str(output):
                self._client.update_run(self._run, status="RUNNING")
                return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run = self._client.create_run(
            number,
            run_name=output.name,
            tags={"nmt.run": str(output), "nmt.model": str(output / "model")},
        )
        self._run = run.info.run_id
        params = [parameter(key, str(value)) for key, value in parameters.items()]
        for first in range(0, len(params), _PER_REQUEST):
            self._client.log_batch(self._run, params=params[first : first + _PER_REQUEST])
        file.write_json(Tracking(run_id=self._run, experiment=name))

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """See `Logger.log_metrics`."""
        now = int(1000 * time.time())
        metrics = [self._metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self, succeeded: bool) -> None:
        """See `Logger.close`."""
        self._client.set_terminated(self._run, "FINISHED" if succeeded else "FAILED")


class Loggers:
    """All loggers; one that fails is reported once and removed, and training goes on.

    Args:
        request: the training.
    """

    def __init__(self, request: TrainRequest) -> None:
        self._loggers: list[Logger] = [Gauges(request.output.name)]
        if os.environ.get("MLFLOW_TRACKING_URI"):
            try:
                import mlflow
            except ImportError:
                log.warning(
                    "MLFLOW_TRACKING_URI is set, but MLflow is not installed; "
                    "pip install 'nmt-on-ray[mlflow]'"
                )
                return
            try:
                self._loggers.append(MlflowRun(mlflow, request.output, _parameters(request)))
            except Exception as error:
                _log_removal(error)

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """See `Logger.log_metrics`."""
        self._each("log_metrics", step, values)

    def close(self, succeeded: bool) -> None:
        """See `Logger.close`."""
        self._each("close", succeeded)

    def _each(self, method: str, *arguments: Any) -> None:
        for logger in list(self._loggers):
            try:
                getattr(logger, method)(*arguments)
            except Exception as error:
                self._loggers.remove(logger)
                _log_removal(error)


def _log_removal(error: Exception) -> None:
    # Only the type: the text may hold the address of a server, with a password.
    log.warning(f"metrics are no longer exported ({type(error).__name__}); training goes on")


def _parameters(request: TrainRequest) -> dict[str, object]:
    groups = request.settings.model_dump(exclude={"filter"})
    named = {f"{group}.{key}": groups[group][key] for group in groups for key in groups[group]}
    return {
        "dataset": ", ".join(map(str, request.data)),
        "workers": ":".join(str(number) for number in sorted(set(request.workers))),
        "devices": request.devices,
        "use_gpu": request.use_gpu,
        **named,
    }

"""Who else is told of a training's metrics: Prometheus through Ray, and MLflow.

Both live in the driver, which hears from the first worker through the `Board`: so a worker that
is replaced leaves no second series, and credentials of a tracking server stay in one process.
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
    "training/loss": "Cross-entropy of the training batches, nats a token",
    "training/tokens_per_second": "Target tokens a second over all workers",
    "training/learning_rate": "Learning rate",
    "training/data_wait_share": "Share of the time in which training waits for data",
    "validation/valid_loss": "Cross-entropy of the validation split, nats a token",
    "validation/bleu": "BLEU of the translated validation split",
    "validation/chrf": "chrF of the translated validation split",
}
_EXPERIMENT = "nmt"
_AT_ONCE = 100  # parameters that MLflow takes in one request


class Observer(Protocol):
    """Hears of every report of the training loop and of every validation."""

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """Take values by their names in TensorBoard, as ``training/loss``."""

    def close(self, succeeded: bool) -> None:
        """Training has ended."""


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

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """See `Observer.measure`."""
        for name in self._gauges.keys() & values.keys():
            self._gauges[name].set(values[name], tags=self._tags)

    def close(self, succeeded: bool) -> None:
        """See `Observer.close`."""


class MlflowRun:
    """A run of MLflow: the settings, every metric, and where the model lies.

    Server, experiment and credentials come from MLflow's own variables (MLFLOW_TRACKING_URI,
    MLFLOW_EXPERIMENT_NAME, …). A training that continues goes on with the run that
    ``RUN/mlflow.json`` names.

    Args:
        mlflow: the module.
        output: the RUN folder.
        parameters: what the run is to be found by.
    """

    def __init__(self, mlflow: Any, output: Location, parameters: Mapping[str, Any]) -> None:
        self._client = mlflow.MlflowClient()
        self._metric, parameter = mlflow.entities.Metric, mlflow.entities.Param
        file = output / "mlflow.json"
        if file.is_file():
            self._run = records.read(file, Tracking).run_id
            # Whoever can write to RUN may name any run there; only its own is written to.
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
        given = [parameter(key, str(value)) for key, value in parameters.items()]
        for first in range(0, len(given), _AT_ONCE):
            self._client.log_batch(self._run, params=given[first : first + _AT_ONCE])
        file.write_json({"run_id": self._run, "experiment": name})

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """See `Observer.measure`."""
        now = int(1000 * time.time())
        metrics = [self._metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self, succeeded: bool) -> None:
        """See `Observer.close`."""
        self._client.set_terminated(self._run, "FINISHED" if succeeded else "FAILED")


class Observers:
    """All who are told; one that fails is told of once and dropped, for training matters more.

    Args:
        request: the training.
    """

    def __init__(self, request: TrainRequest) -> None:
        self._present: list[Observer] = [Gauges(request.output.name)]
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
                self._present.append(MlflowRun(mlflow, request.output, _parameters(request)))
            except Exception as error:
                _drop(error)

    def measure(self, step: int, values: Mapping[str, float]) -> None:
        """See `Observer.measure`."""
        self._each("measure", step, values)

    def close(self, succeeded: bool) -> None:
        """See `Observer.close`."""
        self._each("close", succeeded)

    def _each(self, method: str, *arguments: Any) -> None:
        for observer in list(self._present):
            try:
                getattr(observer, method)(*arguments)
            except Exception as error:
                self._present.remove(observer)
                _drop(error)


def _drop(error: Exception) -> None:
    # Only the kind: the text may hold the address of a server, and that a password.
    log.warning(f"metrics are no longer handed on ({type(error).__name__}); training goes on")


def _parameters(request: TrainRequest) -> dict[str, Any]:
    groups = request.settings.model_dump()
    named = {f"{group}.{key}": groups[group][key] for group in groups for key in groups[group]}
    return {
        "dataset": str(request.data),
        "workers": ":".join(str(number) for number in sorted(set(request.workers))),
        "devices": request.devices,
        "use_gpu": request.use_gpu,
        **named,
    }

"""Loggers of a training's metrics, and that none of them can harm it."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from logged import messages

from nmt.settings import Settings
from nmt.storage.location import Location
from nmt.training import loggers
from nmt.training.loggers import GAUGES, Loggers, MlflowRun
from nmt.training.request import TrainRequest


class Recorder:
    """Records the metrics; or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.recorded, self.ended, self.fails = [], None, fails

    def log_metrics(self, step, values) -> None:
        if self.fails:
            raise ConnectionError("http://user:SECRET@server is away")
        self.recorded.append((step, dict(values)))

    def close(self, succeeded) -> None:
        self.ended = succeeded


def request(folder: Path) -> TrainRequest:
    data = (Location(folder / "data"),)
    return TrainRequest(data, Location(folder / "run"), Settings(), (2, 4), 1)


def test_one_that_fails_is_dropped_and_the_others_go_on(monkeypatch, tmp_path, capsys) -> None:
    good, bad = Recorder(), Recorder(fails=True)
    monkeypatch.setattr(loggers, "Gauges", lambda run: bad)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    loggers_ = Loggers(request(tmp_path))
    loggers_._loggers.append(good)
    for step in (1, 2):
        loggers_.log_metrics(step, {"training/loss": 1.0})
    loggers_.close(True)
    assert [step for step, _ in good.recorded] == [1, 2]
    assert good.ended is True
    told = capsys.readouterr().err
    assert len(messages(told, "WARNING")) == 1
    assert "ConnectionError" in told
    assert "SECRET" not in told


def test_gauges_have_names_that_prometheus_takes() -> None:
    for name in GAUGES:
        assert name.replace("/", "_").isidentifier()


def test_mlflow_that_is_not_installed_is_said(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr(loggers, "Gauges", lambda run: Recorder())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:SECRET@127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    Loggers(request(tmp_path)).close(True)
    told = capsys.readouterr().err
    assert "pip install 'nmt-on-ray[mlflow]'" in told
    assert "SECRET" not in told


def test_mlflow_has_parameters_metrics_and_the_place_of_the_model(tmp_path, monkeypatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    if find_spec("sqlalchemy"):
        store = f"sqlite:///{tmp_path}/mlflow.db"
    else:  # mlflow-skinny alone has clients of servers, and this
        store = (tmp_path / "mlruns").as_uri()
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "tests")
    asked = request(tmp_path)
    parameters = loggers._parameters(asked)
    run = MlflowRun(mlflow, asked.output, parameters)
    run.log_metrics(5, {"training/loss": 2.5, "training/tokens_per_second": 100.0})
    run.close(False)
    # The training goes on: the same run.
    again = MlflowRun(mlflow, asked.output, parameters)
    again.log_metrics(10, {"training/loss": 1.5, "validation/bleu": 7.0})
    again.close(True)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tests")
    (actual,) = client.search_runs([experiment.experiment_id])
    assert actual.info.status == "FINISHED"
    assert actual.data.params["training.learning_rate"] == "0.001"
    assert actual.data.params["workers"] == "2:4"
    assert len(actual.data.params) == len(parameters)
    assert actual.data.metrics == {
        "training/loss": 1.5,
        "training/tokens_per_second": 100.0,
        "validation/bleu": 7.0,
    }
    history = client.get_metric_history(actual.info.run_id, "training/loss")
    assert sorted((point.step, point.value) for point in history) == [(5, 2.5), (10, 1.5)]
    assert actual.data.tags["nmt.model"] == str(asked.output / "model")
    # Another's, which RUN/mlflow.json names: it is not written to.
    other = client.create_run(experiment.experiment_id, tags={"nmt.run": "/of/somebody"})
    (asked.output / "mlflow.json").write_json({"run_id": other.info.run_id, "experiment": "x"})
    third = MlflowRun(mlflow, asked.output, parameters)
    third.log_metrics(15, {"training/loss": 1.0})
    third.close(True)
    assert client.get_run(other.info.run_id).data.metrics == {}
    assert len(client.search_runs([experiment.experiment_id])) == 3

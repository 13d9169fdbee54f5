"""The commands of ``nmt`` in this process, without Ray's processes and TensorFlow's graphs.

An actor decodes here, a step of a training moves the weights and nothing else, and a validation
scores what it is told. Whatever reads a stored file is what users run.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import pytest
import tensorflow as tf
import typer
from outputs import Actor
from trainings import instant

from nmt import logs
from nmt.cli.application import application
from nmt.cluster import connection
from nmt.cluster.tasks import Tasks
from nmt.errors import JobFailed, Stopped, UnusableInput
from nmt.shards.dataset import Dataset
from nmt.training.checkpoint import CheckpointStore
from nmt.training.loop import Training
from nmt.training.strategy import Replicas
from nmt.translation import job as translation

RAY = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
_APPLICATION = application()


class Killed(BaseException):
    """What stands for a signal: nothing in the program catches it."""


class Run:
    """What a command left behind.

    Attributes:
        status: the exit status; None where it ended with what no command may end with.
        message: the line that it ended with; of a fault its kind and text.
        shown: the lines of standard output.
        logged: the lines of standard error.
        fault: the exception that no command may end with.
    """

    def __init__(self) -> None:
        self.status: int | None = 0
        self.message, self.shown, self.logged = "", "", ""
        self.fault: BaseException | None = None


def command(*arguments: object) -> Run:
    """Run a command line, as `nmt.cli.application.run` does."""
    texts = [*map(str, arguments)]
    return call(lambda: _APPLICATION(texts, prog_name="nmt", standalone_mode=False))


def call(function: Callable[[], object]) -> Run:
    """Run a part of a command."""
    run, shown, logged = Run(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(logged):
        logs.configure(level="INFO", job="test")
        try:
            status = function()
            run.status = status if isinstance(status, int) else 0
        except typer.Exit as ended:
            run.status = ended.exit_code
        except (UnusableInput, JobFailed, Stopped) as error:
            run.status, run.message = error.exit_status, str(error)
        except (Exception, Killed) as error:
            if message := getattr(error, "format_message", None):
                run.status, run.message = 2, message()
            else:
                run.status, run.fault = None, error
                run.message = f"{type(error).__name__}: {error}"
    run.shown, run.logged = shown.getvalue(), logged.getvalue()
    return run


def _decode(pool: Any, items: list[Any], *, title: str) -> Iterator[tuple[int, Any]]:
    del title
    actor = Actor(*pool.arguments)
    for place, item in enumerate(items):
        yield place, actor(item)


class _Hooks:
    """The outside of a training loop without Ray; it stores checkpoints as workers do."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def show_progress(self, done: int, total: int, detail: str) -> None: ...

    def log_metrics(self, step: int, values: dict[str, float]) -> None: ...

    def heartbeat(self, step: int) -> None: ...

    def expect_long_phase(self) -> None: ...

    def should_stop(self) -> bool:
        return False

    def broadcast(self, state: Any) -> Any:
        return state

    def report(self, metrics: dict[str, Any], save: Any) -> None:
        self._store.keep(metrics["step"], save)


def _fit(_ray: Any, request: Any, _share: Any, _held: Any) -> None:
    """What `nmt.training.ray.worker.train_worker` does."""
    store = CheckpointStore(request.output, request.settings.training.checkpoints)
    data = [Dataset.open(location) for location in request.data]
    begin = request.init_from, request.init_optimizer
    work = Training(data, request.settings, request.output, Replicas(), _Hooks(store), *begin)
    instant(work, [float(score) for score in range(1, 100)])
    with tempfile.TemporaryDirectory() as place:
        if name := store.fetch_newest(Path(place)):
            store.remove_later(name)
            work.restore(Path(place))
    state = work.run()
    (request.output / "status.json").write_json(state.to_json())


@contextlib.contextmanager
def without_ray() -> Iterator[None]:
    """Commands of this process start no other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "connect", lambda _: RAY)
        patch.setattr(translation, "stream_units", _decode)
        patch.setattr(translation, "Tasks", lambda _: Tasks(None))
        patch.setitem(sys.modules, "nmt.training.ray.trainer", SimpleNamespace(fit=_fit))
        patch.setattr("nmt.report.length_plot.length_plot", lambda *_: b"")
        patch.setattr("nmt.translation.worker.set_up", lambda *_: None)  # as it is here already
        patch.setattr("nmt.training.run_folder.learning_curve", lambda *_: b"")
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("NMT_CONFIG", "")
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)

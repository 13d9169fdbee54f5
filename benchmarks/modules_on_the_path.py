"""Which modules of nmt run while one training pair is read and used in an update.

    python benchmarks/modules_on_the_path.py

Prints the number of modules, and their names: those that read a row group, and those that then
run until the first update is done. TensorFlow runs eagerly, to see the model's own code instead of
what AutoGraph generates. Ray's hooks are the real ones, with a driver that does nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import nmt
import nmt.model  # first: it quiets TensorFlow

# isort: split
import tensorflow as tf

from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.settings import DataSettings, Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.loop import Training
from nmt.training.ray.worker import RayHooks
from nmt.training.strategy import Replicas

_ROOT = Path(nmt.__file__).parent
_FIRST = "RowGroup.read"  # the function with which the count begins


class ModuleTrace:
    """Notes the modules whose functions are called, in all threads."""

    def __init__(self) -> None:
        self.reading: set[str] = set()
        self.updating: set[str] = set()
        self._reads = 0  # begun and not ended
        self._begun = False

    def start(self) -> None:
        """Trace from the next call of `_FIRST` on."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        """End the trace."""
        sys.setprofile(None)
        threading.setprofile(None)
        self._begun = False

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if code.co_qualname == _FIRST:
            self._begun = True
            self._reads += {"call": 1, "return": -1}.get(event, 0)
        if self._begun and event == "call" and code.co_name != "<module>":
            file = Path(code.co_filename)
            if file.is_relative_to(_ROOT):
                modules = self.reading if self._reads else self.updating
                modules.add(file.relative_to(_ROOT.parent).with_suffix("").as_posix())


class _Updated(Exception):
    """The first update is done."""


class _NoDriver:
    """A driver channel whose messages go nowhere."""

    def __getattr__(self, _: str) -> _NoDriver:
        return self

    def remote(self, *_: Any) -> None:
        """Drop a message."""


def trace_training(folder: Path) -> ModuleTrace:
    """The modules that read a pair and use it in an update."""
    data = Location(folder / "data")
    prepare(PrepareRequest(data, DataSettings(vocab_size=400), demo=300))
    settings, output = Settings(), Location(folder / "run")
    hooks = RayHooks(_NoDriver(), 0, output, settings, owner="")
    training = Training(Dataset.open(data), settings, output, Replicas(), hooks)
    step, trace = training.train_step, ModuleTrace()

    def first_step(*arguments: Any) -> None:
        step(*arguments)
        trace.stop()
        raise _Updated

    training.train_step = first_step
    trace.start()
    try:
        training.run()
    except _Updated:
        return trace
    finally:
        hooks.close()
    raise AssertionError("no update was made")


def main() -> None:
    """Trace, and print."""
    tf.config.run_functions_eagerly(True)
    with tempfile.TemporaryDirectory() as folder:
        trace = trace_training(Path(folder))
    print(f"train: {len(trace.reading | trace.updating)} modules")
    for title, modules in (("read", trace.reading), ("update", trace.updating)):
        print(f"  {title}: {len(modules)}: {', '.join(sorted(modules))}")
    sys.stdout.flush()
    os._exit(0)  # TensorFlow's threads may still wait


if __name__ == "__main__":
    main()

"""Which modules of nmt run on the path of one training pair, and of one row of a translation.

    python benchmarks/modules_on_the_path.py

Of training: the modules that read a row group, and those that then run until the first update is
done. Of translate: the modules that read a unit, and those that then run until it is committed.
TensorFlow runs eagerly, to see the model's own code instead of what AutoGraph generates. Ray is
replaced: its hooks are the real ones, with a driver that does nothing, and a unit is translated in
this process.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import nmt
import nmt.model  # first: it quiets TensorFlow

# isort: split
import tensorflow as tf

from nmt import bundle
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import DataSettings, ModelSettings, SearchSettings, Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.loop import Training
from nmt.training.ray.worker import RayHooks
from nmt.training.step import TrainStep
from nmt.training.strategy import Replicas
from nmt.translation.input.corpus import inspect
from nmt.translation.output import Output
from nmt.translation.work import Work
from nmt.translation.worker import load_translator, translate_unit

_ROOT = Path(nmt.__file__).parent


class ModuleTrace:
    """Notes the modules whose functions are called, in all threads.

    Args:
        first: the function that reads; the trace begins with its first call.
    """

    def __init__(self, first: str) -> None:
        self.reading: set[str] = set()
        self.working: set[str] = set()
        self._first = first
        self._reads = 0  # begun and not ended
        self._begun = False

    def start(self) -> None:
        """Trace from the next read on."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def stop(self) -> None:
        """End the trace."""
        sys.setprofile(None)
        threading.setprofile(None)
        self._begun = False

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if code.co_qualname == self._first:
            self._begun = True
            self._reads += {"call": 1, "return": -1}.get(event, 0)
        if self._begun and event == "call" and code.co_name != "<module>":
            file = Path(code.co_filename)
            if file.is_relative_to(_ROOT):
                modules = self.reading if self._reads else self.working
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
    hooks = RayHooks(_NoDriver(), 0, output, settings)
    training = Training([Dataset.open(data)], settings, output, Replicas(), hooks)
    step, trace = training.train_step, ModuleTrace("RowGroup.read")

    def launch_first(*arguments: Any) -> NoReturn:
        step(*arguments)
        trace.stop()
        raise _Updated

    training.train_step = TrainStep(launch_first)
    trace.start()
    try:
        training.run()
    except _Updated:
        return trace
    finally:
        hooks.close()
    raise AssertionError("no update was made")


def trace_translation(folder: Path) -> ModuleTrace:
    """The modules between reading a row and committing its translation."""
    dataset, model = Dataset.open(Location(folder / "data")), Location(folder / "model")
    vocabularies = dataset.source_vocabulary, dataset.target_vocabulary
    network = Seq2Seq(ModelSettings(), *(vocabulary.size for vocabulary in vocabularies))
    model_id = bundle.save(network, *vocabularies, {"data": dataset.described_settings}, model)
    (folder / "in.txt").write_text("The dog sleeps.\n")
    corpus, out = inspect(str(folder / "in.txt"), "source"), Location(folder / "out")
    work = Work(
        models=(str(model),),
        model_id=model_id,
        output=str(out),
        search=SearchSettings(max_length_ratio=1, max_length_extra=2),
        dictionary_hash=None,
        text_column="source",
        id_column=corpus.id_column,
        reference_column=None,
        alignment_column=None,
        batch_size=None,
        threads=1,
        alignments=False,
        heatmaps=frozenset(),
    )
    translator, trace = load_translator(work), ModuleTrace("Work.read")
    trace.start()
    for unit in corpus.units():
        translate_unit(unit, work, translator, Output(out))
    trace.stop()
    return trace


def main() -> None:
    """Trace, and print."""
    tf.config.run_functions_eagerly(True)
    with tempfile.TemporaryDirectory() as folder:
        for name, trace in (("train", trace_training), ("translate", trace_translation)):
            modules = trace(Path(folder))
            print(f"{name}: {len(modules.reading | modules.working)} modules")
            for title, names in (("read", modules.reading), ("then", modules.working)):
                print(f"  {title} {len(names)}: {', '.join(sorted(names))}")
    sys.stdout.flush()
    os._exit(0)  # TensorFlow's threads may still wait


if __name__ == "__main__":
    main()

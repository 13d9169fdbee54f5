"""Small trainings in this process, and steps and validations that take no time."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.loop import Training
from nmt.training.step import Outcome, TrainStep
from nmt.training.strategy import Replicas
from nmt.training.validation import Validation

SIZES = {"embedding_dim": 32, "encoder_units": 32, "decoder_units": 64, "attention_units": 32}
SIZES |= {"readout_units": 32, "readout_activation": "tanh", "readout": "deep"}
FAST = {"batch_tokens": 120, "buckets": 3, "learning_rate": 0.01, "dropout": 0.0}
FAST |= {"valid_sentences": 4, "heatmaps": 0, "report_every": 5}


class MemoryHooks:
    """The loop's outside, in this process: records every call, keeps every checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shown, self.reports = folder, [], []
        self.metrics: list[tuple[int, dict[str, float]]] = []
        self.beats, self.stop_after = [], None

    def show_progress(self, done: int, total: int, detail: str) -> None:
        self.shown.append((done, total, detail))

    def log_metrics(self, step: int, values: dict[str, float]) -> None:
        self.metrics.append((step, values))

    def report(self, metrics: dict[str, Any], save) -> None:
        self.reports.append(metrics)
        place = self.folder / f"checkpoint-{metrics['step']}"
        place.mkdir(parents=True, exist_ok=True)
        save(place)

    def broadcast(self, state):
        return state

    def heartbeat(self, step: int) -> None:
        self.beats.append(step)

    def expect_long_phase(self) -> None:
        pass

    def should_stop(self) -> bool:
        return self.stop_after is not None and self.beats[-1] >= self.stop_after - 1


def training(
    dataset: Dataset,
    folder: Path,
    init_from: Location | None = None,
    init_optimizer: Location | None = None,
    **settings: Any,
) -> Training:
    """A training with output ``folder/run`` and checkpoints in ``folder/kept``."""
    sizes = {**SIZES, **settings.pop("model", {})}
    search = settings.pop("search", {})
    groups = {"model": sizes, "training": {**FAST, **settings}, "search": search}
    output, hooks = Location(folder / "run"), MemoryHooks(folder / "kept")
    resolved = Settings.model_validate(groups)
    return Training([dataset], resolved, output, Replicas(), hooks, init_from, init_optimizer)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]


def validations_of(folder: Path) -> list[dict[str, str]]:
    header, *rest = (folder / "run/validations.tsv").read_text().splitlines()
    return [dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rest]


def events_of(folder: Path, name: str) -> dict[int, float]:
    """A series of the TensorBoard events of all attempts, by step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder / "run/tensorboard"), size_guidance={"tensors": 0})
    events = accumulator.Reload().Tensors(name)
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events}


def scripted(work: Training, scores: list[float | Validation]) -> list[list[np.ndarray]]:
    """Give the validations of a training these BLEU scores; returns the weights at each."""
    seen: list[list[np.ndarray]] = []

    def validate() -> Validation:
        seen.append(work.model.get_weights())
        score = scores[len(seen) - 1]
        return score if isinstance(score, Validation) else Validation(1.0, 0.5, score, 30.0, 0.1)

    work.selection.validator.validate = validate
    return seen


def instant(work: Training, scores: list[float | Validation]) -> list[list[np.ndarray]]:
    """`scripted`, and steps that train nothing but move the weights, without any compiling."""

    def launch(batches, seed, flags) -> Callable[[], Outcome]:
        work.model.output_bias.assign_add(tf.ones_like(work.model.output_bias))
        tokens = float(sum((batch.target_outputs != 0).sum() for batch in batches))
        return lambda: Outcome(2.5 * tokens, tokens, flags)

    work.train_step = TrainStep(launch)
    return scripted(work, scores)


def assert_same(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)

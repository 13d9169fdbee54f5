"""RUN: the files of a training for people and programs."""

from __future__ import annotations

import logging
import secrets
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from nmt import records
from nmt.errors import UnusableInput
from nmt.json_text import json_text, parse_json
from nmt.records.run import MetricsLine, ValidationLine
from nmt.report.learning_curve import learning_curve
from nmt.storage.location import LARGEST_JSON, Location
from nmt.training import validations

log = logging.getLogger(__name__)

_MOST_LINES = 1_000_000  # of metrics.jsonl
_PAUSE = 30.0  # seconds at least between two writes of metrics.jsonl amid training


class RunFolder:
    """Writes metrics.jsonl, validations.tsv, TensorBoard events and plots of one run.

    Files are written whole, because object stores cannot append. A run that
    continues keeps the lines up to its step.

    Args:
        location: the folder.
        step: the step that training continues from; later lines are dropped.
        best: the step of the best validation until then; -1 before the first.

    Raises:
        UnusableInput: a link, or what is no file, lies where one of these belongs.
    """

    def __init__(self, location: Location, step: int = 0, best: int = -1) -> None:
        self.location = location
        for name in ("plots/attention", "plots/learning.png", "tensorboard"):
            (location / name).refuse_links()
        self._metrics = [line for line in _read_metrics(location) if line.step <= step]
        self.validations = [  # a dropped line may have had the mark
            line.model_copy(update={"best": line.step == best})
            for line in validations.read(location)
            if line.step <= step
        ]
        self._written = -_PAUSE
        self._scratch = tempfile.TemporaryDirectory()
        # Sorted by attempt; TensorFlow's own name contains the host and the process.
        self._events_name = f"events.out.tfevents.{int(time.time())}.{secrets.token_hex(4)}.v2"
        self._events = tf.summary.create_file_writer(self._scratch.name)

    def add_metrics(self, line: MetricsLine) -> None:
        """Add a report of the training loop: step, epoch, loss and so on."""
        self._metrics.append(line)
        self._add_events(line.step, training_scalars(line))

    def add_validation(self, line: ValidationLine) -> None:
        """Add a validation; if it is the best so far, earlier ones lose the mark."""
        if line.best:
            self.validations = [
                earlier.model_copy(update={"best": False}) for earlier in self.validations
            ]
        self.validations.append(line)
        self._add_events(line.step, validation_scalars(line))

    def _add_events(self, step: int, values: dict[str, float]) -> None:
        with self._events.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def add_heatmap(self, step: int, number: int, image: bytes) -> None:
        """Store the attention on one validation sentence."""
        name = f"plots/attention/step-{step:07d}-{number}.png"
        (self.location / name).write_bytes(image)

    def write_metrics(self) -> None:
        """Store metrics.jsonl as it is now, unless that was done a moment ago."""
        if time.monotonic() - self._written >= _PAUSE:
            self.write_lines()

    def write_lines(self) -> None:
        """Store metrics.jsonl as it is now."""
        lines = "".join(json_text(line.to_json()) + "\n" for line in self._metrics)
        (self.location / "metrics.jsonl").write_text(lines)
        self._written = time.monotonic()

    def write_events(self) -> None:
        """Store the TensorBoard events of this attempt as they are now."""
        self._events.flush()
        (file,) = Path(self._scratch.name).iterdir()
        (self.location / "tensorboard" / self._events_name).upload(file)

    def write_validations(self) -> None:
        """Store validations.tsv and the learning curve as they are now."""
        validations.write(self.location, self.validations)
        losses = [(line.step, line.loss) for line in self._metrics if line.loss is not None]
        try:
            plot = learning_curve(losses, [line.to_json() for line in self.validations])
        except Exception as error:  # no picture is worth a training
            log.warning(f"plots/learning.png cannot be drawn ({type(error).__name__}: {error})")
        else:
            (self.location / "plots" / "learning.png").write_bytes(plot)


def training_scalars(line: MetricsLine) -> dict[str, float]:
    """A line of metrics.jsonl by its names in TensorBoard."""
    values = line.model_dump(exclude={"step", "epoch"}, exclude_none=True)
    return {f"training/{name}": value for name, value in values.items()}


def validation_scalars(line: ValidationLine) -> dict[str, float]:
    """A validation by its names in TensorBoard."""
    names = ("valid_loss", "accuracy", "bleu", "chrf")
    return {f"validation/{name}": getattr(line, name) for name in names}


def _read_metrics(location: Location) -> list[MetricsLine]:
    file = location / "metrics.jsonl"
    if not file.is_file():
        return []
    return [_parsed(file, line) for line in validations.lines_of(file, LARGEST_JSON, _MOST_LINES)]


def _parsed(file: Location, line: bytes) -> MetricsLine:
    try:
        return records.check(parse_json(line), MetricsLine, file)
    except ValueError as error:
        raise UnusableInput(f"{file}: damaged ({error}); restore it from a copy") from None

"""The training loop. It knows nothing of Ray: what must reach the outside goes through hooks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

from nmt import bundle as bundles
from nmt.errors import Diverged, UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import Settings
from nmt.shards.batches import Batch, choose_shapes, count_batches, epoch_batches, prefetch
from nmt.shards.dataset import Dataset
from nmt.storage import Location
from nmt.training import checkpoint
from nmt.training.progress import Progress
from nmt.training.run_folder import RunFolder
from nmt.training.step import Outcome, SummedAdam, make_train_step
from nmt.training.strategy import Replicas
from nmt.training.validation import Validator
from nmt.translator import Translator
from nmt.vocabulary.lexicon import Lexicon


class Hooks(Protocol):
    """How the loop reaches the outside."""

    def show(self, done: int, total: int, detail: str) -> None:
        """Tell the person who watches where training stands (batches of all epochs)."""

    def say(self, line: str) -> None:
        """Show a line."""

    def report(self, metrics: dict[str, Any], save: Callable[[Path], None]) -> None:
        """Keep a checkpoint that `save` writes into a folder; called by every worker."""

    def agree(self, progress: Progress) -> Progress:
        """Give every worker the first worker's view of a validation."""


@dataclass
class _Interval:
    """Sums between two reports."""

    loss: float = 0.0
    tokens: float = 0.0
    cells: int = 0
    steps: int = 0
    waited: float = 0.0
    start: float = field(default_factory=time.monotonic)


class Training:
    """One training of one model on one worker.

    Args:
        dataset: the prepared corpus.
        settings: all settings.
        output: the RUN folder.
        replicas: this worker's place among all.
        hooks: the outside.
        init_from: a MODEL whose weights to begin with.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: Settings,
        output: Location,
        replicas: Replicas,
        hooks: Hooks,
        init_from: Location | None = None,
    ) -> None:
        self.dataset, self.settings, self.output = dataset, settings, output
        self.replicas, self.hooks = replicas, hooks
        training = settings.training
        source, target = dataset.source_vocabulary, dataset.target_vocabulary
        keras.utils.set_random_seed(training.seed)
        with replicas.strategy.scope():
            self.model = Seq2Seq(settings.model, source.size, target.size, training.dropout)
            self.optimizer = SummedAdam(training.learning_rate)
            self.optimizer.build(self.model.trainable_variables)
            if init_from is not None:
                # The job has checked that architecture and vocabularies are ours.
                self.model.set_weights(bundles.load(init_from).model.get_weights())
        self._step = make_train_step(self.model, self.optimizer, replicas, training.clip_norm)
        widths = dataset.widths()
        if not widths:
            raise UnusableInput(f"{dataset.location}: its train split is empty")
        self.shapes = choose_shapes(widths, training.buckets, training.batch_tokens, replicas.count)
        self.steps_per_epoch = count_batches(widths, self.shapes)
        self.progress = Progress()
        self._description = {
            "data": dataset.settings,
            "direction": dict(dataset.info["languages"]),
            "dataset_hash": dataset.hash,
        }
        search = settings.search.greedy(dataset.settings["max_length"])
        info = {**self._description, "model_id": "in training"}
        live = bundles.Bundle(self.model, source, target, info)
        self.validator = Validator(
            dataset, self.model, Translator(live, search), training.valid_sentences
        )

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint; a training that had ended goes on only under new limits."""
        self.progress = checkpoint.restore(folder, self.model, self.optimizer)
        self.progress.finished = self.progress.ended(self.settings.training)

    def run(self) -> Progress:
        """Train until a limit is reached; returns where training stands then."""
        training, progress = self.settings.training, self.progress
        if not progress.finished:
            progress.epochs, progress.max_minutes = training.epochs, training.max_minutes
        self._folder = RunFolder(self.output, progress.step)
        if self.replicas.rank == 0:
            self._mend_model()
        self._started, self._minutes_before = time.monotonic(), progress.minutes
        self._last_validation = 0.0
        total = self.steps_per_epoch * training.epochs
        while not progress.finished and progress.epoch < training.epochs:
            self._epoch(total)
            progress = self.progress
            if progress.finished:
                break
            progress.epoch, progress.batch = progress.epoch + 1, 0
            due = training.validate_every == 0 or progress.epoch == training.epochs
            if due and progress.validated != progress.step:
                self._validate()
                progress = self.progress
        progress.finished = progress.finished or "epochs"
        if progress.validated != progress.step:
            self._validate()
        return self.progress

    def _plan(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        training = self.settings.training
        return epoch_batches(self.dataset, self.shapes, training.seed, epoch, training.window, skip)

    def _epoch(self, total: int) -> None:
        training, progress = self.settings.training, self.progress
        batches = prefetch(self._plan(progress.epoch, progress.batch))
        interval = _Interval()
        while True:
            before = time.monotonic()
            batch = next(batches, None)
            interval.waited += time.monotonic() - before
            if batch is None:
                if interval.steps:
                    self._report(interval, total)
                return
            seed = (training.seed, progress.step * self.replicas.count)
            outcome = self._step(batch, seed, self._time_is_up())
            progress.step, progress.batch = progress.step + 1, progress.batch + 1
            self._count(interval, batch, outcome)
            ends = float(outcome.votes) > 0
            if ends or progress.step % training.report_every == 0:
                self._report(interval, total)
                interval = _Interval()
            if ends:
                progress.finished = "max_minutes"
                return
            if training.validate_every and progress.step % training.validate_every == 0:
                before = time.monotonic()
                self._validate()
                progress = self.progress
                interval.start += time.monotonic() - before
                if progress.finished:
                    return

    def _count(self, interval: _Interval, batch: Batch, outcome: Outcome) -> None:
        loss, tokens = float(outcome.loss), float(outcome.tokens)
        if loss != loss:
            raise Diverged(
                f"the loss is not a number at step {self.progress.step}; lower "
                "training.learning_rate or training.clip_norm"
            )
        interval.loss += loss
        interval.tokens += tokens
        interval.cells += batch.target_outputs.size
        interval.steps += 1

    def _report(self, interval: _Interval, total: int) -> None:
        seconds = max(time.monotonic() - interval.start, 1e-9)
        progress = self.progress
        line = {
            "step": progress.step,
            "epoch": progress.epoch,
            "loss": round(interval.loss / max(interval.tokens, 1.0), 5),
            "tokens_per_second": round(interval.tokens / seconds, 1),
            # A variable of several replicas is a tensor first, and a number then.
            "learning_rate": float(tf.convert_to_tensor(self.optimizer.learning_rate.value)),
            "padding_share": round(1.0 - interval.tokens / max(interval.cells, 1), 4),
            "data_wait_share": round(interval.waited / seconds, 4),
            "minutes": round(self._elapsed(), 3),
        }
        self._folder.add_metrics(line)
        if self.replicas.rank == 0:
            self._folder.write_metrics()
        detail = f"loss {line['loss']:.3f}  {line['tokens_per_second']:,.0f} tokens/s"
        if progress.best_bleu >= 0:
            detail += f"  best BLEU {progress.best_bleu:.1f}"
        self.hooks.show(progress.step, total, f"epoch {progress.epoch + 1}  {detail}")

    def _elapsed(self) -> float:
        return self._minutes_before + (time.monotonic() - self._started) / 60

    def _time_is_up(self) -> bool:
        """Whether so little time is left that the last validation must begin."""
        limit = self.settings.training.max_minutes
        return limit is not None and self._elapsed() + self._last_validation / 60 >= limit

    def _validate(self) -> None:
        """Validate, keep the best model, and checkpoint; the first worker does the work."""
        if self.replicas.rank == 0:
            self._validate_here()
        self.progress = self.hooks.agree(self.progress)
        progress = self.progress
        metrics = {"step": progress.step, "bleu": progress.bleu}
        self.hooks.report(
            metrics,
            lambda folder: checkpoint.save(folder, self.model, self.optimizer, progress),
        )

    def _validate_here(self) -> None:
        progress, training = self.progress, self.settings.training
        start = time.monotonic()
        outcome = self.validator.validate()
        best = outcome.bleu > progress.best_bleu
        if best:
            progress.best_bleu, progress.stale = outcome.bleu, 0
        else:
            progress.stale += 1
            if progress.stale >= training.patience and not progress.finished:
                progress.finished = "patience"
        progress.validated, progress.bleu = progress.step, outcome.bleu
        line = {
            "step": progress.step,
            "epoch": progress.epoch,
            "valid_loss": outcome.loss,
            "accuracy": outcome.accuracy,
            "bleu": outcome.bleu,
            "chrf": outcome.chrf,
            "seconds": outcome.seconds,
            "best": best,
        }
        self._folder.add_validation(line)
        for number, image in enumerate(self.validator.heatmaps(training.heatmaps), 1):
            self._folder.add_heatmap(progress.step, number, image)
        if best:
            self._save_model(line)
        progress.minutes = self._elapsed()
        self._folder.write()
        self._last_validation = time.monotonic() - start
        self.hooks.say(
            f"step {progress.step}: validation loss {outcome.loss:.3f}, BLEU {outcome.bleu:.2f}, "
            f"chrF {outcome.chrf:.2f}{', best so far' if best else ''} "
            f"({self._last_validation:.0f} s, {progress.minutes:.1f} min)"
        )

    def _mend_model(self) -> None:
        """See that MODEL is whole after a crash.

        The best model is written before the checkpoint that counts its validation. A crash
        between the two leaves a whole model, newer than the checkpoint: training redoes those
        steps and writes it again, or ends otherwise and has one at least as good as its own
        best. A crash amid the writing leaves none (model.json goes first and comes last):
        then the best is what the checkpoint holds, or else what the next validation finds.
        """
        progress = self.progress
        if progress.best_bleu < 0 or (self.output / "model" / "model.json").is_file():
            return
        if progress.stale == 0:
            self._save_model(self._folder.validations[-1])
        else:
            progress.best_bleu = -1.0

    @cached_property
    def _lexicon(self) -> Lexicon:
        return self.dataset.lexicon()

    def _save_model(self, line: dict[str, Any]) -> None:
        scores = {key: line[key] for key in ("step", "valid_loss", "accuracy", "bleu", "chrf")}
        bundles.save(
            self.model,
            self.dataset.source_vocabulary,
            self.dataset.target_vocabulary,
            {**self._description, "validation": scores},
            self.output / "model",
            self._lexicon,
        )

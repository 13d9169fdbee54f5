"""The training loop. It knows nothing of Ray: what must reach the outside goes through hooks."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import keras
from pydantic import JsonValue

from nmt import bundle as bundles
from nmt.errors import Diverged, UnusableInput
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.inference.translator import Translator
from nmt.model.seq2seq import Seq2Seq
from nmt.records.model import ModelInfo
from nmt.report import picture
from nmt.report.numbers import seconds as duration
from nmt.report.numbers import short
from nmt.settings import Settings
from nmt.shards.batches import Batch, choose_shapes, count_batches, epoch_batches, prefetch
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS, retry_storing
from nmt.training import checkpoint, nonfinite
from nmt.training.best import BestModels
from nmt.training.evaluation_model import Candidate
from nmt.training.metric import score_of, shown
from nmt.training.optimizer import SummedAdam
from nmt.training.precision import dtype_policy
from nmt.training.progress import FIRST_LOSS_SCALE, LEAST_LOSS_SCALE, Progress, better
from nmt.training.run_folder import RunFolder, training_scalars, validation_scalars
from nmt.training.running_metrics import Interval
from nmt.training.schedule import learning_rate
from nmt.training.step import Outcome, Wishes, make_train_step
from nmt.training.strategy import Replicas
from nmt.training.time_left import Pace
from nmt.training.validation import Validation, Validator
from nmt.vocabulary.lexicon import Lexicon


class Hooks(Protocol):
    """How the loop reaches the outside."""

    def show(self, done: int, total: int, detail: str) -> None:
        """Tell the person who watches how many steps of how many are done (an estimate where the
        time ends them), and what else there is to say."""

    def say(self, line: str) -> None:
        """Show a line."""

    def measure(self, step: int, values: dict[str, float]) -> None:
        """Hand out a line of metrics.jsonl or a validation, by the names in TensorBoard."""

    def beat(self, step: int) -> None:
        """Learn that a step is done, or work on the next begins; must be fast."""

    def rest(self) -> None:
        """Learn that what comes now may take much longer than a step, until the next `beat`."""

    def wants_stop(self) -> bool:
        """Whether this attempt should end now, to be continued later; must be fast."""

    def report(self, metrics: dict[str, Any], save: Callable[[Path], None]) -> None:
        """Keep a checkpoint that `save` writes into a folder; called by every worker."""

    def agree(self, progress: Progress) -> Progress:
        """Give every worker the first worker's view of a validation."""


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
        make = partial(Seq2Seq, settings.model, source.size, target.size)
        with replicas.strategy.scope():
            self.model = make(training.dropout_rates, dtype=dtype_policy(training.precision))
            if init_from is not None:
                # The job has checked that architecture and vocabularies are ours.
                self.model.set_weights(bundles.load(init_from).model.get_weights())
            self.optimizer = SummedAdam.of(training)
            self.optimizer.build(self.model.trainable_variables)
        self._step = make_train_step(
            self.model,
            self.optimizer,
            replicas,
            training.clip_norm,
            training.label_smoothing,
            training.accumulate,
            skip_nan=training.on_nan == "skip",
        )
        widths = dataset.widths()
        if not widths:
            raise UnusableInput(f"{dataset.location}: its train split is empty")
        self.shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
        self.steps_per_epoch = -(-count_batches(widths, self.shapes) // training.accumulate)
        self.progress, self._rate = Progress(), math.nan
        self._latest: dict[str, Any] = {}  # of all that is reported
        if training.precision == "float16":
            self.progress.loss_scale = FIRST_LOSS_SCALE
        self._description: dict[str, JsonValue] = {
            "data": dataset.settings,
            "direction": {**dataset.info.languages},
            "dataset_hash": dataset.hash,
        }
        search = settings.search.greedy(dataset.settings["max_length"])
        info = ModelInfo.model_validate({**self._description, "model_id": "in training"})
        self.candidate = Candidate(self.model, self.optimizer, training, make)
        live = bundles.Bundle(self.candidate.model, source, target, info)
        self.validator = Validator(
            dataset,
            live.model,
            Translator(live, search),
            training.valid_sentences,
            tokenizer_for(settings.scoring.tokenize, dataset.info.languages["target"]),
        )
        self._best = BestModels(output / "best", training.keep_best, training.metric)

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint; a training that had ended goes on only under new limits."""
        self.progress = checkpoint.restore(folder, self.model, self.optimizer)
        self.progress.finished = self.progress.ended(self.settings.training)
        self._rate = math.nan

    def run(self) -> Progress:
        """Train until a limit is reached, or asked to stop; returns where training stands then."""
        training, progress = self.settings.training, self.progress
        if not progress.finished:
            progress.epochs, progress.max_minutes = training.epochs, training.max_minutes
        self._stopped = False
        self._kept = time.monotonic()
        self._folder = RunFolder(self.output, progress.step, progress.best_step)
        if self.replicas.rank == 0:
            self._mend_model()
            self._best.tidy(self._folder.validations)
        self._started, self._minutes_before = time.monotonic(), progress.minutes
        self._last_validation = 0.0
        total = self.steps_per_epoch * training.epochs
        self._pace = Pace(total, training.max_minutes, progress.step, progress.minutes)
        while not progress.finished and progress.epoch < training.epochs:
            self._epoch(total)
            progress = self.progress
            if self._stopped:
                self._checkpoint()
                return self.progress
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
        if training.averages_best and self.progress.averaged != self.progress.step:
            self._average_best()
        return self.progress

    def _plan(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """This worker's part of the rest of an epoch's batches."""
        training, replicas = self.settings.training, self.replicas
        return epoch_batches(
            self.dataset,
            self.shapes,
            training.seed,
            epoch,
            training.window,
            skip,
            rank=replicas.rank,
            workers=replicas.workers,
        )

    def _epoch(self, total: int) -> None:
        training = self.settings.training
        if self._is_due() and self.progress.validated != self.progress.step:
            self._validate()  # it was stopped before it came to that
        progress = self.progress
        if progress.finished:
            return
        batches = prefetch(self._plan(progress.epoch, progress.batch))
        interval = Interval()
        while True:
            before = time.monotonic()
            group = list(islice(batches, training.accumulate))
            interval.waited += time.monotonic() - before
            self.hooks.beat(progress.step)
            if not group:
                if interval.steps:
                    self._report(interval, total)
                return
            self._set_learning_rate(total)
            seed = (training.seed, progress.step * self.replicas.count)
            outcome = self._step(group, seed, self._wishes(), progress.loss_scale)
            progress.step, progress.batch = progress.step + 1, progress.batch + len(group)
            cells = self.replicas.workers * sum(batch.target_outputs.size for batch in group)
            interval.add(outcome, cells)
            self._judge(outcome, len(group))
            ends, stops, keeps = outcome.wishes
            if ends or stops or progress.step % training.report_every == 0:
                self._report(interval, total)
                interval = Interval()
            if ends:
                progress.finished = "max_minutes"
                return
            if stops:
                self._stopped = True
                return
            before = time.monotonic()
            if self._is_due():
                self._validate()
            elif keeps:
                self._checkpoint()
            progress = self.progress
            interval.start += time.monotonic() - before
            if progress.finished:
                return

    def _is_due(self) -> bool:
        """Whether this step's weights are to be validated amid the epoch."""
        every = self.settings.training.validate_every
        return every > 0 and self.progress.step > 0 and self.progress.step % every == 0

    def _wishes(self) -> Wishes:
        every = self.settings.training.checkpoint_minutes * 60
        due = self.replicas.rank == 0 and every and time.monotonic() - self._kept >= every
        return Wishes(end=self._time_is_up(), stop=self.hooks.wants_stop(), keep=bool(due))

    def _judge(self, outcome: Outcome, batches: int) -> None:
        """See that the last update had numbers that are some."""
        training, progress = self.settings.training, self.progress
        if training.precision == "float16":
            progress.rescale(outcome.skipped)
        hopeless = progress.loss_scale < LEAST_LOSS_SCALE
        if not hopeless and not nonfinite.is_spoiled(outcome, training.precision):
            progress.spoiled = 0
            return
        progress.spoiled += 1
        happened = f"gradients are no numbers at step {progress.step}"
        if self.replicas.rank == 0:
            self.hooks.rest()
            happened = nonfinite.record(
                self.dataset,
                self.shapes,
                training,
                progress,
                batches,
                self.output / "spoiled",
                self.hooks.say,
            )
        skips = training.on_nan == "skip"
        if hopeless or not skips or progress.spoiled > nonfinite.MOST_IN_A_ROW:
            raise Diverged(
                f"{happened}; lower training.learning_rate or training.clip_norm"
                + ("" if training.precision == "float32" else ", set training.precision=float32")
                + ("" if skips else ", or leave such batches out with training.on_nan=skip")
            )
        self.hooks.say(f"warning: {happened}; left out")

    def _set_learning_rate(self, total: int) -> None:
        """That of the next update."""
        progress = self.progress
        training, step = self.settings.training, progress.step + 1
        rate = learning_rate(training, step, total, progress.reductions)
        if rate != self._rate:
            self.optimizer.learning_rate = self._rate = rate

    def _report(self, interval: Interval, total: int) -> None:
        progress = self.progress
        line = {
            "step": progress.step,
            "epoch": progress.epoch,
            **interval.metrics(),
            "learning_rate": self._rate,
            "minutes": round(self._elapsed(), 3),
        }
        self._latest |= line
        self._folder.add_metrics(line)
        self.hooks.measure(progress.step, training_scalars(line))
        if self.replicas.rank == 0:
            with contextlib.suppress(*STORE_ERRORS):  # they are all written again, the next time
                self._folder.write_metrics()
        progress.tokens += round(interval.tokens)
        steps, minutes = self._pace.foresee(progress.step, self._elapsed())
        # What matters most comes first: a narrow terminal cuts the rest off.
        parts = [f"{duration(60 * minutes)} left"]
        if progress.best_score is not None:
            parts.append(f"best {shown(progress.best_score, self.settings.training.metric)}")
        parts += [f"loss {line['loss']:.3f}", f"epoch {progress.epoch + 1}"]
        parts += [f"{line['tokens_per_second']:,.0f} tokens/s", f"{short(progress.tokens)} tokens"]
        self.hooks.show(progress.step, steps, "  ".join(parts))

    def _elapsed(self) -> float:
        return self._minutes_before + (time.monotonic() - self._started) / 60

    def _time_is_up(self) -> bool:
        """Whether so little time is left that the last validations must begin."""
        training = self.settings.training
        if training.max_minutes is None:
            return False
        last = self._last_validation * (2 if training.averages_best else 1)
        return self._elapsed() + last / 60 >= training.max_minutes

    def _validate(self) -> None:
        """Validate, keep the best model, and checkpoint; the first worker does the work."""
        self.hooks.rest()
        if self.replicas.rank == 0:
            self._validate_here()
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Agree on where training stands, and keep it."""
        self.hooks.rest()
        if self.replicas.rank == 0:
            self.progress.minutes = self._elapsed()
            # A training that goes on from here cannot make them again.
            self._store("metrics.jsonl", self._folder.write_lines)
            self._store("TensorBoard events", self._folder.write_events)
        progress = self.progress = self.hooks.agree(self.progress)
        metrics = {**self._latest, "step": progress.step, "score": progress.score}
        self.hooks.report(
            metrics,
            lambda folder: checkpoint.save(folder, self.model, self.optimizer, progress),
        )
        self._kept = time.monotonic()
        self.hooks.beat(progress.step)

    def _validate_here(self) -> None:
        progress, training = self.progress, self.settings.training
        start = time.monotonic()
        self.candidate.refresh()
        outcome = self.validator.validate()
        line = self._line(outcome)
        score = score_of(line, training.metric)
        best = line["best"] = progress.judge(score, outcome.loss, training)
        self._latest |= line
        self._folder.add_validation(line)
        self.hooks.measure(progress.step, validation_scalars(line))
        images = list(self.validator.heatmaps(training.heatmaps))
        for number, image in enumerate(images, 1):
            write = partial(self._folder.add_heatmap, progress.step, number, image)
            self._store("a heatmap", write)
        if advice := picture.warning(images):
            self.hooks.say(f"warning: {advice}")
        if best and better(score, progress.average_score):
            self._save_model(line, self.output / "model")
        if progress.step in self._best.steps(self._folder.validations):
            self._save_model(line, self._best.place(progress.step))
            self._best.tidy(self._folder.validations)
        progress.minutes = self._elapsed()
        self._store("validations and plots", self._folder.write_validations)
        self._last_validation = time.monotonic() - start
        self.hooks.say(
            f"step {progress.step}: validation loss {outcome.loss:.3f}, BLEU {outcome.bleu:.2f}, "
            f"chrF {outcome.chrf:.2f}{', best so far' if best else ''} "
            f"({self._last_validation:.0f} s, {progress.minutes:.1f} min)"
        )

    def _line(self, outcome: Validation) -> dict[str, Any]:
        """A validation as a line of validations.tsv, but for whether it is the best."""
        return {
            "step": self.progress.step,
            "epoch": self.progress.epoch,
            "valid_loss": outcome.loss,
            "accuracy": outcome.accuracy,
            "bleu": outcome.bleu,
            "chrf": outcome.chrf,
            "seconds": outcome.seconds,
            "signature": self.validator.signatures["BLEU"],
            "chrf_signature": self.validator.signatures["chrF"],
        }

    def _average_best(self) -> None:
        """Make the mean of the best models MODEL, if it is better than each of them."""
        self.hooks.rest()
        progress = self.progress
        progress.averaged = progress.step
        models = self._best.present(self._folder.validations) if self.replicas.rank == 0 else {}
        if len(models) > 1:
            self.candidate.take_mean(
                bundles.load(place).model.get_weights() for place in models.values()
            )
            outcome = self.validator.validate()
            line = self._line(outcome)
            score = score_of(line, self.settings.training.metric)
            improved = better(score, progress.best_score, progress.average_score)
            if improved:
                progress.average_score = score
                self._save_model(line, self.output / "model", averaged=sorted(models))
            self.hooks.say(
                f"mean of the {len(models)} best models: validation loss {outcome.loss:.3f}, "
                f"BLEU {outcome.bleu:.2f}, chrF {outcome.chrf:.2f}, "
                f"{'now MODEL' if improved else 'no better than the best'}"
            )
        self._checkpoint()

    def _mend_model(self) -> None:
        """See that MODEL is whole after a crash.

        The best model is written before the checkpoint that counts its validation. A crash
        between the two leaves a whole model, newer than the checkpoint: training redoes those
        steps and writes it again, or ends otherwise and has one at least as good as its own
        best. A crash amid the writing leaves none (model.json goes first and comes last):
        then the best is what the checkpoint holds, if it was made right after that validation, or
        else what the next one finds.
        """
        progress = self.progress
        if progress.best_score is None or (self.output / "model" / "model.json").is_file():
            return
        progress.average_score = None
        if progress.stale == 0 and progress.validated == progress.step:
            self.candidate.refresh()
            self._save_model(self._folder.validations[-1], self.output / "model")
        else:
            progress.best_score = None

    @cached_property
    def _lexicon(self) -> Lexicon:
        return self.dataset.lexicon()

    def _save_model(self, line: dict[str, Any], location: Location, **more: Any) -> None:
        names = ("step", "valid_loss", "accuracy", "bleu", "chrf", "signature", "chrf_signature")
        scores = {"metric": self.settings.training.metric, **{name: line[name] for name in names}}
        save = partial(
            bundles.save,
            self.candidate.model,
            self.dataset.source_vocabulary,
            self.dataset.target_vocabulary,
            {**self._description, "validation": {**scores, **more}},
            location,
            self._lexicon,
        )
        self._store(f"the model of step {line['step']}", save)

    def _store(self, what: str, write: Callable[[], Any]) -> None:
        retry_storing(what, write, self.hooks.say)

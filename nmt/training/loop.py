"""The training loop: epochs, updates, reports, validations and checkpoints.

It knows nothing of Ray: it reaches the outside through `Hooks` and the log.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import keras

from nmt import bundle
from nmt.errors import UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.report.numbers import seconds as duration
from nmt.report.numbers import short
from nmt.settings import Settings
from nmt.shards.batches import Batch, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.shards.row_groups import prefetch
from nmt.storage.location import Location
from nmt.storage.retry import STORE_ERRORS, retry_storing
from nmt.training import checkpoint
from nmt.training.accumulation import FIRST_LOSS_SCALE
from nmt.training.best_models import format_score
from nmt.training.hooks import Hooks, RunningMetrics
from nmt.training.initial_weights import known_lexicon, take_over, take_over_moments
from nmt.training.model_selection import ModelSelection, format_validation
from nmt.training.nonfinite import NonfiniteCheck
from nmt.training.optimizer import SummedAdam, trained_variables
from nmt.training.run_folder import RunFolder, training_scalars, validation_scalars
from nmt.training.schedule import TrainingClock, learning_rate, mixture_of, plan_steps
from nmt.training.state import TrainingState
from nmt.training.step import ControlFlags, LaunchedStep, PendingStep, dtype_policy, make_train_step
from nmt.training.stragglers import StragglerCheck
from nmt.training.strategy import Replicas

log = logging.getLogger(__name__)


class Training:
    """One training of one model on one worker.

    Args:
        datasets: prepared corpora with the same vocabularies; the first one ranks the models.
        settings: all settings.
        output: the RUN folder.
        replicas: this worker's place among all.
        hooks: the outside.
        init_from: a MODEL whose weights to begin with.
        init_optimizer: a RUN whose optimizer to begin with, that of `init_from`.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        settings: Settings,
        output: Location,
        replicas: Replicas,
        hooks: Hooks,
        init_from: Location | None = None,
        init_optimizer: Location | None = None,
    ) -> None:
        self.datasets, self.settings, self.output = datasets, settings, output
        self.replicas, self.hooks = replicas, hooks
        training = settings.training
        source, target = datasets[0].source_vocabulary, datasets[0].target_vocabulary
        keras.utils.set_random_seed(training.seed)
        make = partial(Seq2Seq, settings.model, source.size, target.size)
        self._begins, known = init_from is not None, None
        with replicas.strategy.scope():
            self.model = make(training.dropout_rates, dtype=dtype_policy(training.precision))
            if init_from is not None:
                trained = bundle.load(init_from)
                take_over(self.model, trained, (source, target))
                known = known_lexicon(trained, (source, target))
            self.optimizer = SummedAdam.of(training)
            self.optimizer.build(trained_variables(self.model, training.freeze))
            if init_from is not None and init_optimizer is not None:
                state = checkpoint.newest_state(init_optimizer)
                take_over_moments(self.optimizer, state, trained, (source, target), init_optimizer)
        self.train_step = make_train_step(
            self.model,
            self.optimizer,
            replicas,
            training.clip_norm,
            training.label_smoothing,
            training.accumulate,
            skip_nan=training.on_nan == "skip",
            frozen=training.freeze,
        )
        self.mixture = mixture_of(datasets, training)
        if not any(self.mixture.widths(0)):
            raise UnusableInput(f"{datasets[0].location}: its train split is empty")
        self.shapes, self.steps = plan_steps(self.mixture, training)
        self.steps_per_epoch = -(-self.steps // training.epochs)
        self.state, self._rate = TrainingState(), math.nan
        self._latest: dict[str, object] = {}  # metrics and scores
        if training.precision == "float16":
            self.state.loss_scale = FIRST_LOSS_SCALE
        self.selection = ModelSelection(
            datasets, settings, output, self.model, self.optimizer, make, replicas, known
        )
        self._stragglers = StragglerCheck(replicas)
        self._nonfinite = NonfiniteCheck(
            datasets, self.shapes, training, output / "nonfinite" if self._is_first else None
        )

    @property
    def _is_first(self) -> bool:
        return self.replicas.rank == 0

    def restore(self, folder: Path) -> None:
        """Continue from a checkpoint; a training that had ended goes on only under new limits."""
        self.state = checkpoint.restore(folder, self.model, self.optimizer)
        self.state.finished = self.state.end_reason(self.settings.training)
        self._rate = math.nan

    def run(self) -> TrainingState:
        """Train until a limit is reached or a stop is requested; returns the state then."""
        training, state = self.settings.training, self.state
        if not state.finished:
            state.epochs, state.max_minutes = training.epochs, training.max_minutes
        if self.train_step.loss_scale is not None:
            self.train_step.loss_scale.assign(state.loss_scale, state.clean)
        self._stopped = False
        self._checkpointed = time.monotonic()
        self.run_folder = RunFolder(self.output, state.step, state.best_step)
        self.selection.check(self.run_folder)
        if self._is_first:
            self.selection.repair(state, self.run_folder)
            self.selection.best.tidy(self.run_folder.validations)
        self.clock = TrainingClock(training, self.steps, state.step, state.minutes)
        if self._begins and state.validated < 0:
            self._validate()  # what training must be better than
            state = self.state
        with contextlib.closing(prefetch(self._all_batches())) as batches:
            while not state.finished and state.epoch < training.epochs:
                self._train_epoch(batches)
                state = self.state
                if self._stopped:
                    self._checkpoint()
                    return self.state
                if state.finished:
                    break
                state.epoch, state.batch = state.epoch + 1, 0
                due = training.validate_every == 0 or state.epoch == training.epochs
                if due and state.validated != state.step:
                    self._validate()
                    state = self.state
        state.finished = state.finished or "epochs"
        if state.validated != state.step:
            self._validate()
        if training.averages_best and self.state.averaged != self.state.step:
            self.hooks.expect_long_phase()
            self.state.averaged = self.state.step
            self.selection.average_best(self.state, self.run_folder)
            self._checkpoint()
        return self.state

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """This worker's part of the rest of an epoch's batches."""
        training, replicas = self.settings.training, self.replicas
        return epoch_batches(
            self.mixture,
            self.shapes,
            training.seed,
            epoch,
            training.window,
            skip,
            rank=replicas.rank,
            workers=replicas.workers,
        )

    def _all_batches(self) -> Iterator[Batch | None]:
        """The rest of this epoch and all further ones, a None at the end of each.

        In one stream, so that the next epoch is read while the last batches of this one are used.
        """
        first, skip = self.state.epoch, self.state.batch
        for epoch in range(first, self.settings.training.epochs):
            yield from self.batches(epoch, skip if epoch == first else 0)
            yield None

    def _train_epoch(self, batches: Iterator[Batch | None]) -> None:
        """Train to the end of the epoch, or until training stops or is finished."""
        training = self.settings.training
        if self._validation_is_due(self.state.step) and self.state.validated != self.state.step:
            self._validate()  # the attempt before stopped before it
        epoch, pending = iter(partial(next, batches), None), PendingStep(self._record)
        self._metrics = RunningMetrics()
        while not self._stopped and not self.state.finished:
            before = time.monotonic()
            group = list(islice(epoch, training.accumulate))
            self._metrics.waited += time.monotonic() - before
            step = self.state.step + len(pending)
            self.hooks.heartbeat(step)
            flags = pending.follow(self._launch(step + 1, group) if group else None)
            if pending:
                continue
            # No step is in flight: the state is that of the weights.
            due = self.state.step % training.report_every == 0
            if due or flags.finish or flags.stop or not group:
                self._report()
            before = time.monotonic()
            if flags.finish:
                self.state.finished = "max_minutes"
            elif flags.stop:
                self._stopped = True
            elif not group:
                return
            elif self._validation_is_due(self.state.step):
                self._validate()
            elif flags.checkpoint:
                self._checkpoint()
            self._metrics.start += time.monotonic() - before

    def _launch(self, step: int, group: Sequence[Batch]) -> LaunchedStep:
        """Launch the update of this number."""
        training, replicas = self.settings.training, self.replicas
        rate = learning_rate(training, step, self.clock.steps, self.state.reductions)
        if rate != self._rate:
            self.optimizer.learning_rate = self._rate = rate
        seed, flags = (training.seed, (step - 1) * replicas.count), self._control_flags()
        is_needed = (
            step % training.report_every == 0
            or self._validation_is_due(step)
            or (replicas.workers == 1 and any(flags))  # nobody else has a say
        )
        return LaunchedStep(
            self.train_step.launch(group, seed, flags),
            batches=len(group),
            cells=replicas.workers * sum(batch.target_outputs.size for batch in group),
            is_needed=is_needed,
        )

    def _record(self, step: LaunchedStep) -> ControlFlags:
        """Wait for the outcome of an update, and count it."""
        state, outcome = self.state, step.read()
        state.step, state.batch = state.step + 1, state.batch + step.batches
        state.tokens += round(outcome.tokens)
        state.loss_scale, state.clean = outcome.loss_scale, outcome.clean
        self._metrics.add(outcome, step.cells)
        if not self._nonfinite.passes(outcome, state):
            if self._is_first:
                self.hooks.expect_long_phase()
            self._nonfinite.handle(state, step.batches)
        return outcome.flags

    def _validation_is_due(self, step: int) -> bool:
        """Whether the weights of this step are to be validated within the epoch."""
        every = self.settings.training.validate_every
        return every > 0 and step > 0 and step % every == 0

    def _control_flags(self) -> ControlFlags:
        every = self.settings.training.checkpoint_minutes * 60
        due = self._is_first and every and time.monotonic() - self._checkpointed >= every
        return ControlFlags(
            finish=self.clock.is_up(), stop=self.hooks.should_stop(), checkpoint=bool(due)
        )

    def _report(self) -> None:
        """Report the means since the last report, if there was a step since."""
        state, clock, metrics = self.state, self.clock, self._metrics
        if not metrics.steps:
            return
        self._stragglers.check(state.step, time.monotonic() - metrics.start)
        line = metrics.line(state.step, state.epoch, self._rate, clock.elapsed())
        self._latest |= line.to_json()
        self.run_folder.add_metrics(line)
        self.hooks.log_metrics(state.step, training_scalars(line))
        if self._is_first:
            with contextlib.suppress(*STORE_ERRORS):  # the next report writes all lines again
                self.run_folder.write_metrics()
        steps, minutes = clock.estimate(state.step)
        # The most important first: a narrow terminal cuts off the rest.
        parts = [f"{duration(60 * minutes)} left"]
        if state.best_score is not None:
            parts.append(f"best {format_score(state.best_score, self.settings.training.metric)}")
        parts += [f"loss {line.loss:.3f}", f"epoch {state.epoch + 1}"]
        parts += [f"{line.tokens_per_second:,.0f} tokens/s", f"{short(state.tokens)} tokens"]
        self.hooks.show_progress(state.step, steps, "  ".join(parts))
        self._metrics = RunningMetrics()

    def _validate(self) -> None:
        """Validate, keep the best models, and store a checkpoint."""
        self.hooks.expect_long_phase()
        state, start = self.state, time.monotonic()
        line = self.selection.validate(state, self.run_folder)
        if self._is_first:
            self._latest |= line.to_json()
            self.hooks.log_metrics(state.step, validation_scalars(line))
            retry_storing("validations and plots", self.run_folder.write_validations)
            is_first = not self.clock.validation_seconds
            seconds = self.clock.validation_seconds = time.monotonic() - start
            log.info(
                f"step {state.step}: {format_validation(line)}"
                f"{', best so far' if line.best else ''} "
                f"({seconds:.0f} s, {self.clock.elapsed():.1f} min)"
            )
            if is_first and (problem := self.clock.costly_validation()):
                log.warning(problem)
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Give all workers the same state, and store it."""
        self.hooks.expect_long_phase()
        if self._is_first:
            self.state.minutes = self.clock.elapsed()
            # A training that continues from here cannot write them again.
            retry_storing("metrics.jsonl", self.run_folder.write_lines)
            retry_storing("TensorBoard events", self.run_folder.write_events)
        state = self.state = self.hooks.broadcast(self.state)
        metrics = {**self._latest, "step": state.step, "score": state.score}
        self.hooks.report(
            metrics, lambda folder: checkpoint.save(folder, self.model, self.optimizer, state)
        )
        self._checkpointed = time.monotonic()
        self.hooks.heartbeat(state.step)

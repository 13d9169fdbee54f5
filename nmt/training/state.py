"""Where a training stands, and whether it has ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nmt.records.base import Count, damaged
from nmt.settings import TrainingSettings

LARGEST_STEP = 2**31 - 1  # an int32 of TensorFlow's
_Made = Annotated[int, Field(ge=0, le=LARGEST_STEP)]
_Step = Annotated[int, Field(ge=-1, le=LARGEST_STEP)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass
class TrainingState:
    """Where a training stands: ``progress.json`` of every checkpoint, and RUN/status.json.

    Attributes:
        step: updates made.
        epoch: number of the epoch in progress, from 0.
        batch: used batches of it.
        loss_scale: factor on the loss; 1 except for float16.
        clean: updates without an overflow since it was changed.
        tokens: target tokens trained on.
        minutes: minutes of training so far, over all attempts.
        nonfinite: skipped updates in a row whose loss or gradients were NaN or Inf.
        best_score: that of the best validation (see `score_of`: the greater the better); None
            before the first.
        best_loss: the loss of that validation; None before the first.
        best_step: the step of that validation, whose model is MODEL; -1 before the first.
        score: that of the last validation; None before the first.
        stale: validations since the best; 0 where the last one was the best.
        reductions: how often the schedule ``plateau`` has cut the learning rate.
        level: validations since the best or since the last cut.
        validated: step of the last validation.
        averaged: step at which the best models were last averaged.
        average_score: score of their average where that is MODEL; else None.
        finished: why training ended (``epochs``, ``patience``, ``max_minutes``), or empty.
        epochs: the limit ``training.epochs`` of the last attempt.
        max_minutes: its limit ``training.max_minutes``.
    """

    step: _Made = 0
    epoch: Count = 0
    batch: Count = 0
    loss_scale: _Positive = 1.0
    clean: Count = 0
    tokens: Count = 0
    minutes: _NotNegative = 0.0
    nonfinite: Count = 0
    best_score: float | None = None
    best_loss: float | None = None
    best_step: _Step = -1
    score: float | None = None
    stale: Count = 0
    reductions: Count = 0
    level: Count = 0
    validated: _Step = -1
    averaged: _Step = -1
    average_score: float | None = None
    finished: str = ""
    epochs: Count = 0
    max_minutes: float | None = None

    @classmethod
    def of(cls, values: Any, where: object) -> TrainingState:
        """Read a stored state, also that of another release: unknown keys are ignored.

        Args:
            values: as stored.
            where: names the file in the error.

        Raises:
            UnusableInput: they are damaged.
        """
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            raise damaged(error, where) from None

    def to_json(self) -> dict[str, Any]:
        """The state as it is stored."""
        return TypeAdapter(type(self)).dump_python(self)

    def add_validation(
        self, score: float, loss: float, training: TrainingSettings, kept: bool = True
    ) -> bool:
        """Count a validation for patience and plateau; returns whether it is the best so far.

        One that loses more than ``training.keep`` allows (`kept`) is none of the best. During the
        warm-up nothing is counted. Of equal scores, such as the BLEU of 0 with which a training may
        begin, that of the smaller loss is better.
        """
        self.validated, self.score = self.step, score
        tied = score == self.best_score and self.best_loss is not None and loss < self.best_loss
        if kept and (tied or better(score, self.best_score)):
            self.best_score, self.best_loss, self.best_step = score, loss, self.step
            self.stale = self.level = 0
            return True
        if self.step < training.warmup_steps:
            return False
        self.stale, self.level = self.stale + 1, self.level + 1
        if self.level >= training.plateau_patience:
            self.reductions, self.level = self.reductions + 1, 0
        if self.stale >= training.patience and not self.finished:
            self.finished = "patience"
        return False

    def end_reason(self, training: TrainingSettings) -> str:
        """Why there is nothing left to train under these settings; empty if there is.

        Patience ends a training for good. A limit ends it until a larger one is set.
        """
        if self.finished == "patience":
            return "patience"
        if self.epoch >= training.epochs:
            return "epochs"
        if (
            self.finished == "max_minutes"
            and self.max_minutes is not None
            and training.max_minutes is not None
            and training.max_minutes <= self.max_minutes
        ):
            return "max_minutes"
        return ""


def better(score: float, *others: float | None) -> bool:
    """Whether a score is better than each of the others, except None; NaN is never better."""
    return score > max((other for other in others if other is not None), default=-math.inf)

"""Which model of a training becomes MODEL: the best validated one, or the mean of the best."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np
from pydantic import JsonValue

from nmt import bundle
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.inference.translator import Translator
from nmt.json_text import json_text, parse_json
from nmt.model.seq2seq import Seq2Seq
from nmt.records.model import ModelInfo
from nmt.records.run import Scores, ValidationLine
from nmt.report import picture
from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.retry import retry_storing
from nmt.training.best_models import METRIC_TITLES, BestModels, score_of
from nmt.training.optimizer import SummedAdam, trained_variables
from nmt.training.retention import check_validations, losses, validated_names
from nmt.training.run_folder import RunFolder
from nmt.training.shortlist_check import check_shortlist
from nmt.training.state import TrainingState, better
from nmt.training.strategy import Replicas
from nmt.training.validation import Validation, Validator
from nmt.vocabulary.lexicon import Lexicon

log = logging.getLogger(__name__)


class ModelSelection:
    """Validates, on all workers together, and keeps the best models, on the first one.

    The evaluation model, which is validated and saved, has the trained weights or their moving
    average, in float32. It is the trained model itself if only those weights are ever validated;
    otherwise a second one, so that training is not disturbed.

    Args:
        datasets: in training; the first one ranks the models.
        settings: all settings.
        output: the RUN folder.
        trained: the model in training.
        optimizer: holds the moving averages, if there are any.
        make: makes another model of the same architecture.
        replicas: this worker's place among all.
        known: lexicon of the model that training begins with.
    """

    def __init__(
        self,
        datasets: Sequence[Dataset],
        settings: Settings,
        output: Location,
        trained: Seq2Seq,
        optimizer: SummedAdam,
        make: Callable[[], Seq2Seq],
        replicas: Replicas,
        known: Lexicon | None = None,
    ) -> None:
        self._replicas, dataset = replicas, datasets[0]
        self._dataset, self._training, self._output = dataset, settings.training, output
        self._datasets, self._known = datasets, known
        self._description: dict[str, JsonValue] = {
            "data": dataset.described_settings,
            "direction": dataset.info.languages.to_json(),
            "dataset_hash": dataset.hash,
        }
        if len(datasets) > 1:
            self._description["datasets"] = {one.name: one.hash for one in datasets}
        if all(one.always_tagged for one in datasets):
            self._description["always_tagged"] = True
        self._trained, self._optimizer, training = trained, optimizer, settings.training
        second = training.averages_best or training.ema_decay or training.precision != "float32"
        self.evaluation_model = make() if second else trained
        live = bundle.Bundle(
            self.evaluation_model,
            dataset.source_vocabulary,
            dataset.target_vocabulary,
            ModelInfo.model_validate({**self._description, "model_id": "in training"}),
        )
        self._search = settings.search
        search = settings.search.greedy(dataset.settings.max_length)
        translator = Translator(live, search, batch_size=training.valid_sentences)
        tokenize = tokenizer_for(settings.scoring.tokenize, dataset.info.languages.target)
        self.validator, *others = (
            Validator(one, live.model, translator, training.valid_sentences, tokenize, replicas)
            for one in datasets
            if one.rows("valid")
        )
        names = validated_names(datasets)[1:]
        self._others = dict(zip(names, others, strict=True))
        self.best = BestModels(output / "best", training.keep_best, training.metric)

    @cached_property
    def _lexicon(self) -> Lexicon:
        known = [] if self._known is None else [self._known]
        return Lexicon.merged([*(dataset.lexicon() for dataset in self._datasets), *known])

    def check(self, run: RunFolder) -> None:
        """Refuse validations of an earlier attempt that the next cannot be compared with.

        Raises:
            UnusableInput: see `check_validations`.
        """
        names = [self._dataset.name, *self._others]
        check_validations(self._output, run.validations, names, self._training)

    def refresh(self) -> None:
        """Give the evaluation model the present weights, or their averages."""
        model = self.evaluation_model
        if model is not self._trained:
            model.set_weights(self._trained.get_weights())
            variables = {variable.path: variable for variable in model.trainable_variables}
            trained = trained_variables(self._trained, self._training.freeze)
            for variable, average in zip(trained, self._optimizer.averages, strict=False):
                variables[variable.path].assign(average.numpy())

    def validate(self, state: TrainingState, run: RunFolder) -> ValidationLine:
        """Validate the present model, and save it if it is the best or among the best.

        Every worker calls it, and the first one saves.

        Args:
            state: counts the validation.
            run: takes it, and its heatmaps.

        Returns:
            The line of validations.tsv.
        """
        self.refresh()
        line = self._validation(state, run)
        score = score_of(line, self._training.metric)
        best = state.add_validation(score, line.valid_loss, self._training, line.kept)
        line = line.model_copy(update={"best": best})
        if self._replicas.rank != 0:
            return line
        run.add_validation(line)
        images = list(self.validator.heatmaps(self._training.heatmaps))
        for number, image in enumerate(images, 1):
            retry_storing("a heatmap", partial(run.add_heatmap, state.step, number, image))
        if advice := picture.warning(images):
            log.warning(advice)
        if best and better(score, state.average_score):
            self._save(line, self._output / "model")
        if state.step in self.best.steps(run.validations):
            self._save(line, self.best.folder(state.step))
            self.best.tidy(run.validations)
        return line

    def average_best(self, state: TrainingState, run: RunFolder) -> None:
        """Make the mean of the best models MODEL, if it is better than each of them.

        Every worker calls it, and the first one saves.
        """
        # The first worker's validations decide, on all workers alike.
        content = json_text([*self.best.present(run.validations)]).encode()
        steps: list[int] = parse_json(self._replicas.gather(content)[0])
        if len(steps) < 2:
            return
        # Their arithmetic mean: Junczys-Dowmunt et al. 2016.
        sums = [np.zeros(weight.shape) for weight in self.evaluation_model.weights]
        for step in steps:
            weights = bundle.load(self.best.folder(step)).model.get_weights()
            sums = [total + weight for total, weight in zip(sums, weights, strict=True)]
        self.evaluation_model.set_weights([total / len(steps) for total in sums])
        line = self._validation(state, run)
        score = score_of(line, self._training.metric)
        improved = line.kept and better(score, state.best_score, state.average_score)
        if improved:
            state.average_score = score
        if self._replicas.rank != 0:
            return
        if improved:
            self._save(line, self._output / "model", averaged=[*sorted(steps)])
        log.info(
            f"mean of the {len(steps)} best models: {format_validation(line)}, "
            f"{'now MODEL' if improved else 'no better than the best'}"
        )

    def export(self, threads: int) -> None:
        """Give MODEL its ONNX graphs, and say in it whether beams choose from a shortlist.

        Args:
            threads: that decode the validation sentences for that.
        """
        longest = self._dataset.settings.max_length
        check = partial(check_shortlist, self.validator, search=self._search, longest=longest)
        bundle.export(self._output / "model", check, threads)

    def repair(self, state: TrainingState, run: RunFolder) -> None:
        """Make MODEL complete after a crash.

        The best model is written before the checkpoint that counts its validation. A crash
        between the two leaves a complete model, newer than the checkpoint: training repeats those
        steps and writes it again, or ends otherwise with one at least as good as its own best. A
        crash during the writing leaves none (model.json is removed first and written last). Then
        the best model is in the checkpoint, if that was made right after the validation;
        otherwise the next validation counts as the best.
        """
        if state.best_score is None or (self._output / "model" / "model.json").is_file():
            return
        state.average_score = None
        if state.stale == 0 and state.validated == state.step:
            self.refresh()
            self._save(run.validations[-1], self._output / "model")
        else:
            state.best_score = None

    def _validation(self, state: TrainingState, run: RunFolder) -> ValidationLine:
        """A validation as a line of validations.tsv, except whether it is the best."""
        own = self.validator.validate()
        others = {name: validator.validate() for name, validator in self._others.items()}
        line = ValidationLine(
            step=state.step,
            epoch=state.epoch,
            **_scores(own).model_dump(),
            seconds=own.seconds + sum(one.seconds for one in others.values()),
            signature=self.validator.signatures["BLEU"],
            chrf_signature=self.validator.signatures["chrF"],
            others={name: _scores(one) for name, one in others.items()},
        )
        lost, metric = self._lost(line, run), METRIC_TITLES[self._training.metric]
        for name in lost:
            log.info(
                f"{name}: {lost[name]:.2f} {metric} lost, more than the "
                f"{self._training.keep[name]:g} that training.keep allows"
            )
        return line.model_copy(update={"kept": not lost})

    def _lost(self, line: ValidationLine, run: RunFolder) -> dict[str, float]:
        """The datasets on which more is lost than may be, and how much."""
        if not run.validations:
            return {}  # this is the model that training begins with
        every = losses(run.validations[0], line, self._dataset.name, self._training)
        # NaN is no score that was kept.
        return {name: loss for name, loss in every.items() if not loss <= self._training.keep[name]}

    def _save(self, line: ValidationLine, location: Location, **more: JsonValue) -> None:
        scores = line.model_dump(
            exclude={"epoch", "seconds", "best", "kept"}, exclude_defaults=True
        )
        scores["metric"] = self._training.metric
        save = partial(
            bundle.save,
            self.evaluation_model,
            self._dataset.source_vocabulary,
            self._dataset.target_vocabulary,
            {**self._description, "validation": {**scores, **more}},
            location,
            self._lexicon,
        )
        retry_storing(f"the model of step {line.step}", save)


def _scores(validation: Validation) -> Scores:
    return Scores(
        valid_loss=validation.loss,
        accuracy=validation.accuracy,
        bleu=validation.bleu,
        chrf=validation.chrf,
    )


def format_validation(line: ValidationLine) -> str:
    """The scores of a validation for people."""
    parts = [_format(line), *(f"{name}: {_format(line.others[name])}" for name in line.others)]
    return "; ".join(parts)


def _format(scores: ValidationLine | Scores) -> str:
    return (
        f"validation loss {scores.valid_loss:.3f}, BLEU {scores.bleu:.2f}, chrF {scores.chrf:.2f}"
    )

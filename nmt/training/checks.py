"""What is checked of a training before anything is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from nmt import model_folder
from nmt.changes import changed, describe_changes
from nmt.configuration import nearest
from nmt.corpus.cleaning import RULES
from nmt.errors import UnusableInput
from nmt.languages import are_different
from nmt.settings import ModelSettings, check_sizes
from nmt.shards.dataset import Dataset
from nmt.training.request import TrainRequest
from nmt.training.schedule import check_schedule, mixture_of, plan_steps
from nmt.vocabulary.base import SPECIALS, is_byte

log = logging.getLogger(__name__)


def check(request: TrainRequest, datasets: Sequence[Dataset]) -> None:
    """Refuse data and settings that do not go together.

    Raises:
        UnusableInput: says what to do.
    """
    check_sizes(request.settings.model)
    if request.workers[1] > 1 and request.devices > 1 and not request.use_gpu:
        # MultiWorkerMirroredStrategy sees one CPU a worker, however many logical ones it has.
        raise UnusableInput(
            f"--devices-per-worker {request.devices}: several devices in each of several workers "
            "must be GPUs; add --use-gpu, or give --devices-per-worker 1 and more --workers"
        )
    _check_datasets(request, datasets)
    _check_beginning(request)
    training = request.settings.training
    check_schedule(training, plan_steps(mixture_of(datasets, training), training)[1])
    tokenizer = datasets[0].info.tokenizer
    if training.subword_dropout and tokenizer.kind == "word":
        raise UnusableInput(
            "training.subword_dropout: whole words have no subwords; prepare the data with "
            "--tokenizer spm, or leave it out"
        )
    if (
        request.settings.model.tie_embeddings == "three-way"
        and tokenizer.source.sha256 != tokenizer.target.sha256
    ):
        raise UnusableInput(
            f"model.tie_embeddings=three-way needs one vocabulary of both languages, and "
            f"{datasets[0].location} has two; prepare it with --joint-vocabulary"
        )


def _check_datasets(request: TrainRequest, datasets: Sequence[Dataset]) -> None:
    """Refuse datasets that cannot be mixed, or that lack what is asked of them."""
    first, training = datasets[0], request.settings.training
    names = [dataset.name for dataset in datasets]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise UnusableInput(
                f"--data: two datasets are called {name}, by which settings and reports name them; "
                "rename a folder"
            )
    for stage in training.stages:
        if len(stage.weights) != len(datasets):
            raise UnusableInput(
                f"training.stages: {len(stage.weights)} weights for {len(datasets)} --data; give "
                "one for each"
            )
    for number, dataset in enumerate(datasets):
        drawn = not training.stages or any(stage.weights[number] for stage in training.stages)
        needed = {"train": drawn, "valid": not number or dataset.name in training.keep}
        for split in (name for name in needed if needed[name] and not dataset.rows(name)):
            raise UnusableInput(
                f"{dataset.location}: its {split} split is empty; prepare it again with more pairs"
                + (" or a larger --valid-fraction" if split == "valid" else "")
            )
        remedy = f"prepare it with --vocabulary-from {first.location}"
        for side in ("source", "target"):
            own, other = (getattr(one.info.tokenizer, side).sha256 for one in (dataset, first))
            if own != other:
                raise UnusableInput(
                    f"{dataset.location}: has another {side} vocabulary than {first.location}; "
                    f"{remedy}"
                )
        for key in (*RULES, "lowercase"):
            if getattr(dataset.settings, key) != getattr(first.settings, key):
                raise UnusableInput(
                    f"{dataset.location}: was prepared with another data.{key} than "
                    f"{first.location}; {remedy}"
                )


def _check_beginning(request: TrainRequest) -> None:
    """Refuse settings that are about a model to begin with where there is none."""
    training, names = request.settings.training, [location.name for location in request.data]
    for name in training.keep:
        if name not in names:
            raise UnusableInput(
                f"training.keep: no --data is called '{name}'; {nearest(name, names)}"
            )
    about = {
        "--init-optimizer": request.init_optimizer,
        "training.freeze": training.freeze,
        "training.l2_sp": training.l2_sp,
        "training.keep": training.keep,
        "--gate": request.gate,
    }
    for name, value in about.items():
        if value and request.init_from is None:
            raise UnusableInput(f"{name} is about a model to begin with; give --init-from")


def with_model(request: TrainRequest, dataset: Dataset) -> TrainRequest:
    """The request with the architecture of the MODEL that it begins with.

    Raises:
        UnusableInput: another architecture was set, or the dataset's texts become other tokens.
    """
    location = request.init_from
    if location is None:
        return request
    info = model_folder.check(location)
    # A setting that is newer than the model has its default.
    architecture = ModelSettings.model_validate(info.architecture)
    ours, theirs = request.settings.model.model_dump(exclude_unset=True), architecture.model_dump()
    if differences := changed({key: theirs[key] for key in ours}, ours):
        raise UnusableInput(
            f"--init-from {location}: another architecture "
            f"({describe_changes(differences, {'': 'model.'})}); leave these settings out"
        )
    languages = dataset.info.languages
    for side in ("source", "target"):
        learnt_language, language = getattr(info.direction, side), getattr(languages, side)
        if are_different(learnt_language, language):
            raise UnusableInput(
                f"--init-from {location}: its {side} language is {learnt_language}, but that of "
                f"{dataset.location} is {language}; give a model or data of the same languages"
            )
    remedy = f"prepare the data with --vocabulary-from {location}"
    cleaning = {key: (info.data or {}).get(key) for key in (*RULES, "lowercase")}
    for key, value in {"tokenizer": info.tokenizer, **cleaning}.items():
        if value not in (None, getattr(dataset.settings, key)):
            raise UnusableInput(
                f"--init-from {location}: its corpus had another data.{key} than "
                f"{dataset.location}; {remedy}"
            )
    for side in ("source", "target"):
        vocabulary = model_folder.read_vocabulary(location, info, side)
        own = getattr(dataset, f"{side}_vocabulary")
        learnt, own_learnt = (
            {entry for entry in one.entries if entry not in SPECIALS and not is_byte(entry)}
            for one in (vocabulary, own)
        )
        kept = len(learnt & own_learnt)
        if 2 * kept < len(learnt):
            raise UnusableInput(
                f"--init-from {location}: of the {len(learnt):,} entries of its {side} vocabulary "
                f"only {kept:,} are in that of {dataset.location}; {remedy}"
            )
        if own.sha256 != vocabulary.sha256:
            log.info(
                f"{side} vocabulary: {kept:,} of the model's {len(learnt):,} entries stay, and "
                f"{len(own_learnt) - kept:,} begin from those that spell them (bytes and special "
                "entries not counted)"
            )
    return replace(request, settings=request.settings.model_copy(update={"model": architecture}))

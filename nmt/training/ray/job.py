"""`nmt train`: validate, then run Ray Train."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import yaml

from nmt import records
from nmt.changes import changed, describe_changes
from nmt.cluster import connection, resources
from nmt.configuration import validated
from nmt.console import activity, echo
from nmt.errors import UnusableInput
from nmt.evaluation.metrics import differences, signatures
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.records.run import RunConfig, TrainedDataset
from nmt.report.numbers import counted
from nmt.settings import FREE_TRAINING_KEYS, Settings
from nmt.shards.dataset import Dataset
from nmt.storage import lease
from nmt.storage.final import FencedLocation
from nmt.storage.location import Location
from nmt.storage.preflight import check_writable
from nmt.storage.retry import wait_for_stores
from nmt.training import validations
from nmt.training.checks import check, with_model
from nmt.training.request import TrainRequest
from nmt.training.retention import check_validations, validated_names
from nmt.training.schedule import mixture_of, tell_weights
from nmt.training.state import TrainingState
from nmt.yaml_text import read_yaml

log = logging.getLogger(__name__)

# What a config.yaml holds, as it is typed, the most important first; see `describe_changes`.
_NAMES = {
    "datasets.": "--data: dataset ",
    "init_from": "--init-from",
    "init_optimizer": "--init-optimizer",
    "settings.": "",
}


def train(request: TrainRequest) -> int:
    """Train a model, or continue, or report that it is done.

    Args:
        request: the training.

    Returns:
        The exit status: 0, or 3 if `gate` finds no better model.

    Raises:
        UnusableInput: data, settings or output that do not go together, or more than this
            machine has.
        JobFailed: the cluster has no room, another job trains into this output, or training
            failed more often than allowed.
    """
    datasets = [Dataset.open(location) for location in request.data]
    request = with_model(request, datasets[0])
    check(request, datasets)
    config = _config(request, datasets)
    _check_output(request, config)
    if request.dry_run:
        _print_plan(request, datasets, config)
        return 0
    if _is_finished(request):
        return _exit_status(request)
    request = _with_tokenizer(request, datasets)
    training = request.settings.training
    for line in tell_weights(mixture_of(datasets, training), training.epochs):
        log.info(line)
    ray = connection.connect(request.address)
    share = _share(ray, request)
    wait_for_stores()  # they answered just now
    with lease.hold(request.output) as held:
        # The job that held the lease may have begun this output, or finished it.
        _check_output(request, config)
        if not _is_finished(request):
            _fit(ray, request, share, config, held)
    return _exit_status(request)


def _with_tokenizer(request: TrainRequest, datasets: Sequence[Dataset]) -> TrainRequest:
    """The request with the tokenizer for the first dataset's target language, for all workers.

    Raises:
        UnusableInput: the run's earlier validations are damaged, or were scored otherwise, so that
            none of the next could be compared with them.
    """
    scoring, training = request.settings.scoring, request.settings.training
    chosen = tokenizer_for(scoring.tokenize, datasets[0].info.languages.target)
    lines = validations.read(request.output)
    check_validations(request.output, lines, validated_names(datasets), training)
    for earlier in lines[-1:]:
        if changes := differences(earlier.signature, signatures(chosen)["BLEU"]):
            raise UnusableInput(
                f"{request.output}: its validations cannot be compared with the next ones "
                f"({', '.join(changes)}); continue it with the packages and the scoring.tokenize "
                "that it was begun with, or give another --output"
            )
    scoring = scoring.model_copy(update={"tokenize": chosen})
    return replace(request, settings=request.settings.model_copy(update={"scoring": scoring}))


def _fit(
    ray: Any,
    request: TrainRequest,
    share: resources.Share,
    config: RunConfig,
    held: lease.HeldLease,
) -> None:
    """Train, as the only job that writes to the output."""
    if not connection.is_own(request.address):
        resources.wait_for_room(ray, share, request.workers[0])
    request = replace(request, output=FencedLocation(request.output, held.owner))
    text = yaml.safe_dump(config.to_json(), sort_keys=True, allow_unicode=True)
    (request.output / "config.yaml").write_text(text)
    with activity("loading Ray Train"):
        from nmt.training.ray.trainer import fit

    fit(ray, request, share, held)
    if reason := _finished(request):
        log.info(f"training ended: {reason}")


def _exit_status(request: TrainRequest) -> int:
    """What `gate` says of a training that ended."""
    if not request.gate:
        return 0
    file = request.output / "status.json"
    state = TrainingState.of(file.read_json(), file)
    if state.best_step > 0 or state.average_score is not None:
        return 0
    log.error(
        f"{request.output}: no model is better on {request.data[0].name} than the first one and "
        "keeps what training.keep asks for; MODEL is the first one"
    )
    return 3


def _share(ray: Any, request: TrainRequest) -> resources.Share:
    """The resources of each worker; logs what is requested and what exists."""
    nodes, gpus = ray.nodes(), request.devices if request.use_gpu else 0
    own = connection.is_own(request.address)
    share = resources.share(nodes, request.workers, gpus, own=own)
    place = "this machine" if own else "the cluster"
    each = " each" if request.workers[1] > 1 else ""
    requested = f"{_workers(request)} with {share.describe()}{each}"
    log.info(f"training on {requested}; {place} has {resources.describe(nodes)}")
    used, present = request.workers[1] * gpus, resources.count_gpus(nodes)
    if present > used:
        more = "more --workers or --devices-per-worker" if request.use_gpu else "--use-gpu"
        has = f"{place} has {counted(present, 'GPU')}, and training uses {used}"
        log.warning(f"{has}; {more} would use them")
    if share.cpus < 1:
        log.warning("more workers than cores; they share them, and fewer would be as fast")
    return share


def _config(request: TrainRequest, datasets: Sequence[Dataset]) -> RunConfig:
    """The content of config.yaml."""
    settings = request.settings.model_dump(exclude={"drift", "gate", "filter"})
    return RunConfig(
        datasets=[
            TrainedDataset(location=str(dataset.location), hash=dataset.hash)
            for dataset in datasets
        ],
        init_from=str(request.init_from) if request.init_from else None,
        init_optimizer=str(request.init_optimizer) if request.init_optimizer else None,
        # The corpus was prepared under its own settings, whatever this command sets.
        settings={**settings, "data": datasets[0].described_settings},
    )


def _check_output(request: TrainRequest, config: RunConfig) -> None:
    """Refuse an output that holds something else, or was begun with other settings."""
    output = request.output
    file = output / "config.yaml"
    if not file.is_file():
        files = output.files(recursive=True)
        # A job may have been killed before it wrote more than its lease.
        if output.is_file() or (files and files != [output / lease.NAME]):
            raise UnusableInput(f"{output}: holds something that is no RUN; give another --output")
        return
    before = records.check(read_yaml(file), RunConfig, file)
    if differences := changed(_fixed(before, file), _fixed(config, file)):
        raise UnusableInput(
            f"{output}: was begun with other settings ({describe_changes(differences, _NAMES)}); "
            "give another --output or the same settings"
        )


def _fixed(config: RunConfig, file: Location) -> dict[str, object]:
    """The part of a config.yaml that must stay when a training continues."""
    # A setting that is newer than the run had its default.
    settings = validated(Settings, config.settings, f"{file}: setting '{{}}'").model_dump()
    training = settings["training"].items()
    settings["training"] = {k: v for k, v in training if k not in FREE_TRAINING_KEYS}
    # The same data may be named by another path.
    hashes = {f"{number}": dataset.hash for number, dataset in enumerate(config.datasets, 1)}
    return config.to_json() | {"settings": settings, "datasets": hashes}


def _is_finished(request: TrainRequest) -> bool:
    """Whether there is nothing to do; logs why."""
    finished = _finished(request)
    if finished:
        log.info(f"{request.output}: training already ended ({finished}); nothing to do")
    return bool(finished)


def _finished(request: TrainRequest) -> str:
    """Why an earlier run of the same command ended for good; empty if it may go on."""
    file = request.output / "status.json"
    if not file.is_file():
        return ""
    state = TrainingState.of(file.read_json(), file)
    reasons = {
        "patience": f"{state.stale} validations without a better one (training.patience)",
        "epochs": f"{state.epoch} epochs",
        "max_minutes": f"{state.minutes:.1f} of {state.max_minutes} minutes",
    }
    return reasons.get(state.end_reason(request.settings.training), "")


def _print_plan(request: TrainRequest, datasets: Sequence[Dataset], config: RunConfig) -> None:
    """Print what a dry run shows; without Ray, and without writing anything."""
    for dataset in datasets:
        pairs = (
            f"{dataset.rows('train'):,} training pairs, {dataset.rows('valid'):,} for validation"
        )
        echo(f"data      {dataset.location}: {pairs}")
    if finished := _finished(request):
        echo(f"output    {request.output}: already ended ({finished}); nothing would be done")
        return
    request = _with_tokenizer(request, datasets)
    begun = (request.output / "config.yaml").is_file()
    state = "would be continued from its last checkpoint" if begun else "would be made"
    echo(f"output    {request.output}: {state}; {check_writable(request.output)}")
    place = "a local Ray of its own" if connection.is_own(request.address) else request.address
    gpus = f" with {counted(request.devices, 'GPU')} each" if request.use_gpu else ""
    echo(f"runs on   {_workers(request)}{gpus}, on {place}")
    # TensorFlow here must not take the memory of GPUs that are the workers', or another job's.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from nmt.training.preview import preview

    for line in preview(datasets, request.settings, request.workers, request.devices):
        echo(line)
    echo("settings  of the data as they were prepared, and of this training:")
    settings = {**config.settings, "scoring": request.settings.scoring.model_dump()}
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    for line in text.splitlines():
        echo(f"  {line}")


def _workers(request: TrainRequest) -> str:
    least, most = request.workers
    return f"{f'{least} to ' if least < most else ''}{counted(most, 'worker')}"

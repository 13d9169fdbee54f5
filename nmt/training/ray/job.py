"""`nmt train`: validate, then run Ray Train."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any

import yaml

from nmt import bundle, records
from nmt.cluster import connection, resources
from nmt.configuration import changed, validated
from nmt.console import activity, echo
from nmt.errors import UnusableInput
from nmt.evaluation.scores import signatures
from nmt.evaluation.signatures import differences
from nmt.evaluation.tokenizers import tokenizer_for
from nmt.records.run import RunConfig, TrainedDataset
from nmt.report.numbers import counted
from nmt.settings import FREE_TRAINING_KEYS, ModelSettings, Settings, check_sizes
from nmt.shards.batches import choose_shapes, count_batches
from nmt.shards.dataset import Dataset
from nmt.storage import lease
from nmt.storage.fenced import FencedLocation
from nmt.storage.location import Location
from nmt.storage.preflight import check_writable
from nmt.storage.retry import wait_for_stores
from nmt.training import validations
from nmt.training.request import TrainRequest
from nmt.training.schedule import check_schedule
from nmt.training.state import TrainingState
from nmt.yaml_text import read_yaml

log = logging.getLogger(__name__)


def train(request: TrainRequest) -> None:
    """Train a model, or continue, or report that it is done.

    Args:
        request: the training.

    Raises:
        UnusableInput: data, settings or output that do not go together, or more than this
            machine has.
        JobFailed: the cluster has no room, another job trains into this output, or training
            failed more often than allowed.
    """
    dataset = Dataset.open(request.data)
    _check(request, dataset)
    config = _config(request, dataset)
    _check_output(request, config)
    if request.dry_run:
        _print_plan(request, dataset, config)
        return
    if _is_finished(request):
        return
    request = _with_tokenizer(request, dataset)
    ray = connection.connect(request.address)
    share = _share(ray, request)
    wait_for_stores()  # they answered just now
    with lease.hold(request.output) as held:
        # The job that held the lease may have begun this output, or finished it.
        _check_output(request, config)
        if not _is_finished(request):
            _fit(ray, request, share, config, held)


def _with_tokenizer(request: TrainRequest, dataset: Dataset) -> TrainRequest:
    """The request with the tokenizer for the dataset's target language, for all workers.

    Raises:
        UnusableInput: the run's earlier validations were scored otherwise, so that none of the
            next could be compared with them.
    """
    scoring = request.settings.scoring
    chosen = tokenizer_for(scoring.tokenize, dataset.info.languages["target"])
    for earlier in validations.read(request.output)[-1:]:
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


def _check(request: TrainRequest, dataset: Dataset) -> None:
    check_sizes(request.settings.model)
    if request.workers[1] > 1 and request.devices > 1 and not request.use_gpu:
        # MultiWorkerMirroredStrategy sees one CPU a worker, however many logical ones it has.
        raise UnusableInput(
            f"--devices-per-worker {request.devices}: several devices in each of several workers "
            "must be GPUs; add --use-gpu, or give --devices-per-worker 1 and more --workers"
        )
    for split in ("train", "valid"):
        if not dataset.rows(split):
            raise UnusableInput(
                f"{request.data}: its {split} split is empty; prepare it again with more pairs"
                + (" or a larger --valid-fraction" if split == "valid" else "")
            )
    training, widths = request.settings.training, dataset.widths()
    shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
    check_schedule(training, -(-count_batches(widths, shapes) // training.accumulate))
    tokenizer = dataset.info.tokenizer
    if (
        request.settings.model.tie_embeddings == "three-way"
        and tokenizer.source.sha256 != tokenizer.target.sha256
    ):
        raise UnusableInput(
            f"model.tie_embeddings=three-way needs one vocabulary of both languages, and "
            f"{request.data} has two; prepare it with --joint-vocabulary"
        )
    if request.init_from is not None:
        _check_model(request.init_from, request.settings.model, dataset)


def _check_model(location: Location, settings: ModelSettings, dataset: Dataset) -> None:
    """Refuse a MODEL to begin with that has another architecture or other vocabularies."""
    info = bundle.check(location)
    # A setting that is newer than the model has its default.
    architecture = ModelSettings.model_validate(info.architecture).model_dump()
    if differences := changed(architecture, settings.model_dump()):
        raise UnusableInput(
            f"--init-from {location}: another architecture ({'; '.join(differences[:5])}); use its "
            "model settings"
        )
    for side in ("source", "target"):
        theirs = [file for name, file in info.files.items() if name.startswith(f"{side}.")]
        if [file.sha256 for file in theirs] != [getattr(dataset.info.tokenizer, side).sha256]:
            raise UnusableInput(
                f"--init-from {location}: its {side} vocabulary is not that of {dataset.location}; "
                "use the dataset it was trained on"
            )


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


def _config(request: TrainRequest, dataset: Dataset) -> RunConfig:
    """The content of config.yaml."""
    settings = request.settings.model_dump(exclude={"drift", "gate", "filter"})
    return RunConfig(
        dataset=TrainedDataset(location=str(request.data), hash=dataset.hash),
        init_from=str(request.init_from) if request.init_from else None,
        # The corpus was prepared under its own settings, whatever this command sets.
        settings={**settings, "data": dataset.settings},
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
            f"{output}: was begun with other settings ({'; '.join(differences[:5])}); give "
            "another --output or the same settings"
        )


def _fixed(config: RunConfig, file: Location) -> dict[str, object]:
    """The part of a config.yaml that must stay when a training continues."""
    # A setting that is newer than the run had its default.
    settings = validated(Settings, config.settings, f"{file}: setting '{{}}'").model_dump()
    training = settings["training"].items()
    settings["training"] = {k: v for k, v in training if k not in FREE_TRAINING_KEYS}
    # The same data may be named by another path.
    return config.to_json() | {"settings": settings, "dataset": {"hash": config.dataset.hash}}


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


def _print_plan(request: TrainRequest, dataset: Dataset, config: RunConfig) -> None:
    """Print what a dry run shows; without Ray, and without writing anything."""
    pairs = f"{dataset.rows('train'):,} training pairs, {dataset.rows('valid'):,} for validation"
    echo(f"data      {request.data}: {pairs}")
    if finished := _finished(request):
        echo(f"output    {request.output}: already ended ({finished}); nothing would be done")
        return
    request = _with_tokenizer(request, dataset)
    begun = (request.output / "config.yaml").is_file()
    state = "would be continued from its last checkpoint" if begun else "would be made"
    echo(f"output    {request.output}: {state}; {check_writable(request.output)}")
    place = "a local Ray of its own" if connection.is_own(request.address) else request.address
    gpus = f" with {counted(request.devices, 'GPU')} each" if request.use_gpu else ""
    echo(f"runs on   {_workers(request)}{gpus}, on {place}")
    # TensorFlow here must not take the memory of GPUs that are the workers', or another job's.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from nmt.training.preview import preview

    for line in preview(dataset, request.settings, request.workers, request.devices):
        echo(line)
    echo("settings  of the data as they were prepared, and of this training:")
    settings = {**config.settings, "scoring": request.settings.scoring.model_dump()}
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    for line in text.splitlines():
        echo(f"  {line}")


def _workers(request: TrainRequest) -> str:
    least, most = request.workers
    return f"{f'{least} to ' if least < most else ''}{counted(most, 'worker')}"

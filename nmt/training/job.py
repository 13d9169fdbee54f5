"""`jobs/train.py`: check everything, then let Ray Train do the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from nmt import bundle, cluster
from nmt.console import activity, say
from nmt.errors import UnusableInput
from nmt.settings import FREE_TRAINING_KEYS, Settings, changed, check_sizes
from nmt.shards.dataset import Dataset
from nmt.storage import Location


@dataclass(frozen=True)
class TrainRequest:
    """What the command line asked for.

    Attributes:
        data: the DATASET.
        output: the RUN to make or to continue.
        settings: as resolved.
        workers: least and most workers.
        devices: replicas a worker.
        use_gpu: whether the replicas are GPUs.
        init_from: a MODEL to begin with.
        max_failures: failed attempts after which the job gives up.
        address: the Ray cluster to join.
    """

    data: Location
    output: Location
    settings: Settings
    workers: tuple[int, int] = (1, 1)
    devices: int = 1
    use_gpu: bool = False
    init_from: Location | None = None
    max_failures: int = 3
    address: str | None = None


def train(request: TrainRequest, dry_run: bool = False) -> None:
    """Train a model, or continue, or say that it is done.

    Args:
        request: what was asked for.
        dry_run: check and tell only.

    Raises:
        UnusableInput: data, settings or output that do not go together.
        JobFailed: training failed more often than allowed.
    """
    dataset = Dataset.open(request.data)
    _check(request, dataset)
    config = _config(request, dataset)
    _check_output(request, config)
    if dry_run:
        _tell(request, dataset)
        return
    finished = _finished(request)
    if finished:
        say(f"{request.output}: training already ended ({finished}); nothing to do")
        return
    text = yaml.safe_dump(config, sort_keys=True, allow_unicode=True)
    (request.output / "config.yaml").write_text(text)
    ray = cluster.connect(request.address)
    with activity("loading Ray Train and TensorFlow"):
        from nmt.training.ray_trainer import fit

    fit(ray, request)


def _check(request: TrainRequest, dataset: Dataset) -> None:
    check_sizes(request.settings.model)
    for split in ("train", "valid"):
        if not dataset.rows(split):
            raise UnusableInput(
                f"{request.data}: its {split} split is empty; prepare it again with more pairs"
                + (" or a larger --valid-fraction" if split == "valid" else "")
            )
    if request.init_from is not None:
        bundle.check(request.init_from)


def _config(request: TrainRequest, dataset: Dataset) -> dict[str, Any]:
    """What config.yaml holds: every setting as resolved, with the dataset's hash."""
    settings = request.settings.model_dump()
    return {
        "dataset": {"location": str(request.data), "hash": dataset.hash},
        "init_from": str(request.init_from) if request.init_from else None,
        # The corpus was prepared under its own settings, whatever this command says of them.
        "settings": {**settings, "data": dataset.settings},
    }


def _check_output(request: TrainRequest, config: dict[str, Any]) -> None:
    """Refuse an output that holds something else, or was made with other settings."""
    output = request.output
    file = output / "config.yaml"
    if not file.is_file():
        if output.is_file() or output.files(recursive=True):
            raise UnusableInput(f"{output}: holds something that is no RUN; give another --output")
        return
    before = yaml.safe_load(file.read_text())
    old, new = ({**content} for content in (before, config))
    for content in (old, new):
        settings = {**content["settings"]}
        training = settings["training"].items()
        settings["training"] = {k: v for k, v in training if k not in FREE_TRAINING_KEYS}
        content["settings"] = settings
        # The same data may be named by another path.
        content["dataset"] = {"hash": content["dataset"]["hash"]}
    if differences := changed(old, new):
        raise UnusableInput(
            f"{output}: was begun with other settings ({'; '.join(differences[:5])}); give "
            "another --output or the same settings"
        )


def _finished(request: TrainRequest) -> str:
    """Why an earlier run of the same command ended for good; empty if it may go on."""
    file = request.output / "status.json"
    if not file.is_file():
        return ""
    status, training = file.read_json(), request.settings.training
    if status["finished"] == "patience":
        return "no better BLEU within training.patience validations"
    if status["epoch"] >= training.epochs:
        return f"{status['epoch']} epochs"
    # The last validation's time was reserved, so that training ends a little early.
    if training.max_minutes is not None and status["minutes"] >= 0.9 * training.max_minutes:
        return f"{status['minutes']:.1f} minutes"
    return ""


def _tell(request: TrainRequest, dataset: Dataset) -> None:
    """What a dry run says."""
    probe = "exists" if request.output.exists() else "will be made"
    say(f"data      {request.data}: {dataset.rows('train'):,} training pairs")
    say(f"output    {request.output} ({probe})")
    workers = " to ".join(str(number) for number in sorted(set(request.workers)))
    say(f"workers   {workers} with {request.devices} device(s) each")
    say(yaml.safe_dump(request.settings.model_dump(), sort_keys=False).rstrip())

"""What a benchmark was asked for, checked before anything is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nmt import bundle, records
from nmt.benchmark.plan import Plan
from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.settings import ModelSettings, Settings, check_search, check_sizes
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.preflight import check_file
from nmt.yaml_text import read_yaml


@dataclass(frozen=True)
class BenchmarkRequest:
    """What `jobs/benchmark.py` was asked for.

    Attributes:
        settings: architecture and training of the measured steps, and the search.
        origin: where the settings of the training come from, in words.
        data: the DATASET; None is the built-in grammar.
        model: the MODEL whose decoding is measured; None leaves decoding out.
        output: the file that the report will be written to, if any.
        workers: workers that measure at the same time.
        use_gpu: whether each of them has a GPU.
        steps: updates that are timed.
        sentences: sentences that are translated.
        beams: beam sizes, small to large.
        batch_size: sentences decoded together.
        plan: size of a corpus whose time is estimated.
        address: the Ray cluster to join.
    """

    settings: Settings
    origin: str = "the defaults"
    data: Location | None = None
    model: Location | None = None
    output: Location | None = None
    workers: int = 1
    use_gpu: bool = False
    steps: int = 100
    sentences: int = 1000
    beams: tuple[int, ...] = (1, 5)
    batch_size: int = 64
    plan: Plan | None = None
    address: str | None = None


def measured_settings(
    model: Location | None,
    preset: str | None = None,
    config: Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
) -> tuple[Settings, str]:
    """The settings of what is measured, and where those of its training come from, in words.

    A MODEL gives the architecture. How it was trained it does not keep; its RUN does. So where no
    preset is named, config.yaml of the RUN in which the MODEL lies stands in for the defaults.

    Args:
        model: the MODEL, if one was named.
        preset: see `resolve`, like the rest.
        config: settings from YAML; they win over the RUN's.
        assignments: settings from ``--set``; they win over all.

    Raises:
        UnusableInput: the MODEL cannot be used, or a setting is unknown or of the wrong kind.
    """
    if model is None:
        settings = resolve(preset=preset, config=config, assignments=assignments)
        return settings, f"preset {preset}" if preset else "the defaults"
    info = bundle.check(model)
    training, origin = ({}, f"preset {preset}") if preset else _trained_with(model, info)
    base = {"training": training}
    settings = resolve(base=base, preset=preset, config=config, assignments=assignments)
    architecture = ModelSettings.model_validate(info["architecture"])
    return settings.model_copy(update={"model": architecture}), origin


def _trained_with(model: Location, info: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The settings of a MODEL's training from its RUN, where it still lies in that, and from
    which file; {} where it does not."""
    for run in (model.parent, model.parent.parent):  # RUN/model, RUN/best/step-…
        file = run / "config.yaml"
        if not file.is_file():
            continue
        try:
            content = records.check(read_yaml(file), records.RunConfig, file)
        except UnusableInput:
            continue  # another program's
        if content["dataset"]["hash"] == info.get("dataset_hash"):
            return content["settings"].get("training", {}), str(file)
    return {}, "the defaults (no config.yaml of its RUN lies beside the model)"


def check(request: BenchmarkRequest) -> None:
    """Refuse settings that cannot be measured, and an output that cannot be written.

    Raises:
        UnusableInput: sizes or search do not fit together, or the output cannot be written.
        JobFailed: the store of the output failed.
    """
    check_sizes(request.settings.model)
    check_search(request.settings.search)
    if request.output is not None:
        check_file(request.output)


def check_splits(request: BenchmarkRequest, dataset: Dataset) -> None:
    """Raise UnusableInput where a dataset has nothing to train on, or to translate."""
    if not dataset.rows("train"):
        raise UnusableInput(f"{dataset.location}: its train split is empty; give another --data")
    if request.model is not None and not (dataset.rows("test") or dataset.rows("valid")):
        raise UnusableInput(
            f"{dataset.location}: nothing to translate, for its splits test and valid are empty; "
            "give another --data, or leave out --model"
        )

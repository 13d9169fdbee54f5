"""The request of a benchmark, checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nmt import model_folder, records
from nmt.benchmark.plan import Plan
from nmt.cluster.connection import Address
from nmt.configuration import resolve
from nmt.errors import UnusableInput
from nmt.options import FromSettings, Option
from nmt.records.model import ModelRecord
from nmt.records.run import RunConfig
from nmt.settings import ModelSettings, Settings, check_search, check_sizes
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.preflight import check_file
from nmt.yaml_text import read_yaml


@dataclass(frozen=True)
class BenchmarkRequest:
    """The options of a benchmark; ``nmt benchmark --help`` shows them.

    `settings` are architecture and training of the measured steps, and the search; `origin` says
    in words where those of the training come from.
    """

    settings: Annotated[Settings, FromSettings(preset=True)]
    origin: str = "the defaults"
    model: Annotated[
        Location | None,
        Option(
            "Measure decoding with it, and training of its architecture with the settings of its "
            "RUN.",
            "MODEL",
            default="training of the preset alone",
        ),
    ] = None
    data: Annotated[
        Location | None,
        Option(
            "Train on it, and translate its test split.",
            "DATASET",
            default="the built-in grammar",
        ),
    ] = None
    output: Annotated[
        Location | None, Option("Write all measurements to this file.", "FILE.json")
    ] = None
    workers: Annotated[int, Option("Workers that measure at the same time.", least=1)] = 1
    use_gpu: Annotated[
        bool, Option("Measure on GPUs, one per worker.", name="--use-gpu/--no-use-gpu")
    ] = False
    steps: Annotated[int, Option("Training steps that are timed.", least=1)] = 100
    sentences: Annotated[int, Option("Sentences that are translated.", least=1)] = 1000
    beams: Annotated[
        tuple[int, ...], Option("Beam size. Repeatable.", name="--beam-size", least=1)
    ] = (1, 5)
    batch_size: Annotated[int, Option("Sentences decoded together.", least=1)] = 64
    plan: Annotated[
        Plan | None,
        Option(
            "Also estimate time and workers, or GPUs, for a corpus of so many rows of so many "
            "target tokens.",
            "ROWS,TOKENS",
            parse=Plan.parse,
        ),
    ] = None
    address: Address = None


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
    info = model_folder.check(model)
    training, origin = ({}, f"preset {preset}") if preset else _trained_with(model, info)
    base = {"training": training}
    settings = resolve(base=base, preset=preset, config=config, assignments=assignments)
    architecture = ModelSettings.model_validate(info.architecture)
    return settings.model_copy(update={"model": architecture}), origin


def _trained_with(model: Location, info: ModelRecord) -> tuple[dict[str, Any], str]:
    """The settings of a MODEL's training from its RUN, where it still lies in that, and from
    which file; {} where it does not."""
    for run in (model.parent, model.parent.parent):  # RUN/model, RUN/best/step-…
        file = run / "config.yaml"
        if not file.is_file():
            continue
        try:
            content = records.check(read_yaml(file), RunConfig, file)
        except UnusableInput:
            continue  # another program's
        if content.datasets and content.datasets[0].hash == info.dataset_hash:
            return content.settings.get("training", {}), str(file)
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
    """Raise UnusableInput if a dataset has nothing to train on, or to translate."""
    if not dataset.rows("train"):
        raise UnusableInput(f"{dataset.location}: its train split is empty; give another --data")
    if request.model is not None and not (dataset.rows("test") or dataset.rows("valid")):
        raise UnusableInput(
            f"{dataset.location}: nothing to translate, for its splits test and valid are empty; "
            "give another --data, or leave out --model"
        )

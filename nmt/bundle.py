"""MODEL: a folder with a trained model and everything that it needs.

    model.json          architecture, vocabularies, direction, scores, versions, model id
    model.safetensors   weights: numbers with names, shapes and types
    source.* target.*   the vocabularies
    onnx.json *.onnx    the model for ONNX Runtime, if it was exported
    lexicon.npz         likely translations of single tokens (arrays only), for search.shortlist

Several models of the same vocabularies can be used together, as an ensemble.

It holds no code and no pickle. `model_id` is a hash of the contents; loading checks it, and refuses
a folder with one changed byte.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from pydantic import JsonValue

from nmt import tensors
from nmt.ensemble_info import describe_ensemble
from nmt.errors import UnusableInput
from nmt.model_folder import (
    FORMAT_VERSION,
    INFO_NAME,
    LEXICON_NAME,
    WEIGHTS_NAME,
    check,
    describe,
    hash_of,
    read_checked,
    vocabulary_file,
)
from nmt.records import file_entry
from nmt.records.model import ModelInfo, ModelRecord, ShortlistCheck
from nmt.runtime import graphs, runtime_of
from nmt.runtime.ensemble import Ensemble
from nmt.settings import ModelSettings, SearchSettings
from nmt.storage.location import Location
from nmt.version import __version__
from nmt.vocabulary import Vocabulary
from nmt.vocabulary import load as load_vocabulary
from nmt.vocabulary.lexicon import Lexicon


@dataclass(frozen=True)
class Bundle:
    """A model with its vocabularies and the contents of its model.json."""

    model: Any  # a Seq2Seq or a `Runtime`; typed loosely, so that describing it needs no TensorFlow
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    info: ModelInfo
    lexicon: Lexicon | None = None

    @property
    def model_id(self) -> str:
        """A hash of the contents, 64 hexadecimal digits."""
        return self.info.model_id


def save(
    model: Any,
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    description: Mapping[str, JsonValue],
    location: Location,
    lexicon: Lexicon | None = None,
) -> str:
    """Write a MODEL folder; model.json comes last and makes the folder valid.

    Args:
        model: a built `Seq2Seq`.
        source_vocabulary: of the encoder.
        target_vocabulary: of the decoder.
        description: further keys of model.json: direction, dataset hash, validation scores, and
            the settings of cleaning.
        location: the folder.
        lexicon: of the training pairs; without it the model cannot search with a shortlist.

    Returns:
        The model id.
    """
    import keras
    import tensorflow as tf

    files = {
        WEIGHTS_NAME: tensors.serialise(model.weights),
        source_vocabulary.file_name("source"): source_vocabulary.serialise(),
        target_vocabulary.file_name("target"): target_vocabulary.serialise(),
    }
    if lexicon is not None:
        files[LEXICON_NAME] = lexicon.serialise()
    info = {
        **description,
        "format_version": FORMAT_VERSION,
        "architecture": model.settings.model_dump(),
        "parameters": int(model.count_params()),
        "tokenizer": source_vocabulary.kind,
        "files": {name: file_entry(data) for name, data in files.items()},
        "versions": {
            "nmt": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "python": platform.python_version(),
        },
    }
    record = _identified(info)
    (location / INFO_NAME).delete()
    graphs.remove(location)
    for name, data in files.items():
        (location / name).write_bytes(data)
    (location / INFO_NAME).write_json(record)
    return record.model_id


def load(
    location: Location,
    runtime: Literal["onnx", "tensorflow"] = "tensorflow",
    precision: Literal["float32", "int8"] = "float32",
    threads: int = 0,
) -> Bundle:
    """Load a MODEL folder.

    Args:
        location: the folder.
        runtime: what computes the steps of a search. With ONNX Runtime nothing of TensorFlow is
            imported.
        precision: of the products of a step with ONNX Runtime.
        threads: of ONNX Runtime; 0 is all cores. TensorFlow's are set for the whole process.

    Raises:
        UnusableInput: no model, another version, or contents that do not match the model id; no
            ONNX graphs of it.
    """
    info = describe(location)
    data = {name: read_checked(location, info, name) for name in info.files}
    source, target = (
        load_vocabulary(info.tokenizer, data[vocabulary_file(info, side)])
        for side in ("source", "target")
    )
    lexicon = None
    if LEXICON_NAME in data:
        lexicon = Lexicon.parse(data[LEXICON_NAME], source.size, target.size)
    settings = ModelSettings.model_validate(info.architecture)
    if runtime == "onnx":
        from nmt.runtime.onnx import OnnxRuntime

        kernel, bias = _output_weights(location, settings, target.size, data[WEIGHTS_NAME])
        own = graphs.read(location, info.model_id, precision)
        model = OnnxRuntime(own, kernel, bias, settings.attention != "none", threads)
        return Bundle(model, source, target, info, lexicon)
    from nmt.model.seq2seq import Seq2Seq

    if _least_parameters(settings, source.size, target.size) * 4 > len(data[WEIGHTS_NAME]):
        raise UnusableInput(
            f"{location}: damaged, its {WEIGHTS_NAME} is too small for the architecture in "
            f"{INFO_NAME}; copy the model again"
        )
    model = Seq2Seq(settings, source.size, target.size)
    weights = data[WEIGHTS_NAME]
    file, remedy = location / WEIGHTS_NAME, "copy the model again"
    tensors.assign(weights, model.weights, file, remedy, finite=True)
    return Bundle(model, source, target, info, lexicon)


def _output_weights(
    location: Location, settings: ModelSettings, target_size: int, data: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """The output projection, shape (readout_units, target_size), and its bias; see `Seq2Seq`."""
    tied = settings.tie_embeddings
    names: dict[Any, str] = {False: "seq2seq/output_kernel", True: "target_embedding/embeddings"}
    names["three-way"] = "embedding/embeddings"
    shape = settings.readout_units, target_size
    wanted = {
        names[tied]: (shape[::-1] if tied else shape, "float32"),
        "seq2seq/output_bias": (shape[1:], "float32"),
    }
    kernel, bias = tensors.pick(data, wanted, location / WEIGHTS_NAME, "copy the model again")
    return kernel.T if tied else kernel, bias


def export(
    location: Location,
    check: Callable[[Bundle], ShortlistCheck | None] | None = None,
    threads: int = 0,
) -> None:
    """Give a MODEL folder the ONNX graphs of its model, for decoding on CPUs.

    Args:
        location: the folder.
        check: finds out with these graphs what beams lose with a shortlist. That becomes a part of
            model.json, and so of the model's id.
        threads: that the check decodes with; 0 is all cores.

    Raises:
        UnusableInput: see `load`.
    """
    bundle = load(location)
    from nmt.runtime.export import export as convert

    converted, model_id = convert(bundle.model), bundle.model_id
    if check is not None:
        from nmt.runtime.onnx import OnnxRuntime

        kernel, bias = map(np.asarray, bundle.model.output_weights())
        runtime = OnnxRuntime(converted, kernel, bias, bundle.model.attends, threads)
        outcome = check(replace(bundle, model=runtime))
        content = bundle.info.to_json() | {"shortlist": outcome and outcome.to_json()}
        record = _identified(content)
        (location / INFO_NAME).write_json(record)
        model_id = record.model_id
    graphs.write(location, model_id, converted)


def _identified(content: Mapping[str, Any]) -> ModelRecord:
    """A model.json with the id of its content."""
    record = ModelRecord.model_validate({**content, "model_id": ""})
    return record.model_copy(update={"model_id": hash_of(record.to_json())})


def runtime_for(
    locations: Sequence[Location], model_ids: Sequence[str], search: SearchSettings, gpus: bool
) -> Literal["onnx", "tensorflow"]:
    """The runtime for these models.

    Args:
        locations: MODEL folders.
        model_ids: theirs.
        search: the settings runtime and precision.
        gpus: whether there are GPUs to decode with.

    Raises:
        UnusableInput: ONNX Runtime is wanted, and a model has no graphs.
    """
    if search.runtime == "tensorflow" or (search.runtime == "auto" and gpus):
        if search.precision != "float32":
            raise UnusableInput(
                f"search.precision={search.precision} needs ONNX Runtime; set search.runtime=onnx"
            )
        return "tensorflow"
    for location, model_id in zip(locations, model_ids, strict=True):
        if not graphs.exist(location, model_id):
            if search.runtime == "auto" and search.precision == "float32":
                return "tensorflow"
            raise UnusableInput(
                f"{location}: has no ONNX graphs of this model; make them with "
                f"`nmt export --model {location}`"
            )
    return "onnx"


def _least_parameters(settings: ModelSettings, source: int, target: int) -> int:
    """A lower bound of the model's parameters, so that a damaged model.json cannot request more
    memory than its weights need."""
    units = settings.encoder_units + settings.decoder_units
    return (
        max(source, target) * settings.embedding_dim
        + 3 * settings.embedding_dim * units
        + 3 * settings.encoder_layers * settings.encoder_units**2
        + 3 * settings.decoder_layers * settings.decoder_units**2
        + settings.readout_units * (target + settings.decoder_units)
        + (settings.readout == "deep") * settings.readout_units * settings.embedding_dim
        + (settings.attention != "none") * settings.attention_units * units
    )


def load_all(
    locations: Sequence[Location],
    runtime: Literal["onnx", "tensorflow"] = "tensorflow",
    precision: Literal["float32", "int8"] = "float32",
    threads: int = 0,
) -> Bundle:
    """Load a MODEL folder, or several as one ensemble; see `load`.

    Raises:
        UnusableInput: see `load` and `describe_ensemble`.
    """
    bundles = [load(location, runtime, precision, threads) for location in locations]
    info = describe_ensemble(locations, [cast(ModelRecord, bundle.info) for bundle in bundles])
    if len(bundles) == 1:
        return bundles[0]
    ensemble = Ensemble([runtime_of(bundle.model) for bundle in bundles])
    return replace(bundles[0], model=ensemble, info=info)


def check_all(locations: Sequence[Location]) -> ModelRecord:
    """Check a MODEL folder, or several that make an ensemble, without TensorFlow.

    Raises:
        UnusableInput: see `check` and `describe_ensemble`.
    """
    return describe_ensemble(locations, [check(location) for location in locations])

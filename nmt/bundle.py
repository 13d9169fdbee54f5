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
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from pydantic import JsonValue

from nmt import records, tensors
from nmt.configuration import validated
from nmt.ensemble_info import describe_ensemble, vocabulary_file
from nmt.errors import UnusableInput
from nmt.records import file_entry
from nmt.records.model import ModelId, ModelInfo, ModelRecord
from nmt.runtime import graphs, runtime_of
from nmt.runtime.ensemble import Ensemble
from nmt.settings import DataSettings, ModelSettings, SearchSettings
from nmt.storage.encoding import format_json, hash_json
from nmt.storage.location import LARGEST_JSON, Location
from nmt.storage.recorded import read_recorded
from nmt.version import __version__
from nmt.vocabulary import Vocabulary, vocabulary_class
from nmt.vocabulary import load as load_vocabulary
from nmt.vocabulary.lexicon import Lexicon

FORMAT_VERSION = 2
_WEIGHTS = "model.safetensors"
_LEXICON = "lexicon.npz"
_SIDES = ("source", "target")
FILES = re.compile(
    r"model\.json|model\.safetensors|(?:source|target)\.(?:spm|vocab\.txt)|lexicon\.npz"
)


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
        _WEIGHTS: tensors.serialise(model.weights),
        source_vocabulary.file_name("source"): source_vocabulary.serialise(),
        target_vocabulary.file_name("target"): target_vocabulary.serialise(),
    }
    if lexicon is not None:
        files[_LEXICON] = lexicon.serialise()
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
    record = ModelRecord.model_validate({**info, "model_id": ""})
    record = record.model_copy(update={"model_id": _hash(record.to_json())})
    (location / "model.json").delete()
    graphs.remove(location)
    for name, data in files.items():
        (location / name).write_bytes(data)
    (location / "model.json").write_json(record)
    return record.model_id


def _hash(content: Mapping[str, JsonValue]) -> str:
    """The hash of a model.json without its id."""
    return hash_json({key: value for key, value in content.items() if key != "model_id"})


def describe(location: Location) -> ModelRecord:
    """Read and check model.json alone, without TensorFlow.

    Raises:
        UnusableInput: no MODEL folder, another format version, or a changed model.json.
    """
    file = location / "model.json"
    if not file.is_file():
        inside = (
            location / "model" if (location / "model" / "model.json").is_file() else "a RUN/model"
        )
        raise UnusableInput(f"{location}: no model here (model.json is missing); give {inside}")
    content = file.read_json()
    versioned = records.check(content, ModelId, file)
    version, model_id = versioned.format_version, versioned.model_id
    if version != FORMAT_VERSION:
        raise UnusableInput(
            f"{location}: model format version {version}, this program reads {FORMAT_VERSION}; "
            "use the release that wrote it, or retrain"
        )
    if _hash(content) != model_id or not _is_text(file, format_json(content)):
        raise UnusableInput(f"{file}: does not match its model id; copy the model again")
    info = records.check(content, ModelRecord, file)
    for kind, values in ((ModelSettings, info.architecture), (DataSettings, info.data or {})):
        known = {key: values[key] for key in kind.model_fields if key in values}
        validated(kind, values if kind is ModelSettings else known, f"{file}: damaged: '{{}}'")
    names = (_WEIGHTS, *(vocabulary_class(info.tokenizer).file_name(s) for s in _SIDES))
    if missing := [name for name in names if name not in info.files]:
        raise UnusableInput(f"{file}: damaged (it names no {missing[0]}); copy the model again")
    return info


def _is_text(file: Location, text: str) -> bool:
    return file.read_bytes(LARGEST_JSON) == text.encode("utf-8")


def check(location: Location) -> ModelRecord:
    """Check every file of a MODEL folder against its hash, without TensorFlow.

    Raises:
        UnusableInput: a file is missing or changed.
    """
    info = describe(location)
    for name in info.files:
        _read_checked(location, info, name)
    return info


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
    data = {name: _read_checked(location, info, name) for name in info.files}
    source, target = (
        load_vocabulary(info.tokenizer, data[vocabulary_file(info, side)])
        for side in ("source", "target")
    )
    lexicon = None
    if _LEXICON in data:
        lexicon = Lexicon.parse(data[_LEXICON], source.size, target.size)
    if runtime == "onnx":
        from nmt.runtime.onnx import OnnxRuntime

        kernel, bias = _output_weights(location, info, data[_WEIGHTS])
        attends = info.architecture["attention"] != "none"
        own = graphs.read(location, info.model_id, precision)
        model = OnnxRuntime(own, kernel, bias, attends, threads)
        return Bundle(model, source, target, info, lexicon)
    from nmt.model.seq2seq import Seq2Seq

    settings = ModelSettings.model_validate(info.architecture)
    if _least_parameters(settings, source.size, target.size) * 4 > len(data[_WEIGHTS]):
        raise UnusableInput(
            f"{location}: damaged, its {_WEIGHTS} is too small for the architecture in model.json; "
            "copy the model again"
        )
    model = Seq2Seq(settings, source.size, target.size)
    weights = data.get(_WEIGHTS, b"")
    file, remedy = location / _WEIGHTS, "copy the model again"
    tensors.assign(weights, model.weights, file, remedy, finite=True)
    return Bundle(model, source, target, info, lexicon)


def _output_weights(
    location: Location, info: ModelRecord, data: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """The output projection, shape (readout_units, target_size), and its bias; see `Seq2Seq`."""
    tied = info.architecture["tie_embeddings"]
    names: dict[Any, str] = {False: "seq2seq/output_kernel", True: "target_embedding/embeddings"}
    names["three-way"] = "embedding/embeddings"
    read = partial(tensors.pick, data, place=location / _WEIGHTS, remedy="copy the model again")
    kernel, bias = read([names[tied], "seq2seq/output_bias"])
    return kernel.T if tied else kernel, bias


def export(location: Location) -> None:
    """Give a MODEL folder the ONNX graphs of its model, for decoding on CPUs.

    Raises:
        UnusableInput: see `load`.
    """
    bundle = load(location)
    from nmt.runtime.export import export as convert

    graphs.write(location, bundle.model_id, convert(bundle.model))


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


def has_lexicon(info: ModelRecord) -> bool:
    """Whether the model can search with a shortlist."""
    return _LEXICON in info.files


def source_vocabulary(location: Location, info: ModelRecord) -> Vocabulary:
    """The vocabulary of a MODEL folder's encoder, without its weights.

    Args:
        location: the folder.
        info: its model.json.

    Raises:
        UnusableInput: the file is missing or changed.
    """
    data = _read_checked(location, info, vocabulary_file(info, "source"))
    return load_vocabulary(info.tokenizer, data)


def _read_checked(location: Location, info: ModelRecord, name: str) -> bytes:
    file = location.named(name)
    if not file.is_file():
        raise UnusableInput(f"{file}: missing; copy the model again")
    return read_recorded(file, info.files[name], "copy the model again")

"""What lies in a MODEL folder, read and checked without a runtime; see `nmt.bundle`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import JsonValue

from nmt import records
from nmt.configuration import validated
from nmt.errors import UnusableInput
from nmt.json_text import format_json, hash_json
from nmt.records.model import ModelId, ModelRecord
from nmt.settings import DataSettings, ModelSettings
from nmt.storage.location import LARGEST_JSON, Location
from nmt.storage.recorded import read_recorded
from nmt.vocabulary import Vocabulary, vocabulary_class
from nmt.vocabulary import load as load_vocabulary

FORMAT_VERSION = 2
INFO_NAME = "model.json"
WEIGHTS_NAME = "model.safetensors"
LEXICON_NAME = "lexicon.npz"
_AGAIN = "copy the model again"
SIDES = ("source", "target")
FILES = re.compile(
    r"model\.json|model\.safetensors|(?:source|target)\.(?:spm|vocab\.txt)|lexicon\.npz"
)


def hash_of(content: Mapping[str, JsonValue]) -> str:
    """The hash of a model.json without its id."""
    return hash_json({key: value for key, value in content.items() if key != "model_id"})


def describe(location: Location) -> ModelRecord:
    """Read and check model.json alone, without TensorFlow.

    Raises:
        UnusableInput: no MODEL folder, another format version, or a changed model.json.
    """
    file = location / INFO_NAME
    if not file.is_file():
        inside = location / "model" if (location / "model" / INFO_NAME).is_file() else "a RUN/model"
        raise UnusableInput(f"{location}: no model here (model.json is missing); give {inside}")
    content = file.read_json()
    versioned = records.check(content, ModelId, file)
    version, model_id = versioned.format_version, versioned.model_id
    if version != FORMAT_VERSION:
        raise UnusableInput(
            f"{location}: model format version {version}, this program reads {FORMAT_VERSION}; "
            "use the release that wrote it, or retrain"
        )
    if hash_of(content) != model_id or not _is_text(file, format_json(content)):
        raise UnusableInput(f"{file}: does not match its model id; {_AGAIN}")
    info = records.check(content, ModelRecord, file)
    for kind, values in ((ModelSettings, info.architecture), (DataSettings, info.data or {})):
        known = {key: values[key] for key in kind.model_fields if key in values}
        validated(kind, values if kind is ModelSettings else known, f"{file}: damaged: '{{}}'")
    if missing := [name for name in ModelSettings.model_fields if name not in info.architecture]:
        raise UnusableInput(f"{file}: damaged (its architecture has no '{missing[0]}'); {_AGAIN}")
    names = (WEIGHTS_NAME, *(vocabulary_class(info.tokenizer).file_name(s) for s in SIDES))
    if missing := [name for name in names if name not in info.files]:
        raise UnusableInput(f"{file}: damaged (it names no {missing[0]}); {_AGAIN}")
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
        read_checked(location, info, name)
    return info


def vocabulary_file(info: ModelRecord, side: str) -> str:
    """The name of the file of a vocabulary, ``source`` or ``target``."""
    return next(name for name in info.files if name.startswith(f"{side}."))


def read_vocabulary(location: Location, info: ModelRecord, side: str) -> Vocabulary:
    """A vocabulary of a MODEL folder, without its weights.

    Args:
        location: the folder.
        info: its model.json.
        side: ``source`` or ``target``.

    Raises:
        UnusableInput: the file is missing or changed.
    """
    name = vocabulary_file(info, side)
    return load_vocabulary(info.tokenizer, read_checked(location, info, name), location / name)


def has_lexicon(info: ModelRecord) -> bool:
    """Whether the model can search with a shortlist."""
    return LEXICON_NAME in info.files


def read_checked(location: Location, info: ModelRecord, name: str) -> bytes:
    """A file that model.json names, as it was written.

    Raises:
        UnusableInput: the file is missing or changed.
    """
    file = location.named(name)
    if not file.is_file():
        raise UnusableInput(f"{file}: missing; {_AGAIN}")
    return read_recorded(file, info.files[name], _AGAIN)

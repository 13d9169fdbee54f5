"""MODEL: one folder that holds a trained model and all that is needed to use it.

    model.json          architecture, vocabularies, direction, scores, versions, model id
    model.weights.h5    weights (HDF5, arrays only)
    source.* target.*   the vocabularies
    lexicon.npz         likely translations of single tokens (arrays only), for search.shortlist

There is no code and no pickle in it. `model_id` is a hash of the contents; loading checks it,
so a folder with one byte changed is refused.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.errors import UnusableInput
from nmt.settings import ModelSettings
from nmt.storage import Location, format_json, hash_json
from nmt.version import __version__
from nmt.vocabulary import Vocabulary
from nmt.vocabulary import load as load_vocabulary
from nmt.vocabulary.lexicon import Lexicon

FORMAT_VERSION = 1
_WEIGHTS = "model.weights.h5"
_LEXICON = "lexicon.npz"


@dataclass(frozen=True)
class Bundle:
    """A model with its vocabularies and the contents of its model.json."""

    model: Any  # Seq2Seq; typed loosely so that reading the description needs no TensorFlow
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    info: dict[str, Any]
    lexicon: Lexicon | None = None

    @property
    def model_id(self) -> str:
        """64 hexadecimal digits that stand for exactly these contents."""
        return self.info["model_id"]


def save(
    model: Any,
    source_vocabulary: Vocabulary,
    target_vocabulary: Vocabulary,
    description: dict[str, Any],
    location: Location,
    lexicon: Lexicon | None = None,
) -> str:
    """Write a MODEL folder; model.json comes last and makes the folder valid.

    Args:
        model: a built `Seq2Seq`.
        source_vocabulary: goes with the encoder.
        target_vocabulary: goes with the decoder.
        description: what else model.json tells: direction, dataset hash, validation scores,
            the settings by which text was cleaned.
        location: the folder.
        lexicon: of the training pairs; without it the model cannot search with a shortlist.

    Returns:
        The model id.
    """
    import keras
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _WEIGHTS
        model.save_weights(path)
        weights = path.read_bytes()
    files = {
        _WEIGHTS: weights,
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
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
        "versions": {
            "nmt": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "python": platform.python_version(),
        },
    }
    info["model_id"] = hash_json(info)
    (location / "model.json").delete()
    for name, data in files.items():
        (location / name).write_bytes(data)
    (location / "model.json").write_json(info)
    return info["model_id"]


def describe(location: Location) -> dict[str, Any]:
    """Read and check model.json alone, without TensorFlow.

    Raises:
        UnusableInput: no MODEL folder, another format version, or a changed model.json.
    """
    file = location / "model.json"
    if not file.is_file():
        raise UnusableInput(f"{location}: no model here (model.json is missing); give a RUN/model")
    try:
        text = file.read_text()
        info = json.loads(text)
        version, model_id = info["format_version"], info["model_id"]
    except (ValueError, KeyError, TypeError):
        raise UnusableInput(f"{file}: damaged; copy the model again or retrain it") from None
    if version != FORMAT_VERSION:
        raise UnusableInput(
            f"{location}: model format version {version}, this program reads {FORMAT_VERSION}; "
            "use the release that wrote it, or retrain"
        )
    contents = {key: value for key, value in info.items() if key != "model_id"}
    if hash_json(contents) != model_id or text != format_json(info):
        raise UnusableInput(f"{file}: does not match its model id; copy the model again")
    return info


def check(location: Location) -> dict[str, Any]:
    """Check every file of a MODEL folder against its hash, without TensorFlow.

    Raises:
        UnusableInput: a file is missing or changed.
    """
    info = describe(location)
    for name in info["files"]:
        _read_checked(location, info, name)
    return info


def load(location: Location) -> Bundle:
    """Load a MODEL folder.

    Raises:
        UnusableInput: no model, another version, or contents that do not match the model id.
    """
    info = describe(location)
    data = {name: _read_checked(location, info, name) for name in info["files"]}
    source, target = (
        load_vocabulary(info["tokenizer"], data[_vocabulary_file(info, side)])
        for side in ("source", "target")
    )
    from nmt.model.seq2seq import Seq2Seq

    settings = ModelSettings.model_validate(info["architecture"])
    model = Seq2Seq(settings, source.size, target.size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _WEIGHTS
        path.write_bytes(data[_WEIGHTS])
        model.load_weights(path)
    lexicon = Lexicon.parse(data[_LEXICON]) if _LEXICON in data else None
    return Bundle(model, source, target, info, lexicon)


def has_lexicon(info: dict[str, Any]) -> bool:
    """Whether the model that this model.json describes can search with a shortlist."""
    return _LEXICON in info["files"]


def _vocabulary_file(info: dict[str, Any], side: str) -> str:
    return next(name for name in info["files"] if name.startswith(f"{side}."))


def _read_checked(location: Location, info: dict[str, Any], name: str) -> bytes:
    if not (location / name).is_file():
        raise UnusableInput(f"{location / name}: missing; copy the model again")
    data = (location / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != info["files"][name]["sha256"]:
        raise UnusableInput(
            f"{location / name}: contents changed since the model was saved; copy it again"
        )
    return data

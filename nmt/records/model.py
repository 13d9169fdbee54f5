"""MODEL: a trained model with its vocabularies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from nmt.records.base import Count, FileEntry, Many, Named, Record, Versioned


class ModelId(Versioned):
    """``MODEL/model.json`` of any release."""

    model_id: str


class Direction(Record):
    """Codes of the languages."""

    source: str
    target: str


class ModelInfo(Record):
    """What is known of any model, also of one that is still in training.

    Attributes:
        model_id: a hash of the contents of the folder.
        data: the settings of the dataset, by which text is cleaned.
        direction: from which language to which.
        dataset_hash: of the dataset that it was trained on.
        validation: scores on the validation set.
    """

    model_id: str = ""
    data: Named[JsonValue] | None = None
    direction: Direction = Direction(source="", target="")
    dataset_hash: str | None = None
    validation: Named[Any] = {}  # may hold NaN, which is stored as null


class ModelRecord(ModelInfo, Versioned):
    """``MODEL/model.json`` of this release."""

    model_id: str
    architecture: Named[JsonValue]
    tokenizer: Literal["spm", "word"]
    files: Named[FileEntry]
    parameters: Count
    versions: Named[str] = {}
    members: Many[str] = []


class GraphsRecord(Versioned):
    """``MODEL/onnx.json``: the graphs of the model for ONNX Runtime.

    Attributes:
        model_id: of the model that they were made of.
        files: the graphs by their names. Their files have the first 8 digits of their hash in
            their names: ``decode-0123abcd.onnx``.
        versions: of what made them.
    """

    model_id: str
    files: Named[FileEntry]
    versions: Named[str] = {}

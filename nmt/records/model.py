"""MODEL: a trained model with its vocabularies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue

from nmt.records.base import Count, FileEntry, Record, Versioned


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
    data: dict[str, JsonValue] | None = None
    direction: Direction = Direction(source="", target="")
    dataset_hash: str | None = None
    validation: dict[str, Any] = {}  # may hold NaN, which is stored as null


class ModelRecord(ModelInfo, Versioned):
    """``MODEL/model.json`` of this release."""

    model_id: str
    architecture: dict[str, JsonValue]
    tokenizer: Literal["spm", "word"]
    files: dict[str, FileEntry]
    parameters: Count
    versions: dict[str, str] = {}
    members: list[str] = []

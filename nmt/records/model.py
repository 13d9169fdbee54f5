"""MODEL: a trained model with its vocabularies."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from nmt.records.base import Count, FileEntry, Record, Versioned


class ModelId(Versioned):
    """``MODEL/model.json`` of any release."""

    model_id: str


class Direction(Record):
    """Codes of the languages."""

    source: str
    target: str


class ModelRecord(ModelId):
    """``MODEL/model.json`` of this release."""

    architecture: dict[str, JsonValue]
    tokenizer: Literal["spm", "word"]
    files: dict[str, FileEntry]
    parameters: Count
    data: dict[str, JsonValue] | None = None
    direction: Direction = Direction(source="", target="")
    validation: dict[str, JsonValue] = {}

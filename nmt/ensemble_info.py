"""The model.json of several models that are used as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmt.corpus.cleaning import RULES
from nmt.errors import UnusableInput
from nmt.json_text import hash_json
from nmt.model_folder import vocabulary_file
from nmt.records.model import ModelRecord
from nmt.storage.location import Location

_CLEANING = (*RULES, "lowercase")  # settings of the dataset that models in an ensemble share


def describe_ensemble(locations: Sequence[Location], infos: Sequence[ModelRecord]) -> ModelRecord:
    """The model.json of an ensemble, or of one model.

    Vocabularies, cleaning and lexicon are the first model's. The id is a hash of the models' ids.

    Raises:
        UnusableInput: no model, or models that do not read or write the same tokens.
    """
    if not infos:
        raise UnusableInput("an ensemble needs at least one model; name a RUN/model")
    first, *others = infos
    for location, info in zip(locations[1:], others, strict=True):
        for what, ours, theirs in (
            ("tokenizer", first.tokenizer, info.tokenizer),
            *(
                (f"{side} vocabulary", *(_vocabulary_hash(one, side) for one in (first, info)))
                for side in ("source", "target")
            ),
            *(
                (f"data.{key}", (first.data or {}).get(key), (info.data or {}).get(key))
                for key in _CLEANING
            ),
        ):
            if ours != theirs:
                raise UnusableInput(
                    f"{location}: has another {what} than {locations[0]}; an ensemble is of "
                    "models that were trained on one DATASET"
                )
    if not others:
        return first
    architectures = [info.architecture for info in infos]
    return first.model_copy(
        update={
            "model_id": hash_json([info.model_id for info in infos]),
            "members": [info.model_id for info in infos],
            "architecture": {
                key: _common([architecture.get(key) for architecture in architectures])
                for key in architectures[0]
            },
            "parameters": sum(info.parameters for info in infos),
            "validation": {},
            "shortlist": None,
        }
    )


def _common(values: list[Any]) -> Any:
    """The common value, or all values as text."""
    return values[0] if values.count(values[0]) == len(values) else " | ".join(map(str, values))


def _vocabulary_hash(info: ModelRecord, side: str) -> str:
    return info.files[vocabulary_file(info, side)].sha256

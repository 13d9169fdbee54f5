"""The models that `nmt prepare` lets score pairs: checked and described before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from nmt.corpus.corpora import Corpus
from nmt.corpus.filters.cross_entropy import CROSS_ENTROPY
from nmt.errors import UnusableInput
from nmt.languages import are_different
from nmt.model_folder import describe
from nmt.storage.location import Location


def scored_by_models(
    corpora: Sequence[Corpus], forward: Location | None, backward: Location | None
) -> list[Corpus]:
    """The corpora with a threshold for the models' score: 0, which rejects nothing, if none is set.

    Args:
        corpora: as they were asked for.
        forward: MODEL from source to target.
        backward: MODEL from target to source.

    Raises:
        UnusableInput: there is a threshold, but no model.
    """
    name = CROSS_ENTROPY.name
    if forward is not None or backward is not None:
        return [replace(one, thresholds={name: 0, **one.thresholds}) for one in corpora]
    if any(corpus.thresholds.get(name) for corpus in corpora):
        raise UnusableInput(
            f"filter.{name} needs a trained model; give --forward-model and --backward-model"
        )
    return list(corpora)


def describe_models(
    forward: Location | None,
    backward: Location | None,
    languages: tuple[str | None, str | None],
) -> dict[str, JsonValue]:
    """The ids of the models, for the record of a dataset.

    Args:
        forward: MODEL from source to target.
        backward: MODEL from target to source.
        languages: of source and target, where they are known.

    Raises:
        UnusableInput: no model, a damaged one, or one of another direction.
    """
    ids: dict[str, JsonValue] = {}
    for name, location, wanted in (
        ("forward", forward, languages),
        ("backward", backward, languages[::-1]),
    ):
        if location is None:
            continue
        info = describe(location)
        own = info.direction.source, info.direction.target
        for there, expected in zip(own, wanted, strict=True):
            if are_different(there, expected):
                raise UnusableInput(
                    f"--{name}-model {location}: translates from {own[0]} to {own[1]}, not from "
                    f"{wanted[0] or '?'} to {wanted[1] or '?'}; give another model"
                )
        ids[name] = info.model_id
    return ids

"""The vocabularies and the cleaning of a MODEL or a DATASET, for another corpus."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from nmt import model_folder
from nmt.configuration import validated
from nmt.corpus.cleaning import RULES
from nmt.errors import UnusableInput
from nmt.languages import are_different
from nmt.printable import join_names
from nmt.records.model import Direction
from nmt.settings import DataSettings
from nmt.shards.dataset import INFO_NAME, Dataset
from nmt.storage.location import Location
from nmt.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_SIDES = ("source", "target")
# What decides how a text becomes ids. Languages may be given more precisely.
_TAKEN = (
    *("tokenizer", "vocab_size", "joint_vocabulary", "min_frequency", "byte_fallback"),
    *("character_coverage", "symbols", "lowercase", *RULES),
)


@dataclass(frozen=True)
class VocabularySource:
    """What a preparation takes over.

    Attributes:
        location: the MODEL or DATASET.
        settings: under which its own corpus was prepared.
        direction: the languages of that corpus.
        vocabularies: of ``source`` and ``target``.
    """

    location: Location
    settings: DataSettings
    direction: Direction
    vocabularies: dict[str, Vocabulary]

    @classmethod
    def open(cls, location: Location) -> VocabularySource:
        """Read the vocabularies of a MODEL or a DATASET.

        Raises:
            UnusableInput: it is neither, or damaged.
        """
        if (location / model_folder.INFO_NAME).is_file():
            info = model_folder.describe(location)
            if info.data is None:
                raise UnusableInput(
                    f"--vocabulary-from {location}: this model does not record how its corpus was "
                    "cleaned; give its DATASET"
                )
            known = {key: info.data[key] for key in DataSettings.model_fields if key in info.data}
            where = f"{location / model_folder.INFO_NAME}: damaged: '{{}}'"
            settings = validated(DataSettings, known, where)
            read = model_folder.read_vocabulary
            learnt = {side: read(location, info, side) for side in _SIDES}
            return cls(location, settings, info.direction, learnt)
        if (location / INFO_NAME).is_file():
            dataset = Dataset.open(location)
            vocabularies = dataset.source_vocabulary, dataset.target_vocabulary
            learnt = dict(zip(_SIDES, vocabularies, strict=True))
            return cls(location, dataset.settings, dataset.info.languages, learnt)
        raise UnusableInput(
            f"--vocabulary-from {location}: neither a model nor a dataset; give a RUN/model, or "
            "what `nmt prepare` wrote"
        )

    def merged(self, settings: DataSettings) -> DataSettings:
        """Settings with all that decides how a text becomes ids, and the languages, taken over.

        Raises:
            UnusableInput: one of them was set, and otherwise.
        """
        taken = {key: getattr(self.settings, key) for key in _TAKEN}
        for key, value in taken.items():
            if key in settings.model_fields_set and getattr(settings, key) != value:
                raise UnusableInput(
                    f"data.{key}: --vocabulary-from {self.location} was prepared with {value!r}; "
                    "leave it out"
                )
        for side in _SIDES:
            key, own = f"{side}_language", getattr(self.direction, side)
            if are_different(chosen := getattr(settings, key), own):
                raise UnusableInput(
                    f"--{side}-language {chosen}: the {side} language of --vocabulary-from "
                    f"{self.location} is {own}; leave it out"
                )
            if chosen is None:
                taken[key] = getattr(self.settings, key)
        return settings.model_copy(update=taken)

    def tell_tags(self, tags: Sequence[str | None]) -> None:
        """Say which tags the vocabulary knows, if pairs get none.

        Args:
            tags: of the corpora.
        """
        known = self.vocabularies["source"].tags
        if known and None in tags:
            log.info(
                f"--vocabulary-from {self.location} knows the tags {join_names(sorted(known))}, "
                "and these pairs get none; give --tag if they are of such a kind"
            )

    def describe(self) -> dict[str, JsonValue]:
        """What is recorded of it: the hashes of the vocabularies."""
        return {side: vocabulary.sha256 for side, vocabulary in self.vocabularies.items()}

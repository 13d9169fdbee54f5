"""Normalization of texts before they are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nmt.configuration import validated
from nmt.corpus.cleaning import RULES, clean
from nmt.records.output import Manifest, TextForms
from nmt.settings import DataSettings
from nmt.storage.location import Location
from nmt.vocabulary.base import SPECIALS, UNK
from nmt.vocabulary.words import standardise


@dataclass(frozen=True)
class Normalization:
    """How translations and references are normalized.

    Attributes:
        name: for display, ``raw`` or ``standardised``.
        hypothesis: normalizes a translation.
        reference: normalizes a reference.
    """

    name: str = "raw"
    hypothesis: Callable[[str], str] = str
    reference: Callable[[str], str] = str


RAW = Normalization()


def normalizations(tokenizer: str, cleaning: DataSettings) -> list[Normalization]:
    """The normalizations with which a model's translations are scored: the first is the main one,
    the last is always `RAW`.

    A vocabulary of lower-cased words cannot produce raw text. So its references are normalized the
    same way, with their own words and never with [UNK], and so are the source words that replace
    [UNK] in translations. The raw score is reported, too.

    Args:
        tokenizer: of the model, ``spm`` or ``word``.
        cleaning: how the model's corpus was cleaned.
    """
    if tokenizer != "word":
        return [RAW]
    return [
        Normalization("standardised", _words, lambda text: standardise(clean(text, cleaning))),
        RAW,
    ]


def describe(tokenizer: Literal["spm", "word"], cleaning: DataSettings) -> TextForms:
    """The entry of a manifest from which `manifest_normalizations` restores the normalizations; the
    arguments are those of `normalizations`."""
    rules = cleaning.model_dump(include={*RULES, "lowercase"})
    return TextForms(tokenizer=tokenizer, cleaning=rules)


def manifest_normalizations(manifest: Manifest, file: Location) -> list[Normalization]:
    """The normalizations of a finished output; only `RAW` if its manifest does not name them.

    Args:
        manifest: of the output.
        file: where it lies, for errors.
    """
    if (text := manifest.text) is None:
        return [RAW]
    place = str(file).replace("{", "{{").replace("}", "}}")
    message = f"{place}: damaged: 'text.cleaning.{{}}'"
    return normalizations(text.tokenizer, validated(DataSettings, text.cleaning, message))


def _words(hypothesis: str) -> str:
    """A translation in standardised words, except its [UNK]."""
    unknown = SPECIALS[UNK]
    return " ".join(w if w == unknown else standardise(w) for w in hypothesis.split())

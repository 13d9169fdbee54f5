"""The forms of the texts in which translations are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nmt.configuration import validated
from nmt.corpus.cleaning import RULES, clean
from nmt.records.output import Manifest, TextForms
from nmt.settings import DataSettings
from nmt.vocabulary.special import SPECIALS, UNK
from nmt.vocabulary.words import standardise


@dataclass(frozen=True)
class Form:
    """One form of the texts.

    Attributes:
        name: for display, ``raw`` or ``standardised``.
        hypothesis: brings a translation into this form.
        reference: brings a reference into it.
    """

    name: str = "raw"
    hypothesis: Callable[[str], str] = str
    reference: Callable[[str], str] = str


RAW = Form()


def forms_of(tokenizer: str, cleaning: DataSettings) -> list[Form]:
    """The forms in which a model's translations are scored; the first is the one that counts, the
    last is always `RAW`.

    A vocabulary of lower-cased words cannot give raw text back, so its references are brought
    into the same form, with their own words and never with [UNK], and so are the source words
    that stand for [UNK] in translations; the raw score stands beside.

    Args:
        tokenizer: of the model, ``spm`` or ``word``.
        cleaning: how the model's corpus was cleaned.
    """
    if tokenizer != "word":
        return [RAW]
    return [Form("standardised", _words, lambda text: standardise(clean(text, cleaning))), RAW]


def described(tokenizer: Literal["spm", "word"], cleaning: DataSettings) -> TextForms:
    """What a manifest says of the texts, so that `forms_in` finds their forms again; the arguments
    are those of `forms_of`."""
    rules = cleaning.model_dump(include={*RULES, "lowercase"})
    return TextForms(tokenizer=tokenizer, cleaning=rules)


def forms_in(manifest: Manifest) -> list[Form]:
    """The forms in which the translations of a finished output are scored; only `RAW` where an
    earlier release has made it, whose manifest does not say."""
    if (text := manifest.text) is None:
        return [RAW]
    named = "manifest.json: damaged: 'text.cleaning.{}'"
    return forms_of(text.tokenizer, validated(DataSettings, text.cleaning, named))


def _words(hypothesis: str) -> str:
    """A translation of standardised words, its [UNK] as they are."""
    unknown = SPECIALS[UNK]
    return " ".join(w if w == unknown else standardise(w) for w in hypothesis.split())

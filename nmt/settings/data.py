"""How a corpus is prepared."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmt.settings.base import LARGEST_SEED, Group
from nmt.settings.filters import FilterPreset
from nmt.text_limits import MOST_CHARACTERS, MOST_CHARACTERS_ALLOWED
from nmt.vocabulary.base import TAG


class DataSettings(Group):
    """How a corpus is cleaned, split and segmented (`nmt prepare`)."""

    tokenizer: Literal["spm", "word"] = Field(
        "spm", description="SentencePiece BPE (spm), or the book's lower-cased words."
    )
    vocab_size: int = Field(8000, ge=8, description="Largest number of entries per vocabulary.")
    joint_vocabulary: bool = Field(
        False, description="One vocabulary for both languages instead of one each (spm)."
    )
    min_frequency: int = Field(10, ge=1, description="A rarer word is [UNK] (tokenizer word).")
    byte_fallback: bool = Field(
        True,
        description="Spell a character without an entry in bytes, so that none is unknown (spm). "
        "The bytes take 256 entries.",
    )
    character_coverage: float | None = Field(
        None,
        gt=0.9,
        le=1.0,
        description="Share of the characters, by frequency, that get an entry (spm). null is "
        "0.9999; 0.9995 if there are more than 1,000 different characters; 1 without "
        "byte_fallback.",
    )
    symbols: tuple[str, ...] = Field(
        (), description='Texts that stay one token, e.g. ["<b>", "</b>"] (spm).'
    )
    tag: str | None = Field(
        None,
        pattern=TAG,
        description="Name of the kind of text: a token of its own before each source. "
        "`nmt translate --tag NAME` then asks for translations of that kind.",
    )
    lowercase: bool = Field(False, description="Lower-case both sides.")
    max_length: int = Field(
        100, ge=1, description="Most tokens of a side; a longer pair is rejected as too_long."
    )
    max_characters: int = Field(
        MOST_CHARACTERS,
        ge=1,
        le=MOST_CHARACTERS_ALLOWED,
        description="Most characters of a side; a longer pair is rejected as too_many_characters.",
    )
    normalize_unicode: bool = Field(True, description="Normalise text to Unicode NFC.")
    replace_no_break_spaces: bool = Field(
        True, description="Replace every kind of blank by a space."
    )
    remove_invisible: bool = Field(
        True, description="Drop zero-width characters, soft hyphens and control characters."
    )
    decode_entities: bool = Field(True, description="Decode HTML entities such as &amp;.")
    collapse_blanks: bool = Field(True, description="Drop blanks at both ends and repeated blanks.")
    reject_identical: bool = Field(
        False, description="Reject a pair as identical if its sides are equal."
    )
    filters: FilterPreset = Field(
        "none",
        description="Filters of dirt: none, basic (rules that hardly any good pair breaks), or web "
        "(also the language, and how well both sides explain each other). The group filter has "
        "their thresholds.",
    )
    valid_fraction: float = Field(
        0.02, ge=0, lt=1, description="Share of the source sentences drawn for valid/."
    )
    test_fraction: float = Field(
        0.02, ge=0, lt=1, description="Share of the source sentences drawn for test/."
    )
    sample: int | None = Field(
        None, ge=1, description="Number of pairs to draw at random; without it all are used."
    )
    seed: int = Field(
        1, ge=0, le=LARGEST_SEED, description="Seed of the sample, the split and the vocabulary."
    )
    source_language: str | None = Field(
        None,
        description="Code of the source language (de, deu and ger are the same). null follows the "
        "ending of the files or the script of the text, else it is und (undetermined).",
    )
    target_language: str | None = Field(
        None, description="Code of the target language; see source_language."
    )
    shard_rows: int = Field(100_000, ge=1, description="Input pairs per shard file.")

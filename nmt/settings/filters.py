"""Which pairs of a corpus are dirt: the thresholds of the filters, and their presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmt.settings.base import Group

FilterPreset = Literal["none", "basic", "web"]


class FilterSettings(Group):
    """Thresholds of the filters of a corpus (`nmt prepare`).

    null takes the threshold of the preset (`data.filters`); 0 rejects nothing. The preset none has
    no filters. The others keep the score of every filter in `scores/`.
    """

    characters: int | None = Field(
        None, ge=0, description="Most characters of a side; beyond it, bad_length."
    )
    words: int | None = Field(
        None, ge=0, description="Most words of a side; beyond it, bad_length."
    )
    length_ratio: float | None = Field(
        None,
        ge=0,
        description="Most characters of the longer side for each of the shorter one, 10 added to "
        "both; beyond it, length_ratio.",
    )
    length_deviation: float | None = Field(
        None,
        ge=0,
        description="Most standard deviations (robust) from the ratio of lengths that is usual in "
        "the corpus; beyond it, length_deviation.",
    )
    longest_word: int | None = Field(
        None, ge=0, description="Most characters of a word; beyond it, long_word."
    )
    letters: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least share of letters among a side's characters without blanks; below it, "
        "few_letters.",
    )
    script: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least share of a side's letters that are of the script of its language; below "
        "it, wrong_script.",
    )
    similarity: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Similarity of both sides, as the Dice coefficient of their lower-cased words, "
        "from which a pair of two words or more is rejected as copied.",
    )
    repeated_characters: int | None = Field(
        None, ge=0, description="Most equal characters in a row; beyond it, repetition."
    )
    repetition: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Most pairs of neighbouring words that occur earlier in the side, as a share; "
        "beyond it, repetition.",
    )
    numbers: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least share of the numbers in digits that both sides have in common (Dice); "
        "below it, numbers_differ. No preset rejects by it: good translations spell numbers out.",
    )
    urls: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least share of the URLs and addresses that both sides have in common (Dice); "
        "below it, urls_differ. No preset rejects by it.",
    )
    language: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least probability of a side's language by its characters (py3langid); below "
        "it, wrong_language.",
    )
    alignment: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of random pairings of the corpus whose words explain each other too "
        "badly; a pair that explains them no better is rejected as misaligned.",
    )
    cross_entropy: float | None = Field(
        None,
        ge=0,
        description="Most nats per token of the dual conditional cross-entropy under the models of "
        "`--forward-model` and `--backward-model`; beyond it, improbable. No preset has it.",
    )
    duplicates: bool | None = Field(
        None, description="Reject a pair that occurred before, in any corpus, as duplicate."
    )
    near_duplicates: bool | None = Field(
        None,
        description="Reject a pair whose letters, lower-cased, both occurred before in one pair, "
        "in any corpus, as near_duplicate.",
    )
    near_leak: bool | None = Field(
        None,
        description="Reject a training pair as leak if the letters of its source, lower-cased, are "
        "those of a source of valid/ or test/, given or drawn.",
    )


_BASIC: dict[str, float | bool] = {
    "characters": 2000,
    "words": 250,
    "length_ratio": 4.0,
    "longest_word": 60,
    "letters": 0.3,
    "script": 0.3,
    "similarity": 0.95,
    "repeated_characters": 20,
    "repetition": 0.7,
    "numbers": 0,
    "urls": 0,
    "duplicates": True,
    "near_duplicates": False,
    "near_leak": True,
}

# What each preset sets. A filter that is not named is not computed.
FILTER_PRESETS: dict[str, dict[str, float | bool]] = {
    "none": {},
    "basic": _BASIC,
    "web": {
        **_BASIC,
        "characters": 1000,
        "words": 150,
        "length_ratio": 3.0,
        "length_deviation": 2.8,
        "longest_word": 50,
        "letters": 0.5,
        "script": 0.5,
        "similarity": 0.8,
        "repeated_characters": 10,
        "repetition": 0.5,
        "language": 0.05,
        "alignment": 0.99,
        "near_duplicates": True,
    },
}

"""How translations are scored, and which numbers are alarms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmt.settings.base import Group

Tokenizer = Literal["auto", "13a", "none", "intl", "char", "zh", "ja-mecab", "ko-mecab"]


class ScoringSettings(Group):
    """How translations are scored, in training, by `nmt translate` and `nmt evaluate`."""

    tokenize: Tokenizer = Field(
        "auto",
        description="Tokenizer of sacrebleu for BLEU. auto follows the target language: zh, "
        "ja-mecab, ko-mecab (char without the extra 'languages'), char for Thai, Lao, Khmer, "
        "Burmese and Tibetan, else 13a. TER counts the same words if blanks do not separate them.",
    )


class DriftSettings(Group):
    """Limits beyond which a difference from `--baseline` is an alarm; null is no limit."""

    score: float | None = Field(
        0.1, gt=0, description="The mean score is lower by more than this (nats per token)."
    )
    length_ratio: float | None = Field(
        0.05, gt=0, description="The length ratio differs by more than this share."
    )
    unk: float | None = Field(
        0.01, gt=0, description="The share of unknown tokens is higher by more than this."
    )
    bytes: float | None = Field(
        0.01,
        gt=0,
        description="The share of source tokens that spell a character in bytes is higher by more "
        "than this.",
    )
    rejected: float | None = Field(
        0.01, gt=0, description="The share of rejected rows is higher by more than this."
    )
    attention_entropy: float | None = Field(
        0.2, gt=0, description="The entropy of the attention differs by more than this (nats)."
    )
    bleu: float | None = Field(
        1.0,
        gt=0,
        description="BLEU is lower by more than this; on common sentences also significantly "
        "(one-sided p < 0.05).",
    )
    metrics: float | None = Field(
        0.02,
        gt=0,
        description="In `nmt evaluate`: the mean of another metric (`--scores`) is worse by more "
        "than this share, and significantly (one-sided p < 0.05).",
    )


class GateSettings(Group):
    """Limits beyond which a translation is an alarm, with or without a baseline; null is no limit.

    A good model on text of its own kind stays far from them: a few per cent of suspicious
    translations, hardly one that is cut off or repeats itself, a mean score above -0.5.
    """

    suspicious: float | None = Field(
        0.2, ge=0, le=1, description="More than this share of the translations is suspicious."
    )
    truncated: float | None = Field(
        0.05,
        ge=0,
        le=1,
        description="More than this share of the translations is cut off at the length limit.",
    )
    repetition: float | None = Field(
        0.05, ge=0, le=1, description="More than this share of the translations repeat themselves."
    )
    added_files: int | None = Field(
        0, ge=0, description="More files than this were added to the input while the job ran."
    )
    score: float | None = Field(
        -1.0,
        le=0,
        description="The mean score is below this (nats per token); -1 is a probability of one in "
        "three.",
    )

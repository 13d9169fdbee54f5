"""Why a row is in ``rejected/`` instead of being used.

`prepare` judges pairs in `nmt.corpus.pair_filter`, and those that can be used in
`nmt.corpus.filters`. `translate` judges rows in
`nmt.inference.row_filter` before it decodes them; rows that fail while they are decoded are set
aside by `nmt.translation.quarantine`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

PREPARE, TRANSLATE = "prepare", "translate"


class RejectReason(StrEnum):
    """A value of the column ``reason``.

    Attributes:
        descriptions: one sentence for users for each of `PREPARE` and `TRANSLATE` that gives it.
    """

    descriptions: Mapping[str, str]

    def __new__(cls, value: str, jobs: tuple[str, ...] = (), *sentences: str) -> RejectReason:
        """A reason.

        Args:
            value: as the column has it.
            jobs: which of `PREPARE` and `TRANSLATE` give it.
            sentences: one for all jobs, or one for each.
        """
        member = str.__new__(cls, value)
        each = sentences if len(sentences) == len(jobs) else sentences * len(jobs)
        member._value_, member.descriptions = value, dict(zip(jobs, each, strict=True))
        return member

    @classmethod
    def descriptions_of(cls, job: str) -> dict[str, str]:
        """The reasons of `PREPARE` or `TRANSLATE`, each with its sentence."""
        return {
            str(reason): reason.descriptions[job] for reason in cls if job in reason.descriptions
        }

    NULL = "null", (TRANSLATE,), "The text is null."
    MISSING_COLUMN = (
        *("missing_column", (PREPARE,)),
        "The line has no tab, is no row of its format (CSV, JSON Lines), or a side is null or no "
        "text.",
    )
    MALFORMED = (
        *("malformed", (TRANSLATE,)),
        "What stands there is no row of its format: a line that is no JSON object, a record of "
        "CSV with other cells than the header, or a value that is no text. `source` has its first "
        "1,000 characters as they stand in the file.",
    )
    BROKEN_UTF8 = "broken_utf8", (PREPARE, TRANSLATE), "The bytes are not valid UTF-8."
    TOO_MANY_CHARACTERS = (
        *("too_many_characters", (PREPARE, TRANSLATE)),
        "A text has more characters than `data.max_characters`; only its first 1,000 are stored.",
        "A text has more characters than `search.max_characters`, or its translation more than "
        "20 times as many; only its first 1,000 are stored.",
    )
    TOO_MANY_MARKS = (
        *("too_many_marks", (PREPARE, TRANSLATE)),
        "A text has more than 100 combining marks in a row, as read or after cleaning.",
    )
    EMPTY_SOURCE = "empty_source", (PREPARE,), "Cleaning or tokenization leaves no source text."
    EMPTY_TARGET = "empty_target", (PREPARE,), "Cleaning or tokenization leaves no target text."
    IDENTICAL = "identical", (PREPARE,), "Both sides are equal (with `data.reject_identical`)."
    LEAK = (
        *("leak", (PREPARE,)),
        "The source also occurs in the given validation or test files, or its letters do in a "
        "source of valid/ or test/ (with `filter.near_leak`).",
    )
    BAD_LENGTH = (
        *("bad_length", (PREPARE,)),
        "A side has more characters or words than `filter.characters` or `filter.words`.",
    )
    LENGTH_RATIO = (
        *("length_ratio", (PREPARE,)),
        "One side is so much longer than the other that it cannot be its translation "
        "(`filter.length_ratio`).",
    )
    LENGTH_DEVIATION = (
        *("length_deviation", (PREPARE,)),
        "The lengths of both sides differ in an unusual way for this corpus "
        "(`filter.length_deviation`): one may be cut off.",
    )
    LONG_WORD = "long_word", (PREPARE,), "A word is longer than `filter.longest_word`."
    FEW_LETTERS = (
        *("few_letters", (PREPARE,)),
        "Too few characters of a side are letters (`filter.letters`).",
    )
    WRONG_SCRIPT = (
        *("wrong_script", (PREPARE,)),
        "Too few letters of a side are of the script of its language (`filter.script`).",
    )
    COPIED = (
        *("copied", (PREPARE,)),
        "Both sides have the same words, or nearly so (`filter.similarity`).",
    )
    REPETITION = (
        *("repetition", (PREPARE,)),
        "A side repeats a character or pairs of words (`filter.repeated_characters`, "
        "`filter.repetition`).",
    )
    NUMBERS_DIFFER = (
        *("numbers_differ", (PREPARE,)),
        "The numbers of both sides differ (`filter.numbers`).",
    )
    URLS_DIFFER = (
        *("urls_differ", (PREPARE,)),
        "The URLs or addresses of both sides differ (`filter.urls`).",
    )
    WRONG_LANGUAGE = (
        *("wrong_language", (PREPARE,)),
        "A side is hardly in its language (`filter.language`).",
    )
    MISALIGNED = (
        *("misaligned", (PREPARE,)),
        "The words of one side do not explain those of the other any better than in random pairs "
        "of the corpus (`filter.alignment`).",
    )
    IMPROBABLE = (
        *("improbable", (PREPARE,)),
        "The models of `--forward-model` and `--backward-model` find the sides too improbable as "
        "translations of each other (`filter.cross_entropy`).",
    )
    DUPLICATE = (
        *("duplicate", (PREPARE,)),
        "The same pair occurred before, in any corpus (`filter.duplicates`).",
    )
    NEAR_DUPLICATE = (
        *("near_duplicate", (PREPARE,)),
        "A pair of the same letters, lower-cased, occurred before, in any corpus "
        "(`filter.near_duplicates`).",
    )
    TOO_LONG = (
        *("too_long", (PREPARE, TRANSLATE)),
        "A side has more tokens than `data.max_length`.",
        "The source has more tokens than `search.max_split_length`, or than "
        "`search.max_source_length` with `search.too_long=reject`.",
    )
    UNKNOWN_TAG = (
        *("unknown_tag", (TRANSLATE,)),
        "The row's value of `--tag-column` is no tag of the model, and not blank.",
    )
    OUT_OF_MEMORY = (
        *("out_of_memory", (TRANSLATE,)),
        "The row does not fit into memory even when it is decoded alone.",
    )
    FAILED = (
        *("failed", (TRANSLATE,)),
        "Decoding the row alone raises an error, or its score is no number; other rows succeed.",
    )
    CRASHED = (
        *("crashed", (TRANSLATE,)),
        "Decoding the row alone kills its process, twice.",
    )


def are_reasons(values: Iterable[object]) -> bool:
    """Whether all of these are values of a column ``reason``: stored ones may be a stranger's."""
    return {*values} <= {*RejectReason}

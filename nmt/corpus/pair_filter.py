"""Which pairs a DATASET keeps, and why others are rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from nmt.corpus.cleaning import clean_counting
from nmt.corpus.splitting import source_key
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings
from nmt.text_limits import decode_text, has_too_many_marks


class Side(NamedTuple):
    """One side of a pair.

    Attributes:
        raw: the text as it was read; that of a rejected pair as it is stored.
        cleaned: the cleaned text.
        standard: the cleaned text as the vocabulary sees it.
        rules: the cleaning rules that changed it.
    """

    raw: str
    cleaned: str
    standard: str
    rules: tuple[str, ...]


class JudgedPair(NamedTuple):
    """A pair with the key of its source, and the reason to reject it, if there is one."""

    source: Side
    target: Side
    key: bytes
    reason: RejectReason | None


def standardiser(settings: DataSettings) -> Callable[[str], str]:
    """What makes of a cleaned text the text that the vocabulary sees."""
    if settings.tokenizer == "word":
        from nmt.vocabulary.words import standardise
    else:
        from nmt.vocabulary.subwords import standardise
    return standardise


class PairFilter:
    """Judges pairs one by one, before they are cut into tokens.

    Args:
        settings: cleaning, limits and the tokenizer.
        forbidden: keys of the sources of given validation and test files.
    """

    def __init__(self, settings: DataSettings, forbidden: frozenset[bytes]) -> None:
        self._settings, self._forbidden = settings, forbidden
        self._standardise = standardiser(settings)

    def __call__(self, source: bytes | str | None, target: bytes | str | None) -> JudgedPair:
        """Judge a pair as it was read; None is a side that is missing."""
        source_side, source_reason = self._side(source)
        target_side, target_reason = self._side(target)
        # Of the text as the model sees it: other spellings of it must not leak either.
        key = source_key(source_side.standard, self._settings.seed)
        reason = source_reason or target_reason or self._judge(source_side, target_side, key)
        return JudgedPair(source_side, target_side, key, reason)

    def _side(self, value: bytes | str | None) -> tuple[Side, RejectReason | None]:
        raw, reason = (
            ("", RejectReason.MISSING_COLUMN)
            if value is None
            else decode_text(value, self._settings.max_characters)
        )
        cleaned, rules = clean_counting(raw, self._settings)
        return Side(raw, cleaned, self._standardise(cleaned), rules), reason

    def _judge(self, source: Side, target: Side, key: bytes) -> RejectReason | None:
        settings = self._settings
        if has_too_many_marks(source.cleaned) or has_too_many_marks(target.cleaned):
            return RejectReason.TOO_MANY_MARKS
        if not source.standard or source.standard.isspace():
            return RejectReason.EMPTY_SOURCE
        if not target.standard or target.standard.isspace():
            return RejectReason.EMPTY_TARGET
        if settings.reject_identical and source.standard == target.standard:
            return RejectReason.IDENTICAL
        if key in self._forbidden:
            return RejectReason.LEAK
        if settings.tokenizer == "word":
            words = max(len(side.standard.split()) for side in (source, target))
            if words > settings.max_length:
                return RejectReason.TOO_LONG
        return None


def judge_lengths(
    source: Iterable[int], target: Iterable[int], longest: int
) -> list[RejectReason | None]:
    """Judge pairs that were cut into tokens.

    Args:
        source: number of tokens of each source.
        target: number of tokens of each target.
        longest: tokens that a side may have.
    """
    return [_judge_tokens(*pair, longest) for pair in zip(source, target, strict=True)]


def _judge_tokens(source: int, target: int, longest: int) -> RejectReason | None:
    for tokens, empty in ((source, RejectReason.EMPTY_SOURCE), (target, RejectReason.EMPTY_TARGET)):
        if not tokens:
            return empty
        if tokens > longest:
            return RejectReason.TOO_LONG
    return None

"""Which rows of a corpus are translated, and why others are not; needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.corpus.cleaning import clean, stored_words
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings, SearchSettings
from nmt.text_limits import decode_text, has_too_many_marks
from nmt.vocabulary.base import Vocabulary


@dataclass
class Screened:
    """What `Screen` found.

    Attributes:
        kept: positions of the rows to translate, ascending.
        texts: their sources as given.
        cleaned: the same, cleaned.
        reasons: for the positions of the others why they are rejected.
    """

    kept: list[int]
    texts: list[str]
    cleaned: list[str]
    reasons: dict[int, RejectReason]

    def without(self, lost: Mapping[int, RejectReason]) -> Screened:
        """The same, but some of the kept rows are rejected.

        Args:
            lost: why, by their places among the kept ones.
        """
        if not lost:
            return self
        left = [place for place in range(len(self.kept)) if place not in lost]
        reasons = {**self.reasons, **{self.kept[place]: why for place, why in lost.items()}}
        return Screened(
            [self.kept[place] for place in left],
            [self.texts[place] for place in left],
            [self.cleaned[place] for place in left],
            dict(sorted(reasons.items())),
        )


class Screen:
    """Judges rows one by one.

    Args:
        vocabulary: of the source.
        cleaning: how the model's training text was cleaned.
        search: says what is too long.
    """

    def __init__(
        self, vocabulary: Vocabulary, cleaning: DataSettings, search: SearchSettings
    ) -> None:
        self._vocabulary, self.cleaning = vocabulary, cleaning
        self._limit, self._characters = most_tokens(search), search.max_characters

    def clean(self, text: str) -> str:
        """The text as the model sees it: cleaned as the training data were."""
        return clean(text, self.cleaning)

    def stored_words(self, text: str) -> list[int]:
        """See `nmt.corpus.cleaning.stored_words`."""
        return stored_words(text, self.cleaning)

    def too_long(self, text: str) -> bool:
        """Whether a cleaned text has more tokens than are translated, split or not."""
        return not self._vocabulary.fits(text, self._limit)

    def judge(self, raw: bytes | str | None) -> tuple[str, str, RejectReason | None]:
        """Judge a row as it stands in a file; None is a null.

        Returns:
            The text, the cleaned text, and the reason to reject the row, if there is one.
        """
        if raw is None:
            return "", "", RejectReason.NULL
        text, reason = decode_text(raw, self._characters)
        if reason:
            return text, "", reason
        cleaned = self.clean(text)
        if cleaned is not text and has_too_many_marks(cleaned):  # written as entities
            reason = RejectReason.TOO_MANY_MARKS
        elif self.too_long(cleaned):
            reason = RejectReason.TOO_LONG
        return text, cleaned, reason

    def __call__(self, rows: Sequence[bytes | str | None]) -> Screened:
        """Judge the rows of a file."""
        screened = Screened([], [], [], {})
        for i, raw in enumerate(rows):
            text, cleaned, reason = self.judge(raw)
            if reason:
                screened.reasons[i] = reason
            else:
                screened.kept.append(i)
                screened.texts.append(text)
                screened.cleaned.append(cleaned)
        return screened


def cleaning_of(info: Mapping[str, Any]) -> DataSettings:
    """How text was cleaned for the model that this model.json describes."""
    given = info.get("data") or {}
    known = {key: given[key] for key in DataSettings.model_fields if key in given}
    return DataSettings.model_validate(known)


def most_tokens(search: SearchSettings) -> int:
    """Most tokens of a source that is translated, split or not."""
    if search.too_long == "reject":
        return search.max_source_length
    return max(search.max_source_length, search.max_split_length)

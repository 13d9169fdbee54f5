"""Which rows of a corpus are translated, and why others are not; needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.corpus.cleaning import clean, stored_words
from nmt.settings import DataSettings, SearchSettings
from nmt.text_limits import TOO_MANY_MARKS, excess, has_too_many_marks
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
    reasons: dict[int, str]

    def without(self, lost: Mapping[int, str]) -> Screened:
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

    def _decode(self, raw: bytes | str | None) -> str:
        """The text of a row; raises `_Rejected`."""
        if raw is None:
            raise _Rejected("null")
        _refuse(excess(raw, self._characters))
        if isinstance(raw, str):
            return raw
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _Rejected("broken_utf8") from None
        _refuse(excess(text, self._characters))
        return text

    def __call__(self, rows: Sequence[Any]) -> Screened:
        """Judge rows as they stand in a file: bytes, or None for a null."""
        found = Screened([], [], [], {})
        for i, raw in enumerate(rows):
            try:
                text = self._decode(raw)
                cleaned = self.clean(text)
                if cleaned is not text and has_too_many_marks(cleaned):  # written as entities
                    raise _Rejected(TOO_MANY_MARKS)
                if self.too_long(cleaned):
                    raise _Rejected("too_long")
            except _Rejected as rejected:
                found.reasons[i] = str(rejected)
                continue
            found.kept.append(i)
            found.texts.append(text)
            found.cleaned.append(cleaned)
        return found


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


class _Rejected(Exception):
    """A row is rejected; the message is the reason."""


def _refuse(reason: str) -> None:
    if reason:
        raise _Rejected(reason)

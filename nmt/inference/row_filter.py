"""Which rows of a corpus are translated, and why others are rejected; needs no model.

A text in capitals is translated as a sentence, whose translation is written in capitals: a
vocabulary that was learnt from texts as they are cuts a word in capitals into its letters, which
no model has learnt to read. Truecasing (Lita et al. 2003, "tRuEcasIng") gives a text the case that
it would have; here that is the case of a sentence, for nothing else is known of its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from nmt.configuration import nearest
from nmt.corpus.cleaning import clean, stored_words
from nmt.errors import UnusableInput
from nmt.inference.source_checks import tag_of
from nmt.inference.unknown_words import raw_words
from nmt.records.model import ModelInfo
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings, SearchSettings
from nmt.text_limits import decode_text, has_too_many_marks
from nmt.vocabulary.base import Segmented, Vocabulary

_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST = 2  # words of a text in capitals: one alone may be an abbreviation, or a name
_STOPS = ".!?…"  # before a blank they end a sentence
_PART = re.compile(rf"[^\W\d_]+|[{_STOPS}](?=\s)")
_TURKIC = frozenset({"az", "tr"})  # where i has a dot in capitals, too


def is_in_capitals(text: str) -> bool:
    """Whether all letters of a text are capitals, and at least two words have several."""
    return text.isupper() and sum(w[0].isupper() for w in _WORD.finditer(text)) >= _FEWEST


def sentence_case(text: str, language: str | None = None) -> str:
    """A text in capitals with capitals only where sentences begin, and in the English *I*.

    Its words, as `nmt.segmentation` counts them, stay as many.

    Args:
        text: in capitals.
        language: its code; None is unknown.
    """
    if language in _TURKIC:
        text = text.replace("I", "ı").replace("İ", "i")
    begins, parts, place = True, [], 0
    for match in _PART.finditer(lower := text.lower()):
        if match[0] in _STOPS:
            begins = True
            continue
        if begins or (language == "en" and match[0] == "i"):
            parts += [lower[place : match.start()], capitals(match[0][0], language)]
            place = match.start() + 1
        begins = False
    return "".join([*parts, lower[place:]])


def capitals(text: str, language: str | None = None) -> str:
    """A text in capitals; its words stay as many.

    Args:
        text: any text.
        language: its code; None is unknown.
    """
    return (text.replace("i", "İ") if language in _TURKIC else text).upper()


@dataclass
class CleanedText:
    """A text on its way to the decoder: cleaned once, cut into tokens once.

    Attributes:
        text: as it was given.
        cleaned: the same as the model sees it.
        cleaning: what cleaned it.
        segment: its tokens, once somebody has needed them.
        tag: the id that stands before them, if there is one.
        recased: whether it is in capitals and decoded in the case of a sentence.
    """

    text: str
    cleaned: str
    cleaning: DataSettings
    segment: Segmented | None = None
    tag: tuple[int, ...] = ()
    recased: bool = False

    @property
    def decoded(self) -> str:
        """What is cut into tokens."""
        return self._sentence if self.recased else self.cleaned

    @cached_property
    def _sentence(self) -> str:
        return sentence_case(self.cleaned, self.cleaning.source_language)

    @cached_property
    def stored_words(self) -> tuple[int, ...] | None:
        """For each word of the cleaned text the index of its word in `text`; None where cleaning
        changed nothing."""
        if self.text == self.cleaned:
            return None
        return tuple(stored_words(self.text, self.cleaning))

    @cached_property
    def raw_words(self) -> list[str]:
        """What each word of the cleaned text was; see `nmt.inference.unknown_words.raw_words`."""
        return raw_words(self.text, self.cleaned, partial(clean, settings=self.cleaning))

    def encoded(self, vocabulary: Vocabulary) -> Segmented:
        """Its tokens."""
        if self.segment is None:
            self.segment = vocabulary.encode(self.decoded)
        return self.segment


@dataclass
class FilteredRows:
    """What is left of some rows.

    Attributes:
        kept: positions of the rows to translate, ascending.
        sources: their texts.
        reasons: for the positions of the others why they are rejected.
    """

    kept: list[int] = field(default_factory=list)
    sources: list[CleanedText] = field(default_factory=list)
    reasons: dict[int, RejectReason] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The sources to translate as they were given."""
        return [source.text for source in self.sources]

    def without(self, lost: Mapping[int, RejectReason]) -> FilteredRows:
        """The same, but some of the kept rows are rejected.

        Args:
            lost: why, by their places among the kept ones.
        """
        if not lost:
            return self
        left = [place for place in range(len(self.kept)) if place not in lost]
        reasons = {**self.reasons, **{self.kept[place]: why for place, why in lost.items()}}
        return FilteredRows(
            [self.kept[place] for place in left],
            [self.sources[place] for place in left],
            dict(sorted(reasons.items())),
        )


class RowFilter:
    """Judges rows one by one.

    Args:
        vocabulary: of the source, or of the target for references.
        cleaning: how the model's training text was cleaned.
        longest: tokens that a text may have, see `most_tokens`.
        characters: that a text may have.
        tag: the kind of texts that have none of their own; None is none.
        recase: whether texts in capitals are decoded in the case of sentences. One that holds a
            symbol of the vocabulary stays as it is.

    Raises:
        UnusableInput: the vocabulary has no such tag.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        cleaning: DataSettings,
        longest: int,
        characters: int,
        tag: str | None = None,
        recase: bool = False,
    ) -> None:
        self._vocabulary, self.cleaning, self._recase = vocabulary, cleaning, recase
        self.longest, self.characters = longest, characters
        self._tag = () if tag is None else (tag_id(vocabulary, tag),)
        self._tags = vocabulary.tags

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, cleaning: DataSettings, search: SearchSettings
    ) -> RowFilter:
        """The filter of sources under these settings of the search."""
        limits = most_tokens(search), search.max_characters
        return cls(vocabulary, cleaning, *limits, search.tag, search.recase)

    def clean(self, text: str) -> str:
        """The text as the model sees it: cleaned as the training data were."""
        return clean(text, self.cleaning)

    def judge(self, raw: bytes | str | None) -> tuple[CleanedText, RejectReason | None]:
        """Judge a row as it stands in a file; None is a null.

        Returns:
            The text, and the reason to reject it, if there is one.
        """
        if raw is None:
            return CleanedText("", "", self.cleaning), RejectReason.NULL
        text, reason = decode_text(raw, self.characters)
        if reason:
            return CleanedText(text, "", self.cleaning), reason
        row = CleanedText(text, self.clean(text), self.cleaning, tag=self._tag)
        row.recased = self._recase and self._is_recased(row.cleaned)
        if row.cleaned is not text and has_too_many_marks(row.cleaned):  # written as entities
            reason = RejectReason.TOO_MANY_MARKS
        elif self._is_too_long(row):
            reason = RejectReason.TOO_LONG
        return row, reason

    def _is_recased(self, text: str) -> bool:
        return is_in_capitals(text) and not self._vocabulary.symbol_spans(text)

    def _is_too_long(self, row: CleanedText) -> bool:
        if self._vocabulary.surely_fits(row.decoded, self.longest):
            return False
        return len(row.encoded(self._vocabulary).ids) > self.longest

    def __call__(
        self, rows: Iterable[bytes | str | None], tags: Sequence[str | None] | None = None
    ) -> FilteredRows:
        """Judge the rows of a file.

        Args:
            rows: their texts.
            tags: the kind of each; None or a blank is that of all texts. One that the vocabulary
                does not know rejects its row.
        """
        filtered = FilteredRows()
        for i, raw in enumerate(rows):
            row, reason = self.judge(raw)
            if tags is not None and not reason and (tag := tag_of(tags[i])) is not None:
                row.tag = (self._tags[tag],) if tag in self._tags else ()
                reason = None if row.tag else RejectReason.UNKNOWN_TAG
            if reason:
                filtered.reasons[i] = reason
            else:
                filtered.kept.append(i)
                filtered.sources.append(row)
        return filtered


def tag_id(vocabulary: Vocabulary, name: str) -> int:
    """The id of a tag.

    Raises:
        UnusableInput: the vocabulary has no such tag.
    """
    if name not in vocabulary.tags:
        known = nearest(name, vocabulary.tags) if vocabulary.tags else "this model has none"
        raise UnusableInput(f"--tag {name} (search.tag): unknown; {known}")
    return vocabulary.tags[name]


def cleaning_of(info: ModelInfo) -> DataSettings:
    """How text was cleaned for a model."""
    stored = info.data or {}
    known = {key: stored[key] for key in DataSettings.model_fields if key in stored}
    return DataSettings.model_validate(known)


def most_tokens(search: SearchSettings) -> int:
    """Most tokens of a source that is translated, split or not."""
    if search.too_long == "reject":
        return search.max_source_length
    return max(search.max_source_length, search.max_split_length)

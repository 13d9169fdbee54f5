"""What every vocabulary can do: text to ids and back, with the words that tokens belong to."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple


class Segmented(NamedTuple):
    """A text cut into tokens; the three lists are of one length.

    Attributes:
        ids: ids of the tokens, without special symbols.
        tokens: their surfaces, e.g. ``▁Hund`` or ``hund``; the raw word where the id is unk.
        words: for each token the index of the whitespace-separated word of the text (in
            ``text.split()``) that it belongs to.
    """

    ids: list[int]
    tokens: list[str]
    words: list[int]


class Vocabulary(ABC):
    """The token inventory of one side; frozen once trained."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of entries, the four special symbols included."""

    def __len__(self) -> int:
        return self.size

    @abstractmethod
    def encode(self, text: str) -> Segmented:
        """Cut a cleaned text into tokens, with all that display and alignment need."""

    @abstractmethod
    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Only the ids, for many cleaned texts at once."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; pad, bos and eos are dropped, unk stays visible."""

    @abstractmethod
    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The surface of each id, one for one; special symbols by their names."""

    @abstractmethod
    def token_words(self, ids: Sequence[int]) -> list[int]:
        """For each id the index of its word in ``decode(ids).split()``; -1 for pad, bos, eos."""

    @abstractmethod
    def standardise(self, text: str) -> str:
        """A cleaned text as this vocabulary sees it before it is cut."""

    @abstractmethod
    def serialise(self) -> bytes:
        """The contents of the vocabulary's file, the same bytes for the same vocabulary."""

    @classmethod
    @abstractmethod
    def file_name(cls, side: str) -> str:
        """The file's name in DATASET and MODEL, for ``source`` or ``target``."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of the vocabulary's file, as 64 hexadecimal digits."""
        return hashlib.sha256(self.serialise()).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        from nmt.vocabulary import load

        return load, (self.kind, self.serialise())

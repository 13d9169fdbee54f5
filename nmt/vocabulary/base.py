"""What every vocabulary can do: text to ids and back, with the words that tokens belong to.

Every vocabulary begins with the same four symbols, whose ids are part of the contract.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIALS = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")

TAG = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"  # names of tags
_TAG_ENTRY = re.compile(r"<([A-Za-z0-9][A-Za-z0-9_-]{0,31})>")

BLANK = "▁"  # how SentencePiece writes one in its tokens
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(token: str) -> bytes:
    """What a token writes, as UTF-8, the blank that begins a word included.

    SentencePiece spells a character that the vocabulary lacks by its bytes: ``<0xE2>`` is one.
    """
    byte = _BYTE.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace(BLANK, " ").encode()


def lost_bytes(tokens: Iterable[str]) -> int:
    """How many of the tokens are bytes that form no character with those beside them."""
    lost, run = 0, b""
    for token in (*tokens, ""):
        if token.startswith("<") and (byte := _BYTE.fullmatch(token)):
            run += bytes([int(byte[1], 16)])
        elif run:
            lost += len(run) - len(run.decode("utf-8", "ignore").encode())
            run = b""
    return lost


def tag_entry(name: str) -> str:
    """How a vocabulary writes a tag; no text is ever cut into it."""
    return f"<{name}>"


def tag_name(entry: str) -> str | None:
    """The name of a tag; None of another entry."""
    match = _TAG_ENTRY.fullmatch(entry)
    return match[1] if match else None


def is_byte(token: str) -> bool:
    """Whether a token is a byte of a character that the vocabulary lacks."""
    return token.startswith("<") and _BYTE.fullmatch(token) is not None


def spelled(tokens: Iterable[str]) -> str:
    """The text that tokens write together; bytes that form no character are left out."""
    return b"".join(map(token_bytes, tokens)).decode("utf-8", "ignore")


class Segmented(NamedTuple):
    """A text cut into tokens; the three lists are of one length.

    Attributes:
        ids: ids of the tokens, without special symbols.
        tokens: their surfaces, e.g. ``▁Hund`` or ``hund``; the raw word where the id is unk.
        words: for each token the indices of the words of the text that it lies in, as
            `nmt.segmentation` counts them: mostly one, several where a token holds several
            characters of a text without blanks.
    """

    ids: list[int]
    tokens: list[str]
    words: list[range]


class Vocabulary(ABC):
    """The token inventory of one side; frozen once trained."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of entries, the four special symbols included."""

    def __len__(self) -> int:
        return self.size

    @property
    @abstractmethod
    def entries(self) -> tuple[str, ...]:
        """All entries by their ids."""

    @abstractmethod
    def parts(self, entries: Sequence[str]) -> list[list[int]]:
        """The ids that stand for each of these entries, as another vocabulary may have them: the
        entry itself where it is one here, else what it is spelled with."""

    @property
    @abstractmethod
    def never_chosen(self) -> tuple[int, ...]:
        """Ids that no search puts into a translation, ascending."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Texts that are one token wherever they stand, and never a part of one."""
        return ()

    def symbol_spans(self, text: str) -> list[tuple[int, int]]:
        """Where `symbols` begin and end in a cleaned text, in order; as the text is cut, so that
        it takes no longer with many symbols."""
        return []

    @property
    @abstractmethod
    def tags(self) -> Mapping[str, int]:
        """The tags by name, with their ids: kinds of text, of which one may stand first in a
        source. No text is cut into them, and no search chooses them."""

    @abstractmethod
    def encode(self, text: str) -> Segmented:
        """Cut a cleaned text into tokens, with all that display and alignment need."""

    @abstractmethod
    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Only the ids, for many cleaned texts at once."""

    def sample_ids(self, texts: Sequence[str], dropout: float, seed: int) -> list[list[int]]:
        """Ids of many cleaned texts that are cut at random.

        Args:
            texts: cleaned texts.
            dropout: probability with which a merge of subwords is left out; whole words have none.
            seed: the same seed cuts the same texts in the same way.
        """
        return self.encode_ids(texts)

    def fits(self, text: str, limit: int) -> bool:
        """Whether a cleaned text has at most so many tokens."""
        return self.surely_fits(text, limit) or len(self.encode_ids([text])[0]) <= limit

    @staticmethod
    def surely_fits(text: str, limit: int) -> bool:
        """Whether a cleaned text is so short that it `fits` without being cut."""
        # A character has at most four, its bytes, and a blank may come before the first.
        return 4 * len(text) < limit

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of any ids; pad, bos and eos are dropped, unk stays visible."""

    @abstractmethod
    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The surface of each id, one for one; special symbols by their names."""

    @abstractmethod
    def token_words(self, ids: Sequence[int]) -> list[range]:
        """For each id the indices of its words in ``decode(ids)``, see `Segmented`; none for pad,
        bos and eos."""

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

"""The book's words: lower-cased, without punctuation, seen often enough.

The order is that of Keras's `TextVectorization`: by frequency, and where that is equal by the
word itself, both from high to low. Keras lower-cases ASCII only and knows only ASCII's
punctuation, so it gives the same words when it is handed text that `standardise` has made.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property

from nmt.errors import UnusableInput
from nmt.segmentation import count_words
from nmt.vocabulary.base import (
    BOS,
    EOS,
    PAD,
    SPECIALS,
    UNK,
    Segmented,
    Vocabulary,
    tag_entry,
    tag_name,
)


class _Punctuation(dict[int, int | None]):
    """A table for `str.translate` that fills itself: None for what is stripped."""

    def __missing__(self, code: int) -> int | None:
        stripped = unicodedata.category(chr(code)).startswith("P")
        self[code] = None if stripped else code
        return self[code]


# What Keras strips holds some characters that Unicode counts among the symbols.
_STRIPPED = _Punctuation((ord(character), None) for character in "$+<=>^`|~")


def standardise(text: str) -> str:
    """Lower-case a text, strip its punctuation, and put one space between its words."""
    return " ".join(text.lower().translate(_STRIPPED).split())


def get_vocabulary_size_greater_than(counts: Mapping[str, int], n: int = 10) -> int:
    """Number of words seen at least `n` times (the book's helper, for one corpus)."""
    return sum(count >= n for count in counts.values())


class WordVocabulary(Vocabulary):
    """A list of words.

    Args:
        entries: the bytes of a ``.vocab.txt`` file: UTF-8, an entry a line, special symbols first.

    Raises:
        UnusableInput: the bytes are no such list.
    """

    kind = "word"

    def __init__(self, entries: bytes) -> None:
        try:
            self._entries = entries.decode("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError:
            raise UnusableInput("not a word list: broken UTF-8; prepare the data again") from None
        self._ids = {entry: number for number, entry in enumerate(self._entries)}
        if tuple(self._entries[:4]) != SPECIALS or len(self._ids) != len(self._entries):
            raise UnusableInput(
                f"not a word list: different entries, one a line, {' '.join(SPECIALS)} first"
            )

    @property
    def size(self) -> int:
        """See `Vocabulary.size`."""
        return len(self._entries)

    @property
    def entries(self) -> tuple[str, ...]:
        """See `Vocabulary.entries`."""
        return tuple(self._entries)

    def parts(self, entries: Sequence[str]) -> list[list[int]]:
        """See `Vocabulary.parts`; a word that is none here is [UNK]."""
        return [[self._ids.get(entry, UNK)] for entry in entries]

    @property
    def never_chosen(self) -> tuple[int, ...]:
        """See `Vocabulary.never_chosen`."""
        return (PAD, BOS, *sorted(self.tags.values()))

    @cached_property
    def tags(self) -> Mapping[str, int]:
        """See `Vocabulary.tags`; no word that `standardise` leaves has such brackets."""
        names = ((tag_name(entry), number) for entry, number in self._ids.items())
        return {name: number for name, number in names if name}

    @cached_property
    def _silent(self) -> frozenset[int]:
        return frozenset((PAD, BOS, EOS, *self.tags.values()))

    def encode(self, text: str) -> Segmented:
        """See `Vocabulary.encode`; a word of nothing but punctuation yields no token."""
        ids, tokens, words = [], [], []
        before = 0
        for raw in text.split():
            own = range(before, before + count_words(raw))
            before = own.stop
            for word in standardise(raw).split():
                number = self._ids.get(word, UNK)
                ids.append(number)
                tokens.append(raw if number == UNK else word)
                words.append(own)
        return Segmented(ids, tokens, words)

    def encode_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Vocabulary.encode_ids`."""
        find = self._ids.get
        return [[find(word, UNK) for word in standardise(text).split()] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary.decode`; unk is ``[UNK]``."""
        return " ".join(self._entries[number] for number in ids if number not in self._silent)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """See `Vocabulary.tokens`."""
        return [self._entries[number] for number in ids]

    def token_words(self, ids: Sequence[int]) -> list[range]:
        """See `Vocabulary.token_words`."""
        words, before = [], 0
        for number in ids:
            silent = number in self._silent
            own = range(before, before + (0 if silent else count_words(self._entries[number])))
            words.append(own)
            before = own.stop
        return words

    def standardise(self, text: str) -> str:
        """See the function `standardise`."""
        return standardise(text)

    def serialise(self) -> bytes:
        """See `Vocabulary.serialise`."""
        return ("\n".join(self._entries) + "\n").encode("utf-8")

    @classmethod
    def file_name(cls, side: str) -> str:
        """See `Vocabulary.file_name`."""
        return f"{side}.vocab.txt"


def build_words(
    counts: Mapping[str, int], *, vocab_size: int, min_frequency: int, tags: Sequence[str] = ()
) -> WordVocabulary:
    """Choose the words of a vocabulary.

    Args:
        counts: how often each standardised word occurs in the training set.
        vocab_size: entries at most, the four special symbols included.
        min_frequency: a word seen less often is left out.
        tags: names of kinds of text.
    """
    frequent = get_vocabulary_size_greater_than(counts, min_frequency)
    # Keras sorts UTF-8 bytes, which is the order of code points, as Python's.
    ordered = sorted(((count, word) for word, count in counts.items()), reverse=True)
    words = [word for _, word in ordered[:frequent]]
    kept = [*SPECIALS, *map(tag_entry, tags), *words][:vocab_size]
    return WordVocabulary(("\n".join(kept) + "\n").encode("utf-8"))

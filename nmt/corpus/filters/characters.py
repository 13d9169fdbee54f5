"""What the characters of many texts are, counted at once.

The texts of a batch are joined into one array of code points. A table says of each code point what
it is; only those that occur are looked up.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from fontTools.unicodedata import script

from nmt.segmentation import is_unspaced

LETTER, BLANK, DIGIT, UNSPACED = 1, 2, 4, 8  # bits of a kind
_KNOWN = 128  # the bit that says that a code point was looked up
_CODE_POINTS = 0x110000

_kinds = np.zeros(_CODE_POINTS, np.uint8)
_scripts = np.zeros(_CODE_POINTS, np.uint8)
_names: list[str] = []


class Characters:
    """The characters of some texts.

    Args:
        texts: any texts.

    Attributes:
        codes: code points of all texts, uint32.
        starts: where each text begins, int64, shape (texts,).
        lengths: characters of each text, int64, shape (texts,).
        kinds: what each code point is, as bits, uint8.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        self.lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        self.starts = np.cumsum(self.lengths) - self.lengths
        _look_up(self.codes)
        self.kinds = _kinds[self.codes]

    def count(self, kind: int) -> np.ndarray:
        """Characters of a kind in each text, int64."""
        return self._sums((self.kinds & kind) > 0)

    def count_scripts(self, names: Iterable[str]) -> np.ndarray:
        """Letters of these scripts (ISO 15924) in each text, int64."""
        numbers = [_names.index(name) for name in names if name in _names]
        return self._sums(np.isin(_scripts[self.codes], numbers) & ((self.kinds & LETTER) > 0))

    def words(self) -> np.ndarray:
        """Words in each text: between blanks, and characters of scripts without blanks, int64."""
        return self._sums(self._word_starts())

    def longest_word(self) -> np.ndarray:
        """Characters of the longest word of each text, int64."""
        return self._longest(np.flatnonzero(self._word_starts() | ((self.kinds & BLANK) > 0)))

    def longest_run(self) -> np.ndarray:
        """Equal characters in a row, at most, in each text, int64."""
        new = np.ones(len(self.codes), bool)
        new[1:] = self.codes[1:] != self.codes[:-1]
        new[self.starts[self.lengths > 0]] = True
        return self._longest(np.flatnonzero(new | ((self.kinds & BLANK) > 0)))

    def _word_starts(self) -> np.ndarray:
        blank = (self.kinds & BLANK) > 0
        unspaced = (self.kinds & UNSPACED) > 0
        first = np.ones(len(self.codes), bool)
        first[1:] = blank[:-1] | unspaced[:-1] | unspaced[1:]
        first[self.starts[self.lengths > 0]] = True
        return first & ~blank

    def _longest(self, starts: np.ndarray) -> np.ndarray:
        """The longest of the stretches that begin at `starts`, in each text; blanks count none."""
        longest = np.zeros(len(self.lengths), np.int64)
        sizes = np.diff(starts, append=len(self.codes))
        sizes[(self.kinds[starts] & BLANK) > 0] = 0
        text = np.searchsorted(self.starts, starts, side="right") - 1
        np.maximum.at(longest, text, sizes)
        return longest

    def _sums(self, flags: np.ndarray) -> np.ndarray:
        total = np.zeros(len(flags) + 1, np.int64)
        np.cumsum(flags, out=total[1:])
        return total[self.starts + self.lengths] - total[self.starts]


def _look_up(codes: np.ndarray) -> None:
    """Fill the tables for code points that occur for the first time."""
    new = codes[_kinds[codes] == 0]
    for code in np.unique(new).tolist():
        character = chr(code)
        category = unicodedata.category(character)
        kind = _KNOWN
        kind |= LETTER * (category[0] in "LM")
        kind |= DIGIT * (category == "Nd")
        kind |= BLANK * character.isspace()
        kind |= UNSPACED * is_unspaced(character)
        name = script(character)
        if name not in _names:
            _names.append(name)
        _kinds[code], _scripts[code] = kind, _names.index(name)

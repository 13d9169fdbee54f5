"""Pairs changed at random for an epoch: other cases, typing noise, other subwords.

A pure function of the window's pairs and of its key (seed, epoch, window), so that a training that
is resumed, and each of its workers, sees the same pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from nmt.settings import Change
from nmt.vocabulary import Vocabulary

_SIDES = ("source", "target")
_TYPOS = 0.06  # of the letters of a text with typing noise
_STOPS = ".。।։።"
Pair = tuple[str, str]


class Augmentation:
    """Changes some of the pairs of a window.

    Args:
        shares: the share of the pairs that each kind of `KINDS` changes; their sum is at most 1.
        subword_dropout: probability with which a merge of byte-pair encoding is left out, of every
            pair (Provilkov et al. 2020); 0 cuts all texts as in decoding.
        vocabularies: of source and target.
    """

    COLUMNS = _SIDES

    def __init__(
        self,
        shares: Mapping[Change, float],
        subword_dropout: float,
        vocabularies: tuple[Vocabulary, Vocabulary],
    ) -> None:
        self._shares, self._dropout, self._vocabularies = shares, subword_dropout, vocabularies

    def __call__(self, table: pa.Table, key: Sequence[int], longest: int) -> pa.Table:
        """Change pairs, and cut them into tokens again.

        Args:
            table: pairs with their texts (source, target) and ids (source_ids, target_ids).
            key: makes the choices; the same key makes the same ones.
            longest: tokens that a side may have. A pair that gets longer stays as it is.

        Returns:
            The table with other ids.
        """
        random = np.random.default_rng(key)
        pairs = list(zip(*(table[side].to_pylist() for side in _SIDES), strict=True))
        limits = np.cumsum(list(self._shares.values()))
        kinds = np.searchsorted(limits, random.random(len(pairs)), side="right")
        changed = dict[int, Pair]()
        for row in np.flatnonzero(kinds < len(limits)).tolist():
            change = KINDS[list(self._shares)[kinds[row]]]
            changed[row] = change(pairs[row], pairs[(row + 1) % len(pairs)], random)
        rows = list(range(len(pairs))) if self._dropout else sorted(changed)
        ids = [
            self._cut(side, [changed.get(row, pairs[row])[side] for row in rows], random)
            for side in range(2)
        ]
        columns = {f"{side}_ids": table[f"{side}_ids"].to_pylist() for side in _SIDES}
        before, tags = columns["source_ids"], set(self._vocabularies[0].tags.values())
        for row, source, target in zip(rows, *ids, strict=True):
            tag = before[row][:1] if before[row][:1] and before[row][0] in tags else []
            if source and target and max(len(tag) + len(source), len(target)) <= longest:
                before[row], columns["target_ids"][row] = [*tag, *source], target
        for name, values in columns.items():
            place = table.schema.get_field_index(name)
            column = pa.array(values, table.schema.field(name).type)
            table = table.set_column(place, table.schema.field(name), column)
        return table

    def _cut(self, side: int, texts: list[str], random: np.random.Generator) -> list[list[int]]:
        vocabulary = self._vocabularies[side]
        if self._dropout:
            return vocabulary.sample_ids(texts, self._dropout, int(random.integers(2**31)))
        return vocabulary.encode_ids(texts)


def _upper(pair: Pair, _: Pair, __: np.random.Generator) -> Pair:
    return pair[0].upper(), pair[1].upper()


def _title(pair: Pair, _: Pair, __: np.random.Generator) -> Pair:
    source, target = (" ".join(w[:1].upper() + w[1:] for w in text.split(" ")) for text in pair)
    return source, target


def _lower(pair: Pair, _: Pair, __: np.random.Generator) -> Pair:
    return pair[0].lower(), pair[1]


def _typos(pair: Pair, _: Pair, random: np.random.Generator) -> Pair:
    letters = list(pair[0])
    places = [place for place, letter in enumerate(letters) if letter.isalpha()]
    count = max(1, round(_TYPOS * len(places)))
    for place in sorted(random.permutation(places)[:count].tolist(), reverse=True):
        kind = random.integers(3)
        if kind == 0 and place + 1 < len(letters):
            letters[place : place + 2] = letters[place + 1], letters[place]
        elif kind == 1:
            letters.insert(place, letters[place])
        else:
            del letters[place]
    return "".join(letters), pair[1]


def _no_stop(pair: Pair, _: Pair, __: np.random.Generator) -> Pair:
    if all(text[-1:] and text[-1] in _STOPS for text in pair):
        return pair[0][:-1].rstrip(), pair[1][:-1].rstrip()
    return pair


def _joined(pair: Pair, following: Pair, _: np.random.Generator) -> Pair:
    source, target = (f"{one} {other}" for one, other in zip(pair, following, strict=True))
    return source, target


# What each kind makes of a pair; the second pair is that which follows it in the window.
KINDS: dict[Change, Callable[[Pair, Pair, np.random.Generator], Pair]] = {
    "upper": _upper,  # both sides in capitals
    "title": _title,  # each word of both sides with a capital
    "lower": _lower,  # the source in lower case
    "typos": _typos,  # letters of the source swapped, doubled, left out
    "no_stop": _no_stop,  # both sides without their full stop
    "joined": _joined,  # with the next pair behind it
}

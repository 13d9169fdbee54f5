"""Which target tokens translate a source token: a lexicon learnt from the pairs themselves."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nmt.errors import UnusableInput
from nmt.vocabulary.base import EOS, PAD

DEPTH = 50  # translations kept of a source token, at most
_LEAST = 1e-3  # probability below which one is not kept
_ROUNDS = 5  # of expectation and maximisation
_MAGIC = b"\x93NUMPY\x01\x00"
CELLS = 10_000_000  # source tokens × target tokens that are learnt from: about 600 MB


class Lexicon(NamedTuple):
    """Translations of single tokens.

    Attributes:
        candidates: the likeliest translations of each source token, best first, int32, shape
            (source_size, DEPTH); PAD where there are fewer.
        frequent: all target tokens, the most frequent first, int32, shape (target_size,).
    """

    candidates: np.ndarray
    frequent: np.ndarray

    @classmethod
    def learn(
        cls,
        pairs: Iterable[tuple[np.ndarray, np.ndarray]],
        source_size: int,
        target_size: int,
    ) -> Lexicon:
        """Learn it by IBM model 1 (Brown et al. 1993), whose empty word is the source's EOS.

        Args:
            pairs: sentence pairs, as ids without special tokens.
            source_size: entries of the source vocabulary.
            target_size: entries of the target vocabulary.
        """
        pairs = list(pairs)
        sources, targets = [np.append(ids, EOS) for ids, _ in pairs], [ids for _, ids in pairs]
        counts = np.bincount(np.concatenate([*targets, []]).astype(np.int64), minlength=target_size)
        frequent = np.argsort(-counts, kind="stable").astype(np.int32)
        candidates = np.full((source_size, DEPTH), PAD, np.int32)
        # One cell for every source token of every target token; those of one stand together.
        cells = [
            np.tile(source, len(target)) * np.int64(target_size) + np.repeat(target, len(source))
            for source, target in zip(sources, targets, strict=True)
        ]
        widths = np.repeat([len(s) for s in sources], [len(t) for t in targets]).astype(np.int64)
        if len(widths):
            entries, cell = np.unique(np.concatenate(cells), return_inverse=True)
            source, target = np.divmod(entries, target_size)
            probability = _fit(cell, source, widths)
            order = np.lexsort([-probability, source])
            source, target, probability = source[order], target[order], probability[order]
            rank = np.arange(len(source)) - np.searchsorted(source, source)
            kept = (rank < DEPTH) & (probability >= _LEAST)
            candidates[source[kept], rank[kept]] = target[kept]
        return cls(candidates, frequent)

    @classmethod
    def merged(cls, lexicons: Sequence[Lexicon]) -> Lexicon:
        """The translations that any of these lexicons has, the best of each first.

        Args:
            lexicons: of the same vocabularies. The entries that one lacks must be the last ones.
        """
        if len(lexicons) == 1:
            return lexicons[0]
        sizes = [max(len(part) for part in parts) for parts in zip(*lexicons, strict=True)]
        ranked = np.full((len(lexicons), sizes[0], DEPTH), PAD, np.int32)
        ranks = np.full((len(lexicons), sizes[1]), sizes[1])
        for number, (candidates, frequent) in enumerate(lexicons):
            ranked[number, : len(candidates)] = candidates
            ranks[number, frequent] = np.arange(len(frequent))
        # First all first ones, then all second ones, …; of equal ones only the first stays.
        row = ranked.transpose(1, 2, 0).reshape(sizes[0], -1)
        order = np.argsort(row, axis=1, kind="stable")
        values = np.take_along_axis(row, order, 1)
        repeated = np.zeros(row.shape, bool)
        np.put_along_axis(repeated, order[:, 1:], values[:, 1:] == values[:, :-1], 1)
        row = np.where(repeated, PAD, row)
        kept = np.argsort(row == PAD, axis=1, kind="stable")[:, :DEPTH]
        frequent = np.argsort(ranks.min(0), kind="stable").astype(np.int32)
        return cls(np.take_along_axis(row, kept, 1), frequent)

    def serialise(self) -> bytes:
        """The lexicon as a file: arrays alone."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, candidates=self.candidates, frequent=self.frequent)
        return buffer.getvalue()

    @classmethod
    def parse(
        cls, data: bytes, source_size: int, target_size: int, remedy: str = "copy the model again"
    ) -> Lexicon:
        """Read what `serialise` wrote.

        Args:
            data: the file.
            source_size: entries of the source vocabulary.
            target_size: entries of the target vocabulary.
            remedy: what to do if it is damaged, for the message.

        Raises:
            UnusableInput: something else, or the lexicon of other vocabularies.
        """
        shapes = {"candidates": (source_size, DEPTH), "frequent": (target_size,)}
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                lexicon = cls(*(_read(archive, name, shape) for name, shape in shapes.items()))
        except Exception:  # of zipfile and zlib
            raise UnusableInput(f"the lexicon is damaged; {remedy}") from None
        if any(part.min() < 0 or part.max() >= target_size for part in lexicon if part.size):
            raise UnusableInput(f"the lexicon is damaged; {remedy}")
        return lexicon


def _read(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape and no other, for one may say that it has any number of numbers."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed so that it cannot be read in part")
    with archive.open(info) as member:
        if member.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("another version")
        header = member.read(int.from_bytes(member.read(2), "little"))
        # As numpy writes it. Its own reader parses any Python literal, and warns of some.
        numbers = tuple(map(int, shape))
        wanted = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {numbers}, }}"
        if header.rstrip() != wanted.encode():
            raise ValueError("another shape")
        count = 4 * math.prod(shape)
        data = member.read(count + 1)
    if len(data) != count:
        raise ValueError("cut off")
    return np.frombuffer(data, "<i4").reshape(shape)


def _fit(cell: np.ndarray, source: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """p(target | source) of the entries by expectation and maximisation.

    Args:
        cell: the entry of each cell.
        source: the source token of each entry, ascending.
        widths: cells of each target token.
    """
    starts = np.cumsum(widths) - widths
    probability = np.ones(len(source))
    for _ in range(_ROUNDS):
        shares = probability[cell]
        shares /= np.repeat(np.add.reduceat(shares, starts), widths)
        counts = np.bincount(cell, shares, minlength=len(source))
        probability = counts / np.bincount(source, counts)[source]
    return probability

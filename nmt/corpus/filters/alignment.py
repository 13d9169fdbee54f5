"""How well both sides of a pair explain each other: word translations and lengths of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.alignment.translations import Cells, TranslationTable
from nmt.alignment.words import Words, stems
from nmt.corpus.staged import array_bytes, parse_arrays

LARGEST = 512 << 20  # bytes of a stored aligner: two tables of `CELLS` entries, words and lengths
_AT_ONCE = 8192  # pairs
_REPAIRED = 20_000  # random pairings, at most
_NORMAL = 1.4826  # standard deviations of a normal distribution in its median absolute deviation


@dataclass(frozen=True)
class LengthModel:
    """How long a target is for its source, after Gale & Church (1993).

    Attributes:
        ratio: characters of a target for each of its source, as the median.
        centre: the median of the deviations, which is near 0.
        spread: their standard deviation, by the median absolute deviation.
    """

    ratio: float
    centre: float
    spread: float

    @classmethod
    def learn(cls, sources: np.ndarray, targets: np.ndarray) -> LengthModel:
        """Learn it from the characters of sources and targets."""
        ratio = float(np.median(targets / np.maximum(sources, 1))) if len(sources) else 1.0
        deviations = cls(ratio, 0, 1).deviation(sources, targets)
        centre = float(np.median(deviations)) if len(sources) else 0.0
        spread = float(np.median(np.abs(deviations - centre))) if len(sources) else 0.0
        return cls(ratio, centre, _NORMAL * spread or 1.0)

    def deviation(self, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """How unusual lengths are, in standard deviations, signed; float32.

        The variance grows with the length, as in Gale & Church.
        """
        expected = sources * self.ratio
        deviation = (targets - expected) / np.sqrt(np.maximum((targets + expected) / 2, 1))
        return ((deviation - self.centre) / self.spread).astype(np.float32)


@dataclass(frozen=True)
class Aligner:
    """What a corpus says of its words and lengths.

    Attributes:
        source: words of the source side.
        target: words of the target side.
        forward: target words by source word.
        backward: source words by target word.
        lengths: of both sides, in each corpus.
        step: the pairs whose id is divisible by it were learnt from.
        random: scores of random pairings of the corpus, ascending, float32.
    """

    source: Words
    target: Words
    forward: TranslationTable
    backward: TranslationTable
    lengths: tuple[LengthModel, ...]
    step: int
    random: np.ndarray

    @classmethod
    def learn(
        cls,
        sources: Sequence[str],
        targets: Sequence[str],
        step: int,
        owners: np.ndarray | None = None,
    ) -> Aligner:
        """Learn it from the pairs of some corpora.

        Args:
            sources: the sources whose id is divisible by `step`, in order.
            targets: their targets.
            step: see `step`.
            owners: the number of the corpus of each pair; None if there is only one.
        """
        owners = np.zeros(len(sources), np.int64) if owners is None else owners
        words = [stems(text) for text in sources], [stems(text) for text in targets]
        source, target = (Words.learn(side) for side in words)
        ids = [source.ids(one) for one in words[0]], [target.ids(one) for one in words[1]]
        del words
        forward = _learn_table(*ids, (len(source), len(target)))
        backward = _learn_table(*ids[::-1], (len(target), len(source)))
        sizes = [np.fromiter(map(len, side), np.int64, len(side)) for side in (sources, targets)]
        lengths = tuple(
            LengthModel.learn(*(side[owners == corpus] for side in sizes))
            for corpus in range(int(owners.max(initial=0)) + 1)
        )
        aligner = cls(source, target, forward, backward, lengths, step, np.zeros(0, np.float32))
        # Each of an even sample with the target of the one after it.
        chosen = range(0, len(sources), max(1, len(sources) // _REPAIRED))
        lefts, rights = ([side[place] for place in chosen] for side in ids)
        random = aligner._score(lefts, rights[1:] + rights[:1], np.zeros(len(lefts), bool))
        return cls(source, target, forward, backward, lengths, step, np.sort(random))

    def length_model(self, corpus: int) -> LengthModel:
        """That of a corpus; that of the first one, if nothing was learnt from it."""
        return self.lengths[corpus if corpus < len(self.lengths) else 0]

    def score(self, sources: Sequence[str], targets: Sequence[str], ids: np.ndarray) -> np.ndarray:
        """How much likelier each side makes the other than chance does, in nats a word.

        Args:
            sources: cleaned texts.
            targets: their translations.
            ids: of the pairs, which tell those that were learnt from.

        Returns:
            The smaller of both directions, float32, shape (pairs,).
        """
        learnt = ids % self.step == 0
        return self._score(
            [self.source.ids(stems(text)) for text in sources],
            [self.target.ids(stems(text)) for text in targets],
            learnt,
        )

    def _score(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], learnt: np.ndarray
    ) -> np.ndarray:
        scores = [np.zeros(0, np.float32)]
        for first in range(0, len(sources), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            scores.append(
                np.minimum(
                    self.forward.score(sources[some], targets[some], learnt[some]),
                    self.backward.score(targets[some], sources[some], learnt[some]),
                )
            )
        return np.concatenate(scores)

    def threshold(self, share: float) -> float:
        """The score that so many random pairings do not reach; never above 0, which is chance.

        Args:
            share: of the random pairings, 0 to 1.
        """
        return min(0.0, float(np.quantile(self.random, share))) if len(self.random) else 0.0

    def serialise(self) -> bytes:
        """The aligner as a file: arrays alone."""
        return array_bytes(
            **{f"forward_{name}": array for name, array in self.forward._asdict().items()},
            **{f"backward_{name}": array for name, array in self.backward._asdict().items()},
            source=_joined(self.source),
            target=_joined(self.target),
            lengths=np.array([(one.ratio, one.centre, one.spread) for one in self.lengths]),
            step=np.array(self.step),
            random=self.random,
        )

    @classmethod
    def parse(cls, data: bytes) -> Aligner:
        """Read what `serialise` wrote."""
        arrays = parse_arrays(data)
        forward, backward = (
            TranslationTable(*(arrays[f"{way}_{name}"] for name in TranslationTable._fields))
            for way in ("forward", "backward")
        )
        return cls(
            _split(arrays["source"]),
            _split(arrays["target"]),
            forward,
            backward,
            tuple(LengthModel(*values) for values in arrays["lengths"].tolist()),
            int(arrays["step"]),
            arrays["random"],
        )


def _learn_table(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], sizes: tuple[int, int]
) -> TranslationTable:
    return TranslationTable.learn(Cells.of(sources, targets, sizes), sizes)[0]


def _joined(words: Words) -> np.ndarray:
    return np.frombuffer("\n".join(words.words).encode("utf-8", "surrogatepass"), np.uint8)


def _split(joined: np.ndarray) -> Words:
    text = joined.tobytes().decode("utf-8", "surrogatepass")
    return Words(text.split("\n") if text else [])

"""Word alignments of a parallel corpus, learnt from itself: no training data, nothing random."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from nmt.alignment.hmm import HMM
from nmt.alignment.symmetry import Heuristic, Links, symmetrise
from nmt.alignment.translations import CELLS
from nmt.alignment.words import MOST_WORDS, Words, word_stems
from nmt.even_sample import EvenSample
from nmt.segmentation import count_words

LONGEST = 500  # words of a side that are aligned; those after them have no links
_AT_ONCE = 4096  # pairs


@dataclass(frozen=True)
class WordAligner:
    """Aligns words of sentence pairs by the HMM of both directions.

    Attributes:
        source: words of the source side.
        target: words of the target side.
        forward: the HMM from source to target.
        backward: that from target to source.
    """

    source: Words
    target: Words
    forward: HMM
    backward: HMM

    @classmethod
    def learn(
        cls, sources: Sequence[str], targets: Sequence[str], cells: int = CELLS
    ) -> WordAligner:
        """Learn it from the pairs that it shall align, or from others of their kind.

        Args:
            sources: texts.
            targets: their translations, as many.
            cells: source words × target words that are learnt from, about; of a corpus with more
                it takes every second pair, or every third, and so on. Of a long side it learns
                from the first 60 words. Memory depends on it, not on the number of pairs.

        Raises:
            ValueError: not as many targets as sources.
        """
        if len(sources) != len(targets):
            raise ValueError(f"{len(sources):,} sources, but {len(targets):,} targets")
        counts = [_count_cells(*pair) for pair in zip(sources, targets, strict=True)]
        sample: EvenSample[tuple[str, str]] = EvenSample(sum(counts), len(counts), cells)
        for number in range(0, len(counts), sample.step):
            if counts[number]:  # nothing is learnt from a pair with an empty side
                sample.add(number, counts[number], (sources[number], targets[number]))
        words = [
            [word_stems(text)[:MOST_WORDS] for text in side]
            for side in zip(*sample.pairs, strict=True)
        ] or [[], []]
        source, target = (Words.learn(side) for side in words)
        ids = [source.ids(one) for one in words[0]], [target.ids(one) for one in words[1]]
        del words
        sizes = len(source), len(target)
        forward = HMM.learn(*ids, sizes)
        return cls(source, target, forward, HMM.learn(*ids[::-1], sizes[::-1]))

    def align(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        heuristic: Heuristic = "grow-diag-final-and",
    ) -> Iterator[Links]:
        """The links of each pair, in order, as they are asked for.

        Args:
            sources: texts.
            targets: their translations, as many.
            heuristic: see `nmt.alignment.symmetry.symmetrise`.

        Yields:
            (source word, target word) of each link, ascending. Words are those of
            `nmt.segmentation.split_words`, counted from 0. A pair with an empty side has no
            links, and of a long side only the first 500 words have any.

        Raises:
            ValueError: not as many targets as sources.
        """
        pairs = zip(sources, targets, strict=True)
        while some := list(islice(pairs, _AT_ONCE)):
            ids = (
                [self.source.ids(word_stems(source)[:LONGEST]) for source, _ in some],
                [self.target.ids(word_stems(target)[:LONGEST]) for _, target in some],
            )
            forward, backward = self.forward.align(*ids), self.backward.align(*ids[::-1])
            for there, back in zip(forward, backward, strict=True):
                yield symmetrise(
                    [(source, target) for target, source in _aligned(there)],
                    _aligned(back),
                    heuristic,
                )


def align(
    sources: Sequence[str],
    targets: Sequence[str],
    heuristic: Heuristic = "grow-diag-final-and",
) -> list[Links]:
    """Align the words of a corpus by what it says itself.

    Args:
        sources: texts.
        targets: their translations, as many.
        heuristic: see `nmt.alignment.symmetry.symmetrise`.

    Returns:
        The links of each pair; see `WordAligner.align`.

    Raises:
        ValueError: not as many targets as sources.
    """
    aligner = WordAligner.learn(sources, targets)
    return list(aligner.align(sources, targets, heuristic))


def _count_cells(source: str, target: str) -> int:
    return min(count_words(source), MOST_WORDS) * min(count_words(target), MOST_WORDS)


def _aligned(places: np.ndarray) -> Links:
    """Each word that has a place, with it."""
    return [(number, place) for number, place in enumerate(places.tolist()) if place >= 0]

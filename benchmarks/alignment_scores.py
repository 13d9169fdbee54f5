"""What the score of `filter.alignment` finds, by IBM model 1 and by the HMM aligner.

Into a corpus goes the noise of `corpus_filters.py`. Pairs that the rules of the preset `web` reject
are left out; both models learn from the others, and score them, what a pair contributed taken out
again. For each share of the clean pairs that may be lost, a line says how many of the other pairs
lie below the same threshold.

    python benchmarks/alignment_scores.py PAIRS [--messages FOLDER] [--most 60000] [--seed 1]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from corpus_filters import KINDS, read, read_messages, spoil

from nmt.alignment.hmm import HMM, LEAST, batched, cells_of
from nmt.alignment.lattice import forward, forward_backward, in_order
from nmt.alignment.translations import Cells, TranslationTable
from nmt.alignment.words import Words, stems
from nmt.corpus.filters import RULES, Languages, PairBatch
from nmt.settings import FILTER_PRESETS
from nmt.storage.location import Location

LOSSES = (0.005, 0.007, 0.01, 0.02)
_AT_ONCE = 8192  # pairs
Ids = list[np.ndarray]
Score = Callable[..., np.ndarray]  # of the direction, sources, targets, and whether learnt from


def passes_rules(pairs: list[tuple[str, str]], languages: Languages) -> np.ndarray:
    """Which pairs the rules of the preset `web` leave, bool."""
    kept = []
    for first in range(0, len(pairs), _AT_ONCE):
        batch = PairBatch(*zip(*pairs[first : first + _AT_ONCE], strict=True), languages)
        rejected = np.zeros(len(batch), bool)
        for rule in RULES:
            rejected |= rule.rejects(
                rule.score(batch), float(FILTER_PRESETS["web"].get(rule.name, 0))
            )
        kept.append(~rejected)
    return np.concatenate(kept)


def hmm_scores(model: HMM, sources: Ids, targets: Ids, learnt: np.ndarray) -> np.ndarray:
    """What `TranslationTable.score` says, with the places that the HMM expects."""
    scores = np.zeros(len(targets), np.float32)
    table = model.table
    for part, batch in batched(sources, targets):
        jumps = model.jumps.matrix(batch.length)
        cells = cells_of(sources, targets, part.tolist(), table.sizes)
        inside = learnt[part][cells.pairs]
        emitted = np.maximum(batch.rows(table.looked_up(cells)), LEAST)
        expected = in_order(forward_backward(emitted, jumps, batch).words, batch)
        others = table.without(cells, (expected * inside[:, np.newaxis]).ravel(), inside)
        scales = forward(batch.rows(others.probability), jumps, batch)[1]
        gains = np.log(in_order(scales, batch)) - np.log(others.chance)
        scores[part] = others.means(gains, cells.pairs, len(part))
    return scores


def both_ways(score: Score, sides: tuple[Ids, Ids]) -> np.ndarray:
    """The smaller score of both directions."""
    parts = []
    for first in range(0, len(sides[0]), _AT_ONCE):
        source, target = (side[first : first + _AT_ONCE] for side in sides)
        learnt = np.ones(len(source), bool)
        parts.append(np.minimum(score(0, source, target, learnt), score(1, target, source, learnt)))
    return np.concatenate(parts)


def main() -> None:
    """Print what both models find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Location)
    parser.add_argument("--messages", type=Path)
    parser.add_argument("--most", type=int, default=60_000, help="pairs, drawn at random")
    parser.add_argument("--share", type=float, default=0.06)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source-language", default="en")
    parser.add_argument("--target-language", default="de")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    clean = read(arguments.pairs)
    clean = rng.sample(clean, min(arguments.most, len(clean)))
    pairs, kinds = spoil(clean, read_messages(arguments.messages), arguments.share, rng)
    left = passes_rules(pairs, Languages(arguments.source_language, arguments.target_language))
    pairs = [pairs[number] for number in np.flatnonzero(left)]
    kind = np.array(kinds)[left]
    counts = ", ".join(f"{name} {(kind == name).sum():,}" for name in ("clean", *KINDS))
    print(f"{len(pairs):,} pairs pass the rules: {counts}")
    words = [[stems(text) for text in side] for side in zip(*pairs, strict=True)]
    vocabularies = [Words.learn(side) for side in words]
    sizes = len(vocabularies[0]), len(vocabularies[1])
    sides = tuple(
        [own.ids(one) for one in side] for own, side in zip(vocabularies, words, strict=True)
    )
    ways = (sides, sizes), (sides[::-1], sizes[::-1])
    for name in ("IBM-1", "HMM"):
        start = time.process_time()
        if name == "IBM-1":
            tables = [TranslationTable.learn(Cells.of(*own, size), size)[0] for own, size in ways]
            score: Score = lambda way, *pairs: tables[way].score(*pairs)  # noqa: E731, B023
        else:
            models = [HMM.learn(*own, size) for own, size in ways]
            score = lambda way, *pairs: hmm_scores(models[way], *pairs)  # noqa: E731, B023
        learnt = time.process_time()
        scores = both_ways(score, sides)
        spent = learnt - start, time.process_time() - learnt
        rates = " and ".join(f"{len(pairs) / seconds:,.0f}" for seconds in spent)
        print(f"{name}: {rates} pairs per second and core, learnt from and scored both ways")
        for loss in LOSSES:
            limit = np.quantile(scores[kind == "clean"], loss)
            recalls = ", ".join(
                f"{one} {(scores[kind == one] < limit).mean():.2%}"
                for one in ("shuffled", "cut", "garbage")
            )
            print(f"  {loss:.1%} of clean pairs lost at {limit:.2f}: {recalls}")


if __name__ == "__main__":
    main()

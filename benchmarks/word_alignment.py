"""How good word alignments are, beside gold ones, and how fast they are made.

The corpus is that of the built-in grammar, whose gold alignments are exact. Of each alignment a
line has the error rate (AER), precision and recall.

    python benchmarks/word_alignment.py [PAIRS=20000] [--seed 1] [--eflomal BIN/eflomal-align]

eflomal (https://github.com/robertostling/eflomal) is for comparison: `pip install eflomal` in an
environment of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nmt.alignment.aligner import WordAligner
from nmt.alignment.hmm import HMM
from nmt.alignment.symmetry import HEURISTICS, Links, symmetrise
from nmt.alignment.words import Words, word_stems
from nmt.evaluation.alignment import Gold, LinkCounts, diagonal, parse_gold, parse_pharaoh
from nmt.grammar import generate


def show(name: str, alignments: Sequence[Links], gold: Sequence[Gold]) -> None:
    """Print how good alignments are."""
    counts = LinkCounts()
    for links, right in zip(alignments, gold, strict=True):
        counts = counts.plus(LinkCounts.of(links, right))
    shares = (
        f"precision {counts.shared / counts.found:.3f}, recall {counts.shared / counts.gold:.3f}"
    )
    print(f"{name:<36} AER {counts.error_rate:.3f}, {shares}", flush=True)


def directions(aligner: WordAligner, words: list[list[list[str]]]) -> tuple[list[Links], ...]:
    """The alignments of both directions, as (source word, target word)."""
    ids = [
        [own.ids(text) for text in side]
        for own, side in zip((aligner.source, aligner.target), words, strict=True)
    ]
    forward, backward = aligner.forward.align(*ids), aligner.backward.align(*ids[::-1])
    there = [[(int(s), t) for t, s in enumerate(one) if s >= 0] for one in forward]
    back = [[(s, int(t)) for s, t in enumerate(one) if t >= 0] for one in backward]
    return there, back


def show_ours(
    name: str, aligner: WordAligner, words: list[list[list[str]]], gold: list[Gold]
) -> None:
    """Print the alignments of both directions and of all heuristics."""
    there, back = directions(aligner, words)
    show(f"{name}, source to target", there, gold)
    show(f"{name}, target to source", back, gold)
    for heuristic in HEURISTICS:
        both = [symmetrise(*links, heuristic) for links in zip(there, back, strict=True)]
        show(f"{name}, {heuristic}", both, gold)


def show_eflomal(command: Path, words: list[list[list[str]]], gold: list[Gold]) -> None:
    """Print the alignments of eflomal for the same words."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("source", "target", "forward", "backward")]
        for file, side in zip(files, words, strict=False):
            file.write_text("".join(" ".join(text) + "\n" for text in side), "utf-8")
        options = zip(("-s", "-t", "-f", "-r"), map(str, files), strict=True)
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([command, *(part for option in options for part in option)], check=True)
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start
        there, back = (
            [parse_pharaoh(line) for line in file.read_text().splitlines()] for file in files[2:]
        )
    print(f"eflomal: {len(gold) / seconds:,.0f} pairs per second and core, learnt and aligned")
    show("eflomal, source to target", there, gold)
    show("eflomal, target to source", back, gold)
    for heuristic in HEURISTICS:
        both = [symmetrise(*links, heuristic) for links in zip(there, back, strict=True)]
        show(f"eflomal, {heuristic}", both, gold)


def main() -> None:
    """Print a line per alignment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eflomal", type=Path)
    arguments = parser.parse_args()
    pairs = list(generate(arguments.seed, 0, arguments.pairs))
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    gold = [parse_gold(pair.alignment) for pair in pairs]
    words = [[word_stems(text) for text in side] for side in (sources, targets)]
    lengths = [zip(*((len(text) for text in side) for side in words), strict=True)]
    show("diagonal", [diagonal(*both) for both in lengths[0]], gold)
    source, target = (Words.learn(side) for side in words)
    ids = [source.ids(text) for text in words[0]], [target.ids(text) for text in words[1]]
    sizes = len(source), len(target)
    models = HMM.learn(*ids, sizes, 0), HMM.learn(*ids[::-1], sizes[::-1], 0)
    show_ours("IBM-1", WordAligner(source, target, *models), words, gold)
    start = time.process_time()
    aligner = WordAligner.learn(sources, targets)
    learnt = time.process_time()
    list(aligner.align(sources, targets))
    spent = np.array([learnt - start, time.process_time() - learnt])
    rates = " and ".join(f"{len(pairs) / seconds:,.0f}" for seconds in spent)
    print(f"HMM: {rates} pairs per second and core, learnt from and aligned both ways")
    show_ours("HMM", aligner, words, gold)
    if arguments.eflomal:
        show_eflomal(arguments.eflomal, words, gold)


if __name__ == "__main__":
    main()

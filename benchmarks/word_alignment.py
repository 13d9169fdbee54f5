"""How good word alignments are, and how fast they are made.

The corpus is that of the built-in grammar, whose gold alignments are exact. Of each alignment a
line has the error rate (AER), precision and recall. Of another corpus, which has no gold
alignments, there are the speed, the memory, and how far the alignments agree with eflomal's.

    python benchmarks/word_alignment.py [--pairs 20000] [--corpus FILE] [--eflomal COMMAND]

eflomal (https://github.com/robertostling/eflomal) is for comparison: `pip install eflomal` in an
environment of its own makes the command eflomal-align.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nmt.alignment import HEURISTICS, Heuristic, Links, WordAligner, symmetrise
from nmt.alignment.hmm import HMM
from nmt.alignment.words import Words, word_stems
from nmt.corpus.readers import open_pairs
from nmt.evaluation.alignment import Gold, LinkCounts, diagonal, parse_gold, parse_pharaoh
from nmt.grammar import generate
from nmt.storage.location import Location

Texts = Sequence[str]
Both = tuple[list[Links], list[Links]]  # links of each direction, as (source word, target word)


def show(name: str, alignments: Sequence[Links], gold: Sequence[Gold]) -> None:
    """Print how good alignments are."""
    counts = LinkCounts()
    for links, right in zip(alignments, gold, strict=True):
        counts = counts.plus(LinkCounts.of(links, right))
    precision, recall = counts.shared / counts.found, counts.shared / counts.gold
    print(
        f"{name:<30} AER {counts.error_rate:.3f}, precision {precision:.3f}, recall {recall:.3f}",
        flush=True,
    )


def show_all(name: str, links: Both, gold: Sequence[Gold]) -> None:
    """Print how good the alignments of both directions are, and of all heuristics."""
    show(f"{name}, source to target", links[0], gold)
    show(f"{name}, target to source", links[1], gold)
    for heuristic in HEURISTICS:
        show(f"{name}, {heuristic}", symmetrised(links, heuristic), gold)


def symmetrised(links: Both, heuristic: Heuristic) -> list[Links]:
    """One alignment per pair."""
    return [symmetrise(*both, heuristic) for both in zip(*links, strict=True)]


def align_by_ibm(sources: Texts, targets: Texts) -> Both:
    """The alignments of IBM model 1."""
    words = [[word_stems(text) for text in side] for side in (sources, targets)]
    vocabularies = [Words.learn(side) for side in words]
    source, target = (
        [own.ids(text) for text in side] for own, side in zip(vocabularies, words, strict=True)
    )
    sizes = len(vocabularies[0]), len(vocabularies[1])
    return _links(
        HMM.learn(source, target, sizes, 0).align(source, target),
        HMM.learn(target, source, sizes[::-1], 0).align(target, source),
    )


def align_by_hmm(sources: Texts, targets: Texts) -> tuple[Both, list[Links]]:
    """The alignments of the HMM: of both directions, and made one; it prints how long they take."""
    start = time.process_time()
    aligner = WordAligner.learn(sources, targets)
    learnt = time.process_time()
    links = list(aligner.align(sources, targets))
    spent = learnt - start, time.process_time() - learnt
    rates = " and ".join(f"{len(sources) / seconds:,.0f}" for seconds in spent)
    print(f"HMM: {rates} pairs per second and core, learnt from and aligned both ways", flush=True)
    words = [[word_stems(text) for text in side] for side in (sources, targets)]
    source = [aligner.source.ids(text) for text in words[0]]
    target = [aligner.target.ids(text) for text in words[1]]
    return _links(
        aligner.forward.align(source, target), aligner.backward.align(target, source)
    ), links


def align_by_eflomal(command: Path, sources: Texts, targets: Texts) -> Both:
    """The alignments of eflomal for the same words; it prints how long they take."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("source", "target", "forward", "backward")]
        for file, side in zip(files[:2], (sources, targets), strict=True):
            lines = (" ".join(word_stems(text)) + "\n" for text in side)
            file.write_text("".join(lines), "utf-8")
        options = zip(("-s", "-t", "-f", "-r"), map(str, files), strict=True)
        before = _seconds_of_children()
        subprocess.run([command, *(part for option in options for part in option)], check=True)
        rate = len(sources) / (_seconds_of_children() - before)
        print(f"eflomal: {rate:,.0f} pairs per second and core, learnt from and aligned both ways")
        there, back = (
            [parse_pharaoh(line) for line in file.read_text("utf-8").split("\n")[:-1]]
            for file in files[2:]
        )
    return there, back


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _links(forward: Sequence[Sequence[int]], backward: Sequence[Sequence[int]]) -> Both:
    there = [[(int(s), t) for t, s in enumerate(places) if s >= 0] for places in forward]
    back = [[(s, int(t)) for s, t in enumerate(places) if t >= 0] for places in backward]
    return there, back


def show_grammar(count: int, seed: int, eflomal: Path | None) -> None:
    """Print how good the alignments of the built-in grammar are."""
    pairs = list(generate(seed, 0, count))
    texts = [pair.source for pair in pairs], [pair.target for pair in pairs]
    gold = [parse_gold(pair.alignment) for pair in pairs]
    lengths = [(len(pair.source.split()), len(pair.target.split())) for pair in pairs]
    show("diagonal", [diagonal(*both) for both in lengths], gold)
    show_all("IBM-1", align_by_ibm(*texts), gold)
    show_all("HMM", align_by_hmm(*texts)[0], gold)
    if eflomal:
        show_all("eflomal", align_by_eflomal(eflomal, *texts), gold)


def show_corpus(file: Location, eflomal: Path | None) -> None:
    """Print how fast a corpus is aligned, and what agrees with eflomal."""
    rows = [(row.source or b"", row.target or b"") for row in open_pairs(file).rows()]
    texts = [source.decode() for source, _ in rows], [target.decode() for _, target in rows]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(rows):,} pairs, {before / 1024:,.0f} MiB of memory before")
    _, links = align_by_hmm(*texts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{peak / 1024:,.0f} MiB of memory at most, the texts with them")
    if eflomal:
        peers = symmetrised(align_by_eflomal(eflomal, *texts), "grow-diag-final-and")
        show("beside eflomal's as gold", links, [Gold(one) for one in peers])


def main() -> None:
    """Print a line per alignment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000, help="of the built-in grammar")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Location, help="source<TAB>target")
    parser.add_argument("--eflomal", type=Path)
    arguments = parser.parse_args()
    if arguments.corpus:
        show_corpus(arguments.corpus, arguments.eflomal)
    else:
        show_grammar(arguments.pairs, arguments.seed, arguments.eflomal)


if __name__ == "__main__":
    main()

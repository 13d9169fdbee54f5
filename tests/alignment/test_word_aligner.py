"""Alignments of texts: both directions, made one."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from nmt.alignment import HEURISTICS, WordAligner, align
from nmt.alignment.aligner import LONGEST
from nmt.alignment.hmm import HMM
from nmt.alignment.lattice import CELLS
from nmt.alignment.words import word_stems
from nmt.evaluation.alignment import LinkCounts, Links, parse_gold
from nmt.grammar import SentencePair, generate

PAIRS = 1500


@pytest.fixture(scope="module")
def corpus() -> list[SentencePair]:
    return list(generate(1, 0, PAIRS))


@pytest.fixture(scope="module")
def aligner(corpus: list[SentencePair]) -> WordAligner:
    return WordAligner.learn([one.source for one in corpus], [one.target for one in corpus])


def error_rate(alignments: list[Links], corpus: list[SentencePair]) -> float:
    counts = LinkCounts()
    for links, pair in zip(alignments, corpus, strict=True):
        counts = counts.plus(LinkCounts.of(links, parse_gold(pair.alignment)))
    return counts.error_rate


def test_it_is_nearer_to_gold_alignments_than_ibm_1(
    aligner: WordAligner, corpus: list[SentencePair]
) -> None:
    sources, targets = [one.source for one in corpus], [one.target for one in corpus]
    ids = (
        [aligner.source.ids(word_stems(text)) for text in sources],
        [aligner.target.ids(word_stems(text)) for text in targets],
    )
    sizes = len(aligner.source), len(aligner.target)
    models = HMM.learn(*ids, sizes, 0), HMM.learn(*ids[::-1], sizes[::-1], 0)
    plain = WordAligner(aligner.source, aligner.target, *models)
    assert error_rate([*aligner.align(sources, targets)], corpus) < 0.11
    hmm, ibm = (
        error_rate([*one.align(sources, targets, "intersection")], corpus)
        for one in (aligner, plain)
    )
    assert hmm < ibm - 0.02


def test_the_other_direction_is_the_same_alignment(corpus: list[SentencePair]) -> None:
    sources, targets = [one.source for one in corpus[:200]], [one.target for one in corpus[:200]]
    for heuristic in HEURISTICS[:2]:
        there, back = align(sources, targets, heuristic), align(targets, sources, heuristic)
        assert there == [sorted((s, t) for t, s in links) for links in back]


def test_a_pair_is_aligned_alone_as_among_others(
    aligner: WordAligner, corpus: list[SentencePair]
) -> None:
    some = corpus[:40]
    together = [*aligner.align([one.source for one in some], [one.target for one in some])]
    for links, pair in zip(together, some, strict=True):
        assert [links] == [*aligner.align([pair.source], [pair.target])]


def test_it_can_be_pickled(aligner: WordAligner, corpus: list[SentencePair]) -> None:
    sources, targets = [one.source for one in corpus[:20]], [one.target for one in corpus[:20]]
    again = pickle.loads(pickle.dumps(aligner))
    assert [*again.align(sources, targets)] == [*aligner.align(sources, targets)]


def test_any_texts_are_aligned(aligner: WordAligner) -> None:
    sources = ["", "He", "He", "...", "犬が寝る。", "\x00 \u2028", "unheard-of words, quite"]
    targets = ["Er", "", "Er", "!", "Er schläft.", "\x00", "völlig unbekannte Wörter"]
    alignments = [*aligner.align(sources, targets)]
    assert alignments[:3] == [[], [], [(0, 0)]]
    for source, target, links in zip(sources, targets, alignments, strict=True):
        assert all(s < len(word_stems(source)) and t < len(word_stems(target)) for s, t in links)


def test_pairs_are_taken_as_links_are_asked_for(aligner: WordAligner) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "He"

    assert [*islice(aligner.align(texts(), texts()), 3)] == [[(0, 0)]] * 3
    assert read < 10_000


def test_a_large_corpus_is_learnt_from_in_part(corpus: list[SentencePair]) -> None:
    sources, targets = [one.source for one in corpus], [one.target for one in corpus]
    part = WordAligner.learn(sources, targets, cells=10_000)
    words = part.forward.table.target_counts.sum()
    assert 0 < words < 3000
    half = WordAligner.learn(sources[::2], targets[::2])
    assert half.forward.table.target_counts.sum() > 2 * words


@pytest.mark.parametrize(
    ("length", "most"),
    [(200, 10), pytest.param(4 * LONGEST, 30, marks=pytest.mark.slow)],
)
def test_memory_of_long_sides_is_bounded(aligner: WordAligner, length: int, most: int) -> None:
    text = "He slept. " * (length // 2)
    tracemalloc.start()
    (links,) = aligner.align([text], [text])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert links
    assert max(map(max, links)) < LONGEST
    assert peak < most << 20


def test_memory_of_many_pairs_is_that_of_a_batch() -> None:
    rng = np.random.default_rng(1)
    sides = [[rng.integers(0, 50, 40) for _ in range(300)] for _ in range(2)]
    model = HMM.learn(*sides, (50, 50), 1)
    tracemalloc.start()
    model.align(*sides)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * CELLS  # bytes; all pairs have 492,000 cells


def test_as_many_targets_as_sources(aligner: WordAligner) -> None:
    with pytest.raises(ValueError, match="2 sources, but 1 targets"):
        align(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="shorter"):
        list(aligner.align(["a", "b"], ["c"]))

"""Forward-backward and Viterbi equal the enumeration of all alignments."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.lattice import (
    NO_WORD,
    Batch,
    Posterior,
    batches,
    forward_backward,
    in_order,
    viterbi,
)

SEEDS = st.integers(0, 2**32 - 1)
TARGETS = st.lists(st.integers(1, 4), min_size=1, max_size=4)


def random_rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Positive numbers; over the last axis they add up to 1."""
    values = rng.random(shape) + 0.01
    return values / values.sum(-1, keepdims=True)


def path_probability(
    path: tuple[tuple[int, bool], ...], emitted: np.ndarray, jumps: np.ndarray
) -> float:
    """The probability of an alignment: for each target word a place, and whether it is its word."""
    probability = 1.0
    before = None
    for (place, aligned), words in zip(path, emitted, strict=True):
        if before is None:
            probability *= jumps[0, place]
        elif aligned:
            probability *= jumps[before + 1, place]
        elif place != before:
            return 0.0
        probability *= (1 - NO_WORD) * words[place] if aligned else NO_WORD * words[-1]
        before = place
    return probability


def enumerated(emitted: np.ndarray, jumps: np.ndarray) -> tuple[Posterior, float]:
    """The same as `forward_backward` for one pair, and the probability of its likeliest path."""
    count, length = len(emitted), jumps.shape[1]
    words, expected = np.zeros_like(emitted), np.zeros_like(jumps)
    prefixes = np.zeros(count)
    best = 0.0
    for size in range(1, count + 1):
        states = list(product(range(length), (False, True)))
        for path in product(states, repeat=size):
            probability = path_probability(path, emitted[:size], jumps)
            prefixes[size - 1] += probability
            if size < count:
                continue
            best = max(best, probability)
            expected[0, path[0][0]] += probability
            for row, (place, aligned) in enumerate(path):
                words[row, place if aligned else length] += probability
                if row and aligned:
                    expected[path[row - 1][0] + 1, place] += probability
    gains = np.diff(np.log(prefixes), prepend=0)
    return Posterior(words / prefixes[-1], expected / prefixes[-1], gains), best


@settings(max_examples=12, deadline=None)
@given(SEEDS, st.integers(1, 3), TARGETS)
def test_it_equals_the_enumeration_of_all_alignments(
    seed: int, length: int, targets: list[int]
) -> None:
    rng = np.random.default_rng(seed)
    targets.sort(reverse=True)
    batch = Batch.of(length, np.array(targets))
    jumps = random_rows(rng, length + 1, length)
    emitted = random_rows(rng, sum(targets), length + 1)
    posterior = forward_backward(batch.rows(emitted), jumps, batch)
    links = in_order(viterbi(batch.rows(emitted), jumps, batch), batch)
    expected = np.zeros_like(jumps)
    pairs = np.split(np.arange(sum(targets)), np.cumsum(targets)[:-1])
    for rows in pairs:
        own, best = enumerated(emitted[rows], jumps)
        np.testing.assert_allclose(in_order(posterior.words, batch)[rows], own.words, rtol=1e-9)
        np.testing.assert_allclose(in_order(posterior.gains, batch)[rows], own.gains, rtol=1e-9)
        expected += own.jumps
        # A word that is aligned to none stays where the one before was.
        states = [(int(place), True) if place >= 0 else None for place in links[rows]]
        candidates = (
            path_probability(tuple(path), emitted[rows], jumps)
            for path in product(
                *([one] if one else [(place, False) for place in range(length)] for one in states)
            )
        )
        assert max(candidates) == pytest.approx(best, rel=1e-9)
    np.testing.assert_allclose(posterior.jumps, expected, rtol=1e-9)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, 7), st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_a_batch_of_one_equals_a_batch_of_many(seed: int, length: int, targets: list[int]) -> None:
    rng = np.random.default_rng(seed)
    targets.sort(reverse=True)
    batch = Batch.of(length, np.array(targets))
    jumps = random_rows(rng, length + 1, length)
    emitted = random_rows(rng, sum(targets), length + 1)
    together = forward_backward(batch.rows(emitted), jumps, batch)
    links = in_order(viterbi(batch.rows(emitted), jumps, batch), batch)
    parts = np.split(emitted, np.cumsum(targets)[:-1])
    expected = np.zeros_like(jumps)
    end = 0
    for part in parts:
        rows = slice(end, end + len(part))
        end = rows.stop
        one = Batch.of(length, np.array([len(part)]))
        alone = forward_backward(part, jumps, one)
        np.testing.assert_allclose(in_order(together.words, batch)[rows], alone.words, rtol=1e-9)
        np.testing.assert_allclose(in_order(together.gains, batch)[rows], alone.gains, rtol=1e-9)
        np.testing.assert_array_equal(links[rows], viterbi(part, jumps, one))
        expected += alone.jumps
    np.testing.assert_allclose(together.jumps, expected, rtol=1e-9)
    np.testing.assert_allclose(together.words.sum(1), 1)
    assert together.jumps[0].sum() == pytest.approx(len(targets))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.integers(1, 200)
)
def test_every_pair_with_words_is_in_one_batch(lengths: list[tuple[int, int]], most: int) -> None:
    sources, targets = np.array(lengths, np.int64).reshape(-1, 2).T
    parts = batches(sources, targets, most)
    places = [int(place) for part in parts for place in part]
    assert sorted(places) == np.flatnonzero((sources > 0) & (targets > 0)).tolist()
    for part in parts:
        assert len(set(sources[part])) == 1
        assert (np.diff(targets[part]) <= 0).all()
        cells = sources[part] * np.maximum(sources[part], targets[part])
        assert len(part) == 1 or cells[1:].sum() < most


def test_improbable_words_neither_overflow_nor_vanish() -> None:
    jumps = np.full((4, 3), 1e-12)
    jumps[:, 0] = 1 - 2e-12
    emitted = np.full((400, 4), 1e-12)
    posterior = forward_backward(emitted, jumps, Batch.of(3, np.array([400])))
    np.testing.assert_allclose(posterior.words.sum(1), 1)
    assert np.isfinite(posterior.gains).all()

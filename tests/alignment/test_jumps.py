"""Widths of jumps: probabilities, and their maximisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.hmm import WIDEST, Jumps

SEEDS = st.integers(0, 2**32 - 1)


def random_jumps(rng: np.random.Generator) -> Jumps:
    return Jumps(rng.gamma(0.5, size=len(Jumps.uniform().weights)) + 1e-3)


def likelihood(jumps: Jumps, counts: dict[int, np.ndarray]) -> float:
    return sum(float((own * np.log(jumps.matrix(n))).sum()) for n, own in counts.items())


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, 90))
def test_probabilities_add_up_and_depend_on_the_width_alone(seed: int, length: int) -> None:
    jumps = random_jumps(np.random.default_rng(seed))
    matrix = jumps.matrix(length)
    np.testing.assert_allclose(matrix.sum(1), 1)
    for before in range(length):
        here = min(length - 1, before + WIDEST)
        np.testing.assert_allclose(matrix[before + 1, here:], matrix[before + 1, here])
        if 0 < before < length - 1:
            ratio = jumps.weights[WIDEST + 1] / jumps.weights[WIDEST - 1]
            row = matrix[before + 1]
            assert row[before + 1] / row[before - 1] == pytest.approx(ratio)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True))
def test_maximisation_never_lowers_the_likelihood(seed: int, lengths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    counts = {n: rng.gamma(0.3, size=(n + 1, n)) for n in lengths}
    jumps = random_jumps(rng)
    for _ in range(4):
        better = jumps.maximised(counts)
        assert likelihood(better, counts) >= likelihood(jumps, counts) - 1e-9
        jumps = better


def test_it_finds_the_weights_that_jumps_were_drawn_with() -> None:
    right = random_jumps(np.random.default_rng(3))
    counts = {n: 1000 * right.matrix(n) for n in (4, 9, 30)}
    jumps = Jumps.uniform()
    for _ in range(60):
        jumps = jumps.maximised(counts)
    for n in counts:
        np.testing.assert_allclose(jumps.matrix(n), right.matrix(n), atol=2e-3)


def test_nothing_expected_changes_nothing() -> None:
    uniform = Jumps.uniform()
    np.testing.assert_array_equal(uniform.maximised({}).weights, uniform.weights)
    weights = uniform.maximised({1: np.ones((2, 1))}).weights
    assert np.isfinite(weights).all()
    assert (weights > 0).all()

"""The HMM of one direction: learning and aligning."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment.hmm import HMM

SEEDS = st.integers(0, 2**32 - 1)
SIZES = (7, 8)
Ids = list[np.ndarray]


def random_pairs(rng: np.random.Generator, count: int, longest: int = 7) -> tuple[Ids, Ids]:
    sides = (
        [rng.integers(0, size, rng.integers(0, longest)) for _ in range(count)] for size in SIZES
    )
    return next(sides), next(sides)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(1, 60))
def test_learning_never_lowers_the_likelihood(seed: int, count: int) -> None:
    sources, targets = random_pairs(np.random.default_rng(seed), count)
    for pairs, sizes in (((sources, targets), SIZES), ((targets, sources), SIZES[::-1])):
        likelihoods = HMM.learn(*pairs, sizes, 8).likelihoods
        tolerance = 1e-6 * (1 + np.abs(likelihoods[1:]))  # the table has single precision
        assert (np.diff(likelihoods) >= -tolerance).all()


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_the_order_of_the_pairs_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sources, targets = random_pairs(rng, 50)
    order = rng.permutation(50)
    one = HMM.learn(sources, targets, SIZES)
    other = HMM.learn([sources[n] for n in order], [targets[n] for n in order], SIZES)
    np.testing.assert_array_equal(one.table.entries, other.table.entries)
    np.testing.assert_allclose(one.table.probability, other.table.probability, atol=1e-5)
    np.testing.assert_allclose(one.likelihoods, other.likelihoods, rtol=1e-5)
    again = HMM.learn(sources, targets, SIZES)
    for array, repeated in zip(one.table, again.table, strict=True):
        np.testing.assert_array_equal(array, repeated)
    np.testing.assert_array_equal(one.jumps.weights, again.jumps.weights)


def test_pairs_are_aligned_alone_as_among_others() -> None:
    rng = np.random.default_rng(5)
    sources, targets = random_pairs(rng, 60, 9)
    model = HMM.learn(sources, targets, SIZES)
    alignments = model.align(sources, targets)
    for n in range(60):
        one = slice(n, n + 1)
        np.testing.assert_array_equal(
            alignments[n], model.align(sources[one], targets[one])[0], strict=True
        )


def test_a_word_that_occurs_twice_is_aligned_by_its_place() -> None:
    rng = np.random.default_rng(2)
    sources = [rng.integers(0, 5, rng.integers(3, 9)) for _ in range(300)]
    twice = np.array([1, 2, 1, 3, 1])
    straight = HMM.learn(sources, [ids + 1 for ids in sources], (6, 7))
    assert straight.align([twice], [twice + 1])[0].tolist() == [0, 1, 2, 3, 4]
    turned = HMM.learn(sources, [ids[::-1] + 1 for ids in sources], (6, 7))
    assert turned.align([twice], [twice[::-1] + 1])[0].tolist() == [4, 3, 2, 1, 0]


def test_a_word_without_a_source_is_aligned_to_none() -> None:
    rng = np.random.default_rng(4)
    sources = [rng.integers(0, 5, 4) for _ in range(300)]
    targets = [np.insert(ids + 1, 2, 0) for ids in sources]
    model = HMM.learn(sources, targets, (5, 6))
    assert model.align([np.array([0, 1, 2, 3])], [np.array([1, 2, 0, 3, 4])])[0].tolist() == [
        *(0, 1),
        -1,
        *(2, 3),
    ]


def test_empty_sides_and_single_words() -> None:
    sources = [np.array([1]), np.array([], int), np.array([2, 1]), np.array([], int)]
    targets = [np.array([1]), np.array([1]), np.array([], int), np.array([], int)]
    model = HMM.learn(sources, targets, (3, 3))
    assert [links.tolist() for links in model.align(sources, targets)] == [[0], [-1], [], []]
    nothing = HMM.learn([], [], (1, 1))
    assert [links.tolist() for links in nothing.align(sources, targets)] == [[-1], [-1], [], []]


def test_words_that_it_never_saw_are_aligned_by_their_place() -> None:
    rng = np.random.default_rng(6)
    sources = [rng.integers(1, 5, 5) for _ in range(200)]
    model = HMM.learn(sources, sources, (6, 6))
    known = np.array([1, 2, 5, 3, 4])
    assert model.align([known], [known])[0].tolist() == [0, 1, 2, 3, 4]

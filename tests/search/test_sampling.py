"""Words drawn at random."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import numpy as np
from searches import SOURCE, searcher, words_of

from nmt.runtime import runtime_of
from nmt.search.constraints import all_words
from nmt.search.sampling import Sampling, random_numbers
from nmt.vocabulary.base import BOS, EOS, PAD


def test_samples_follow_the_models_distribution(model) -> None:
    source = np.array([[9, 8, 7, EOS]], np.int32)
    decoding = runtime_of(model).begin(source, all_words(model.target_size, (PAD, BOS)))
    first = np.zeros(1, np.int32)
    logits, _ = decoding.distribution(first + BOS, first)
    count = 20_000
    rows = np.repeat(logits, count, axis=0)
    numbers = np.random.default_rng(1).random(count, dtype=np.float32)
    for sampling in (Sampling(1.0), Sampling(0.7), Sampling(2.0, 5), Sampling(1.0, 0, 0.8)):
        p = np.exp(logits[0].astype(np.float64) / sampling.temperature)
        p /= p.sum()
        drawn = np.bincount(sampling.draw(rows, numbers), minlength=len(p)) / count
        order = np.argsort(-p)
        drawable = order[: sampling.top_k or None]
        if sampling.top_p < 1:
            drawable = order[: int(np.searchsorted(np.cumsum(p[order]), sampling.top_p)) + 1]
        expected = np.zeros(len(p))
        expected[drawable] = p[drawable] / p[drawable].sum()
        assert (drawn[expected == 0] == 0).all()
        assert np.abs(drawn - expected).sum() < 0.04


def test_sampling_of_the_one_likeliest_word_is_greedy(model) -> None:
    greedy = words_of(searcher(model).search(SOURCE))
    for settings in ({"top_k": 1}, {"top_p": 1e-6}):
        assert words_of(searcher(model, temperature=1.0, **settings).search(SOURCE)) == greedy
    assert words_of(searcher(model, temperature=1e-3).search(SOURCE)) == greedy


def test_samples_depend_on_seed_and_sentence(model) -> None:
    one, same, other = (
        words_of(searcher(model, temperature=1.0, seed=seed).search(SOURCE)) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other
    numbers = random_numbers(np.array([[5, 3, 0], [6, 3, 0], [5, 3, 0]]), np.array([4, 3, 2]), 1)
    assert numbers.shape == (3, 4)
    assert (numbers[0, :2] == numbers[2, :2]).all()
    assert not (numbers[0, :2] == numbers[1, :2]).any()

"""Words that are ruled out: ends that are too early, n-grams that repeat."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import numpy as np
import pytest
from rounding import SCORE
from searches import SOURCE, biased, grams, run_beam, run_greedy, searcher, words_of

from nmt.search.constraints import Constraints, all_words
from nmt.vocabulary.base import EOS, PAD, UNK


@pytest.mark.parametrize(
    "constraints", [{}, {"no_repeat_ngram": 1}, {"no_repeat_ngram": 2}, {"min_length": 5}]
)
def test_a_beam_of_one_is_greedy_under_constraints(model, constraints) -> None:
    limits = [14, 9, 6, 7, 12, 13]
    if "min_length" in constraints:
        constraints = {"min_length": np.array([5, 2, 0, 3, 11, 1])}
    greedy = run_greedy(model, limits, constraints=Constraints(**constraints))
    beam = run_beam(model, limits, 1, 1.0, constraints=Constraints(**constraints), beta=0.5)
    assert words_of(beam) == words_of(greedy)
    np.testing.assert_allclose(beam.log_probability, greedy.log_probability, atol=SCORE)


@pytest.mark.parametrize("beam", [1, 4])
def test_translations_have_the_minimum_length_within_their_limits(tiny_model, beam) -> None:
    model = biased(tiny_model(), EOS, 9.0)
    lengths = (SOURCE != PAD).sum(1) - 1

    def lengths_with(**settings) -> np.ndarray:
        words = words_of(searcher(model, beam, **settings).search(SOURCE))
        return np.array([len([word for word in row if word != EOS]) for row in words])

    assert lengths_with().max() < 3
    assert (lengths_with(min_length=5) >= 5).all()
    assert (lengths_with(min_length_ratio=1.0) >= lengths).all()
    assert (lengths_with(min_length_ratio=1.3) >= 1.3 * lengths).all()
    both = lengths_with(min_length=50, max_length_ratio=1.0, max_length_extra=2)
    assert (both == lengths + 2).all()


@pytest.mark.parametrize("beam", [1, 4])
def test_a_translation_ends_if_no_word_is_left(tiny_model, beam) -> None:
    """A minimum length and n-grams together can leave no word."""
    model = tiny_model()
    options = {"min_length": 1000, "max_length_extra": 100, "no_repeat_ngram": 1}
    hypotheses = searcher(model, beam, **options).search(SOURCE)
    for row, words in enumerate(words_of(hypotheses)):
        assert words[-1] == EOS
        assert sorted(words[:-1]) == [UNK, *range(EOS + 1, model.target_size)]
        assert -500 < hypotheses.log_probability[row] < 0


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_ngram_occurs_twice(tiny_model, beam, n) -> None:
    model = biased(tiny_model(seed=2), EOS, -50.0)
    plain = words_of(searcher(model, beam).search(SOURCE))
    assert any(len(set(grams(words, n))) < len(grams(words, n)) for words in plain)
    for words in words_of(searcher(model, beam, no_repeat_ngram=n).search(SOURCE)):
        assert len(set(grams(words, n))) == len(grams(words, n))


def test_words_that_would_repeat_are_those_of_a_plain_search() -> None:
    random = np.random.default_rng(4)
    for n in (1, 2, 3):
        for length in (0, 1, 2, 3, 12):
            history = random.integers(4, 8, (5, length)).astype(np.int32)
            words = all_words(8, ())
            ruled_out = Constraints(None, n).ruled_out(history, words, 8)
            if ruled_out is None:
                ruled_out = np.zeros((5, 8), bool)
            for row, words in zip(ruled_out, history.tolist(), strict=True):
                had = set(grams(words, n))
                for word in range(8):
                    again = [*words, word][-n:] if length >= n - 1 else None
                    assert row[word] == (tuple(again or ()) in had)

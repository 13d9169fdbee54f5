"""Searches that choose from a short list of words."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import numpy as np
import pytest
from rounding import PASS, SCORE
from searches import SOURCE, searcher, words_of

from nmt.errors import UnusableInput
from nmt.runtime import runtime_of
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.vocabulary.base import EOS, PAD
from nmt.vocabulary.lexicon import Lexicon


@pytest.mark.parametrize("beam", [1, 4])
def test_a_shortlist_of_all_words_is_none(model, beam) -> None:
    everything = Lexicon(np.zeros((30, 1), np.int32), np.arange(25, dtype=np.int32))
    settings = {"beam_size": beam, "max_length_ratio": 1.0, "max_length_extra": 8}
    short = SearchSettings(**settings, shortlist=1)
    hypotheses = Searcher(runtime_of(model), short, lexicon=everything).search(SOURCE)
    plain = searcher(model, beam).search(SOURCE)
    assert words_of(hypotheses) == words_of(plain)
    np.testing.assert_allclose(hypotheses.log_probability, plain.log_probability, atol=SCORE)
    np.testing.assert_allclose(hypotheses.attention, plain.attention, atol=PASS)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """Two translations a source word, and two words that all may use."""
    candidates = np.random.default_rng(2).integers(4, 25, (30, 2)).astype(np.int32)
    candidates[PAD] = PAD
    return Lexicon(candidates, np.array([11, 7, *range(12, 20)], np.int32))


@pytest.mark.parametrize("beam", [1, 4])
def test_translations_use_their_shortlist_in_any_batch(model, lexicon, beam) -> None:
    settings = SearchSettings(beam_size=beam, shortlist=2, shortlist_common=2)
    search = Searcher(runtime_of(model), settings, lexicon=lexicon)
    together = search.search(SOURCE)
    used: set[int] = set()
    for row, words in enumerate(words_of(together)):
        own = SOURCE[row][SOURCE[row] != PAD]
        assert set(words) <= {*lexicon.candidates[own].flat, 11, 7, EOS}
        alone = search.search(own[np.newaxis])
        assert words_of(alone) == [words]
        np.testing.assert_allclose(
            alone.log_probability[0], together.log_probability[row], atol=SCORE
        )
        used |= set(words)
    assert len(used) > 4
    assert words_of(together) != words_of(searcher(model, beam).search(SOURCE))


def test_a_shortlist_needs_a_lexicon(model) -> None:
    with pytest.raises(UnusableInput, match="lexicon"):
        Searcher(runtime_of(model), SearchSettings(shortlist=5))

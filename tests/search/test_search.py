"""Greedy and beam search against plain Python, brute force, and themselves in other batches."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from models import teacher_forced
from rounding import PASS, SCORE, STEP
from searches import SOURCE, biased, forced, plain_greedy, run_beam, run_greedy, searcher, words_of

from nmt.model.decoder import BLOCK, likeliest
from nmt.runtime import runtime_of
from nmt.search.beam import length_penalty
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.vocabulary.base import BOS, EOS, PAD, UNK


def test_greedy_is_a_plain_loop(model) -> None:
    hypotheses = searcher(model).search(SOURCE)
    limits = [int((row != PAD).sum()) - 1 + 8 + 1 for row in SOURCE]
    expected = [plain_greedy(model, row, n) for row, n in zip(SOURCE, limits, strict=True)]
    assert words_of(hypotheses) == [words for words, _ in expected]
    np.testing.assert_allclose(
        hypotheses.log_probability, [total for _, total in expected], atol=SCORE
    )
    # The model was chosen so that the test sees ends early and late, and cut-off rows.
    assert len({len(words) for words, _ in expected}) >= 3
    assert {words[-1] == EOS for words, _ in expected} == {True, False}


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_of_one_is_greedy(model, alpha) -> None:
    limits = [14, 9, 3, 1, 12, 13]
    greedy, beam = (
        run_greedy(model, limits),
        run_beam(model, limits, 1, alpha),
    )
    assert words_of(beam) == words_of(greedy)
    np.testing.assert_allclose(beam.log_probability, greedy.log_probability, atol=SCORE)


@pytest.mark.parametrize("size", [2 * BLOCK, 2 * BLOCK + 2])
def test_beam_search_beats_greedy_for_any_vocabulary_size(tiny_model, size) -> None:
    model = biased(tiny_model(target=size, seed=3), EOS, 1.5)
    limits = [14, 9, 3, 1, 12, 13]
    greedy, wide = (run_beam(model, limits, beam, 0.0) for beam in (1, 4))
    expected = [plain_greedy(model, *one) for one in zip(SOURCE, limits, strict=True)]
    assert words_of(greedy) == [words for words, _ in expected]
    totals = [
        forced(model, *one)[0] for one in zip(SOURCE, [[w] for w in words_of(wide)], strict=True)
    ]
    np.testing.assert_allclose(wide.log_probability, totals, atol=SCORE)
    assert wide.log_probability.sum() > sum(total for _, total in expected)
    assert max(max(words) for words in words_of(wide)) > BLOCK


@pytest.mark.parametrize("beam", [1, 4])
def test_a_sentence_does_not_depend_on_its_batch(model, beam) -> None:
    search = searcher(model, beam)
    together = search.search(SOURCE)
    words, scores = words_of(together), together.log_probability

    def same(rows, hypotheses) -> None:
        assert words_of(hypotheses) == [words[row] for row in rows]
        np.testing.assert_allclose(hypotheses.log_probability, scores[list(rows)], atol=SCORE)

    for row in range(len(SOURCE)):  # alone, without any padding
        same([row], search.search(SOURCE[[row]][:, SOURCE[row] != PAD]))
    order = [3, 5, 0, 4, 2, 1]
    same(order, search.search(SOURCE[order]))
    same([1, 4, 1], search.search(SOURCE[[1, 4, 1]]))
    same(range(6), search.search(np.pad(SOURCE, [(0, 0), (0, 9)])))


@pytest.mark.parametrize(("beam", "alpha"), [(2, 0.0), (4, 1.0), (5, 2.5)])
def test_the_score_is_that_of_forced_decoding(model, beam, alpha) -> None:
    hypotheses = searcher(model, beam, length_penalty=alpha).search(SOURCE)
    expected = [
        forced(model, row, [words])[0]
        for row, words in zip(SOURCE, words_of(hypotheses), strict=True)
    ]
    np.testing.assert_allclose(hypotheses.log_probability, expected, atol=SCORE)


def test_a_wider_beam_finds_no_worse(model) -> None:
    def penalised(beam: int) -> np.ndarray:
        hypotheses = searcher(model, beam, length_penalty=0.0).search(SOURCE)
        return hypotheses.log_probability

    assert penalised(4).mean() > penalised(1).mean()
    assert penalised(32).mean() >= penalised(4).mean() - SCORE


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_of_everything_finds_the_optimum(tiny_model, alpha) -> None:
    """Six words (PAD, UNK, BOS, EOS and two more), at most three or four a translation."""
    differs_from_greedy = 0
    model = tiny_model(target=6, seed=2)
    limits = [4, 3, 4, 2, 1, 3]
    hypotheses = run_beam(model, limits, 130, alpha)
    greedy = words_of(run_greedy(model, limits))
    for row, words in enumerate(words_of(hypotheses)):
        limit = limits[row]
        every = [
            [*start, *end]
            for n in range(limit + 1)
            for start in product((UNK, 4, 5), repeat=n)
            for end in ([[EOS]] if n < limit else [[]])
        ]
        lengths = np.array([len(one) for one in every])
        scores = forced(model, SOURCE[row], every) / ((5 + lengths) / 6) ** alpha
        best = every[int(scores.argmax())]
        mine = scores[every.index(words)]
        assert words == best or mine == pytest.approx(scores.max(), abs=SCORE)
        differs_from_greedy += greedy[row] != words
    assert differs_from_greedy  # or else greedy search would have passed this test


@pytest.mark.parametrize("beam", [1, 3])
def test_banned_words_never_occur(tiny_model, beam) -> None:
    model = tiny_model()
    for word in (PAD, BOS):
        biased(model, word, 50.0)
    translations = words_of(searcher(model, beam).search(SOURCE))
    assert not {PAD, BOS} & {word for words in translations for word in words}
    biased(model, UNK, 50.0)
    assert any(UNK in words for words in words_of(searcher(model, beam).search(SOURCE)))
    settings = SearchSettings(beam_size=beam)
    without = Searcher(runtime_of(model), settings, (PAD, BOS, UNK)).search(SOURCE)
    assert not {PAD, BOS, UNK} & {word for words in words_of(without) for word in words}


@pytest.mark.parametrize("beam", [1, 4])
def test_every_sentence_has_its_own_limit(tiny_model, beam) -> None:
    model = biased(tiny_model(), EOS, -50.0)  # it would never end
    limits = [1, 5, 2, 11, 3, 4]
    translations = words_of(run_beam(model, limits, beam, 1.0))
    assert [len(words) for words in translations] == limits
    if beam == 1:
        translations = words_of(run_greedy(model, limits))
        assert [len(words) for words in translations] == limits
    hypotheses = searcher(model, beam, max_length_ratio=2.0, max_length_extra=3).search(SOURCE)
    lengths = (SOURCE != PAD).sum(1) - 1
    assert hypotheses.length.tolist() == (2 * lengths + 3 + 1).tolist()  # EOS included


@pytest.mark.parametrize("beam", [1, 4])
def test_the_search_stops_when_all_have_ended(tiny_model, beam) -> None:
    model = biased(tiny_model(), EOS, 60.0)
    hypotheses = searcher(model, beam, max_length_extra=500).search(SOURCE)
    assert words_of(hypotheses) == [[EOS]] * len(SOURCE)
    assert hypotheses.ids.shape[1] <= beam + 1


@pytest.mark.parametrize(("beams", "blocks", "k"), [(1, 1, 2), (3, 1, 6), (5, 40, 10), (4, 9, 50)])
def test_the_likeliest_continuations_are_those_of_top_k(beams, blocks, k) -> None:
    random = np.random.default_rng(k)
    scores = random.standard_normal((7 * beams, blocks * BLOCK)).astype(np.float32)
    live = random.standard_normal((7, beams)).astype(np.float32)
    types = tf.TensorSpec([None, None]), tf.TensorSpec([None, None]), tf.TensorSpec([], tf.int32)
    values, beam, columns = tf.function(likeliest, input_signature=types)(scores, live, k)
    every = (scores.reshape(7, beams, -1) + live[..., np.newaxis]).reshape(7, -1)
    best, places = tf.math.top_k(every, k)
    np.testing.assert_array_equal(values, best)
    np.testing.assert_array_equal(beam * blocks * BLOCK + columns, places)


def test_a_longer_penalty_gives_longer_translations(model) -> None:
    lengths = [
        searcher(model, 6, length_penalty=alpha).search(SOURCE).length.sum()
        for alpha in (0.0, 1.0, 5.0)
    ]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_the_length_penalty_is_wus() -> None:
    lengths = np.arange(1, 60)
    for alpha in (0.0, 0.6, 1.0, 2.0):
        expected = (5 + lengths) ** alpha / (5 + 1) ** alpha
        np.testing.assert_allclose(length_penalty(lengths, alpha), expected, rtol=STEP)


def test_forced_decoding_returns_the_attention_of_each_target_word(model) -> None:
    target = np.array([[7, 8, EOS], [9, EOS, PAD]], np.int32)
    inputs = np.array([[BOS, 7, 8], [BOS, 9, EOS]], np.int32)
    attention = searcher(model).force(SOURCE[:2], target).attention
    np.testing.assert_allclose(attention, teacher_forced(model, SOURCE[:2], inputs)[1], atol=PASS)


@pytest.mark.compiled
def test_searches_are_traced_once(model) -> None:
    runtime = runtime_of(model)
    for beam in (1, 2):
        search = Searcher(runtime, SearchSettings(beam_size=beam, max_length_extra=4))
        for rows, width in ((1, 7), (6, 7), (2, 9)):
            search.search(np.resize(np.pad(SOURCE, [(0, 0), (0, 2)])[:, :width], (rows, width)))
    for function in (runtime._encode, *runtime._steps.values()):
        assert function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("beam", [1, 3])
def test_a_model_without_attention_is_searched(tiny_model, beam) -> None:
    plain = biased(tiny_model(seed=3, attention="none"), EOS, 1.5)
    hypotheses = searcher(plain, beam).search(SOURCE)
    assert hypotheses.attention.shape == (len(SOURCE), hypotheses.ids.shape[1], 0)
    for row, words in enumerate(words_of(hypotheses)):
        assert words_of(searcher(plain, beam).search(SOURCE[[row]])) == [words]


@pytest.mark.parametrize("beam", [1, 4])
def test_attention_is_that_of_forced_decoding(model, beam) -> None:
    search = searcher(model, beam)
    hypotheses = search.search(SOURCE)
    assert (
        len({len(words) for words in words_of(hypotheses)}) >= 3
    )  # the batch has shrunk on the way
    expected = search.force(SOURCE, hypotheses.ids).attention
    real = np.arange(hypotheses.ids.shape[1]) < hypotheses.length[:, np.newaxis]
    np.testing.assert_allclose(hypotheses.attention[real], expected[real], atol=PASS)


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("attention", ["bahdanau", "none"])
def test_a_decoder_of_many_parts_is_searched(tiny_model, beam, attention) -> None:
    """The parts of its state and the readout stay with their hypothesis."""
    options = {
        "decoder": "conditional",
        "layer_norm": True,
        "input_feeding": True,
        "decoder_layers": 2,
    }
    model = biased(tiny_model(seed=5, attention=attention, **options), EOS, 1.5)
    search = searcher(model, beam)
    hypotheses = search.search(SOURCE)
    words = words_of(hypotheses)
    assert len({len(row) for row in words}) >= 2
    expected = [forced(model, row, [w])[0] for row, w in zip(SOURCE, words, strict=True)]
    np.testing.assert_allclose(hypotheses.log_probability, expected, atol=SCORE)
    attention = search.force(SOURCE, hypotheses.ids).attention
    real = np.arange(hypotheses.ids.shape[1]) < hypotheses.length[:, np.newaxis]
    np.testing.assert_allclose(hypotheses.attention[real], attention[real], atol=PASS)

"""Every option of the search, alone and together: what it promises, in any batch."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from itertools import pairwise, product

import numpy as np
import pytest
import tensorflow as tf
from models import teacher_forced
from rounding import PASS, SCORE, STEP
from test_search import SOURCE, biased, forced, searcher, words_of

from nmt.errors import UnusableInput
from nmt.model.ensemble import Ensemble
from nmt.model.output import NEG_INF
from nmt.search.beam import beam_search
from nmt.search.constraints import Constraints
from nmt.search.greedy import greedy_search
from nmt.search.penalties import coverage_penalty
from nmt.search.sampling import Sampling, random_numbers
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.vocabulary.special import BOS, EOS, PAD, UNK

OPTIONS = {
    "coverage": {"beam_size": 4, "coverage_penalty": 0.6},
    "least": {"min_length": 4},
    "least of a beam": {"beam_size": 4, "min_length": 2, "min_length_ratio": 1.0},
    "no repetition": {"no_repeat_ngram": 2},
    "no repetition in a beam": {"beam_size": 4, "no_repeat_ngram": 1},
    "n best": {"beam_size": 4, "n_best": 3},
    "sampling": {"temperature": 1.0},
    "sampling of few": {"temperature": 1.5, "top_k": 6, "top_p": 0.8, "min_length": 3},
    "all of a beam": {
        **{"beam_size": 5, "coverage_penalty": 0.3, "min_length": 3, "no_repeat_ngram": 2},
        **{"n_best": 5, "length_penalty": 0.7},
    },
}


@pytest.fixture(scope="module")
def model(tiny_model):
    """Random weights under which some sentences end soon, some late, and some never."""
    return biased(tiny_model(seed=3), EOS, 1.5)


@pytest.fixture(scope="module")
def ensemble(tiny_model):
    """Three models of different architectures."""
    stacked = {"decoder": "conditional", "decoder_layers": 2, "input_feeding": True}
    return Ensemble(
        [
            tiny_model(seed=3),
            tiny_model(seed=4, decoder_units=14, layer_norm=True, **stacked),
            tiny_model(seed=5, attention="none", embedding_dim=10),
        ]
    )


@pytest.fixture(
    scope="module", params=[*OPTIONS, "ensemble: sampling of few", "ensemble: all of a beam"]
)
def search(request, model, ensemble) -> Searcher:
    kind, _, name = request.param.rpartition(": ")
    return searcher(ensemble if kind else model, **OPTIONS[name])


def test_a_sentence_does_not_depend_on_its_batch(search) -> None:
    random = np.random.default_rng(5)
    source = np.zeros((9, 8), np.int32)
    for row, length in zip(
        source, random.permutation([0, 6, *random.integers(0, 7, 7)]), strict=True
    ):
        row[: length + 1] = [*random.integers(4, 30, length), EOS]
    together = search.search(source)
    words = words_of(together)

    def same(rows, found) -> None:
        rows = list(rows)
        assert words_of(found) == [words[row] for row in rows]
        np.testing.assert_allclose(
            found.ranking, together.ranking.numpy()[rows], atol=SCORE, rtol=PASS
        )
        if found.n_best is not None:
            lengths = found.n_best.length.numpy()
            np.testing.assert_array_equal(lengths, together.n_best.length.numpy()[rows])
            width = lengths.max()
            np.testing.assert_array_equal(
                found.n_best.ids[..., :width], together.n_best.ids.numpy()[rows][..., :width]
            )

    lengths = (source != PAD).sum(1)
    for row in {lengths.argmin(), lengths.argmax(), 4}:  # alone, without any padding
        same([row], search.search(source[[row]][:, source[row] != PAD]))
    order = [*random.permutation(9), 1]  # one of them twice
    same(order, search.search(np.pad(source[order], [(0, 0), (0, 5)])))


def test_forced_decoding_gives_the_score_and_attention_of_the_search(search) -> None:
    found = search.search(SOURCE)
    again = search.force(SOURCE, found.ids)
    np.testing.assert_allclose(
        tf.reduce_sum(again.log_probabilities, 1), found.log_probability, atol=SCORE
    )
    real = np.arange(found.ids.shape[1]) < found.length.numpy()[:, np.newaxis]
    np.testing.assert_allclose(found.attention[real], again.attention[real], atol=PASS)
    if found.n_best is None:
        return
    for place in range(search.settings.beam_size):
        ids, there = found.n_best.ids[:, place], found.n_best.length[:, place].numpy() > 0
        again = search.force(SOURCE, ids)
        np.testing.assert_allclose(
            tf.reduce_sum(again.log_probabilities, 1)[there],
            found.n_best.log_probability[:, place][there],
            atol=SCORE,
        )
        for row in np.flatnonzero(there):
            n = found.n_best.length[row, place]
            np.testing.assert_allclose(
                found.n_best.attention[row, place, :n], again.attention[row, :n], atol=PASS
            )


@pytest.mark.compiled
@pytest.mark.parametrize(
    "search",
    ["least", "no repetition", "sampling of few", "all of a beam", "ensemble: all of a beam"],
    indirect=True,
)
def test_the_graph_finds_what_the_same_functions_find_eagerly(search) -> None:
    compiled = search.search(SOURCE)
    forced_compiled = search.force(SOURCE, compiled.ids)
    tf.config.run_functions_eagerly(True)
    eager = search.search(SOURCE)
    assert words_of(compiled) == words_of(eager)
    real = eager.ids.numpy() != PAD
    for found, expected in (
        (compiled.log_probability, eager.log_probability),
        (compiled.ranking, eager.ranking),
        (compiled.attention[real], eager.attention[real]),
        (forced_compiled.log_probabilities, search.force(SOURCE, compiled.ids).log_probabilities),
    ):
        np.testing.assert_allclose(found, expected, atol=SCORE)


@pytest.mark.parametrize(
    "constraints", [{}, {"no_repeat_ngram": 1}, {"no_repeat_ngram": 2}, {"min_length": 5}]
)
def test_a_beam_of_one_is_greedy_under_constraints(model, constraints) -> None:
    limits = tf.constant([14, 9, 6, 7, 12, 13])
    if "min_length" in constraints:
        constraints = {"min_length": tf.constant([5, 2, 0, 3, 11, 1])}
    greedy = greedy_search(model, SOURCE, limits, constraints=Constraints(**constraints))
    beam = beam_search(
        model, SOURCE, limits, 1, 1.0, constraints=Constraints(**constraints), beta=0.5
    )
    assert words_of(beam) == words_of(greedy)
    np.testing.assert_allclose(beam.log_probability, greedy.log_probability, atol=SCORE)


def grams(words: list[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@pytest.mark.parametrize(
    ("alpha", "beta", "least", "n"),
    [(0.0, 0.5, 0, 0), (1.0, 2.0, 0, 0), (0.0, 0.0, 2, 0), (0.0, 0.0, 0, 1), (1.0, 1.0, 1, 2)],
)
def test_a_beam_of_everything_finds_the_optimum(tiny_model, alpha, beta, least, n) -> None:
    """Six words (PAD, UNK, BOS, EOS and two more), at most four a translation."""
    differs = 0
    for seed in (1, 2):
        model = tiny_model(target=6, seed=seed)
        limits = [4, 3, 4, 3, 3, 4]
        found = beam_search(
            *(model, SOURCE, tf.constant(limits), 130, alpha),
            constraints=Constraints(tf.fill([6], least) if least else (), n),
            beta=beta,
        )
        plain = words_of(beam_search(model, SOURCE, tf.constant(limits), 130, 0.0))
        for row, words in enumerate(words_of(found)):
            limit, source = limits[row], SOURCE[row][SOURCE[row] != PAD]
            every = [
                [*start, *end]
                for size in range(least, limit + 1)
                for start in product((UNK, 4, 5), repeat=size)
                for end in ([[EOS]] if size < limit else [[]])
                if not n or len(set(grams([*start], n))) == len(grams([*start], n))
            ]
            lengths = np.array([len(one) for one in every])
            scores = forced(model, source, every) / ((5 + lengths) / 6) ** alpha
            if beta:
                width = max(lengths)
                targets = np.array([one + [PAD] * (width - len(one)) for one in every], np.int32)
                inputs = np.pad(targets, [(0, 0), (1, 0)], constant_values=BOS)[:, :-1]
                looked = teacher_forced(
                    model, np.repeat(source[np.newaxis], len(every), 0), inputs
                )[1].numpy()
                real = np.arange(width) < lengths[:, np.newaxis]
                sums = (looked * real[..., np.newaxis]).sum(1)[:, :-1]  # without the source's EOS
                scores += beta * np.log(np.minimum(sums, 1.0)).sum(1)
            mine = scores[every.index(words)]
            assert mine == pytest.approx(scores.max(), abs=SCORE)
            assert found.ranking[row].numpy() == pytest.approx(mine, abs=SCORE)
            differs += words != plain[row]
    assert differs  # or else the options would not have mattered


def test_the_coverage_penalty_is_wus() -> None:
    random = np.random.default_rng(1)
    coverage = 2 * random.random((3, 2, 5))
    tokens = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 0]], np.float32)
    expected = [
        [0.3 * np.log(np.minimum(one[mask > 0], 1)).sum() for one in some]
        for some, mask in zip(coverage, tokens, strict=True)
    ]
    found = coverage_penalty(tf.constant(coverage, tf.float32), tokens, 0.3)
    np.testing.assert_allclose(found, expected, rtol=STEP)


@pytest.mark.parametrize("beam", [1, 4])
def test_translations_are_as_long_as_asked_within_their_limits(tiny_model, beam) -> None:
    model = biased(tiny_model(), EOS, 9.0)
    lengths = (SOURCE != PAD).sum(1) - 1

    def found(**settings) -> np.ndarray:
        words = words_of(searcher(model, beam, **settings).search(SOURCE))
        return np.array([len([word for word in row if word != EOS]) for row in words])

    assert found().max() < 3
    assert (found(min_length=5) >= 5).all()
    assert (found(min_length_ratio=1.0) >= lengths).all()
    assert (found(min_length_ratio=1.3) >= 1.3 * lengths).all()
    both = found(min_length=50, max_length_ratio=1.0, max_length_extra=2)
    assert (both == lengths + 2).all()


@pytest.mark.parametrize("beam", [1, 4])
def test_a_translation_that_nothing_may_go_on_ends(tiny_model, beam) -> None:
    """A minimum length and n-grams together can leave no word."""
    model = tiny_model()
    found = searcher(model, beam, min_length=1000, max_length_extra=100, no_repeat_ngram=1)
    hypotheses = found.search(SOURCE)
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
            found = Constraints((), n).restrict(
                tf.zeros([5, 8]), tf.range(8), tf.constant(history), 8
            )
            for row, words in zip(found.numpy(), history.tolist(), strict=True):
                had = set(grams(words, n))
                for word in range(8):
                    again = [*words, word][-n:] if length >= n - 1 else None
                    assert (row[word] < NEG_INF / 2) == (tuple(again or ()) in had)


def test_the_n_best_are_sorted_and_distinct_and_begin_with_the_best(model) -> None:
    found = searcher(model, 6, n_best=6).search(SOURCE)
    plain = searcher(model, 6).search(SOURCE)
    assert words_of(found) == words_of(plain)
    several = 0
    for row, best in enumerate(words_of(plain)):
        lengths = found.n_best.length[row].numpy()
        ids = found.n_best.ids[row].numpy()
        listed = [ids[place, :n].tolist() for place, n in enumerate(lengths) if n]
        assert listed[0] == best
        assert len({tuple(one) for one in listed}) == len(listed)
        ranking = found.n_best.ranking[row].numpy()[: len(listed)]
        assert all(a >= b for a, b in pairwise(ranking))
        several += len(listed) > 2
    assert several


def test_samples_follow_the_models_distribution(model) -> None:
    source = np.array([[9, 8, 7, EOS]], np.int32)
    decoding, state = model.begin(source, (PAD, BOS))
    logits = decoding.step(tf.constant([BOS]), state, decoding.sentences)[0]
    count = 20_000
    rows = tf.repeat(logits, count, axis=0)
    numbers = tf.constant(np.random.default_rng(1).random(count), tf.float32)
    for sampling in (Sampling(1.0), Sampling(0.7), Sampling(2.0, 5), Sampling(1.0, 0, 0.8)):
        p = tf.nn.softmax(logits[0] / sampling.temperature).numpy().astype(np.float64)
        drawn = np.bincount(sampling.draw(rows, numbers).numpy(), minlength=len(p)) / count
        order = np.argsort(-p)
        kept = order[: sampling.top_k or None]
        if sampling.top_p < 1:
            kept = order[: int(np.searchsorted(np.cumsum(p[order]), sampling.top_p)) + 1]
        expected = np.zeros(len(p))
        expected[kept] = p[kept] / p[kept].sum()
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


@pytest.mark.parametrize("beam", [1, 4])
def test_an_ensemble_of_a_model_with_itself_is_the_model(model, beam) -> None:
    alone = searcher(model, beam)
    found, expected = searcher(Ensemble([model, model]), beam).search(SOURCE), alone.search(SOURCE)
    assert words_of(found) == words_of(expected)
    np.testing.assert_allclose(found.log_probability, expected.log_probability, atol=SCORE)
    np.testing.assert_allclose(found.attention, expected.attention, atol=PASS)


def test_an_ensembles_logits_are_the_log_of_the_mean_probability(ensemble) -> None:
    target = np.array([[7, 8, EOS], [9, EOS, PAD]], np.int32)
    inputs = np.array([[BOS, 7, 8], [BOS, 9, EOS]], np.int32)
    several = [teacher_forced(model, SOURCE[:2], inputs) for model in ensemble.models]
    probabilities = []
    for logits, _ in several:
        logits = logits.numpy().astype(np.float64)
        logits[..., [PAD, BOS]] = -np.inf
        probabilities.append(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    expected = np.log(np.mean(probabilities, 0))
    decoding, state = ensemble.begin(SOURCE[:2], (PAD, BOS))
    for t in range(3):
        logits, state, weights = decoding.step(inputs[:, t], state, decoding.sentences)
        real, own = expected[:, t] > NEG_INF, logits.numpy()[:, : ensemble.target_size]
        np.testing.assert_allclose(own[real], expected[:, t][real], atol=SCORE)
        looked = [attention[:, t] for _, attention in several if attention.shape[-1]]
        assert len(looked) == 2
        np.testing.assert_allclose(weights[:, 0], np.mean(looked, 0), atol=PASS)
    found = searcher(ensemble).force(SOURCE[:2], target).log_probabilities
    wanted = np.take_along_axis(expected, target[..., np.newaxis], -1)[..., 0]
    np.testing.assert_allclose(found, np.where(target == PAD, 0.0, wanted), atol=SCORE)


def test_a_reference_with_a_banned_word_is_scored_with_all_words(model) -> None:
    target = np.array([[7, UNK, EOS], [7, 8, EOS]], np.int32)
    plain = Searcher(model, SearchSettings(), (PAD, BOS)).force(SOURCE[:2], target)
    found = Searcher(model, SearchSettings(), (PAD, BOS, UNK)).force(SOURCE[:2], target)
    ours, others = found.log_probabilities.numpy(), plain.log_probabilities.numpy()
    np.testing.assert_allclose(ours[0], others[0], atol=PASS)
    assert (ours[1] > others[1]).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_best": 3}, "beam"),
        ({"temperature": 1.0, "beam_size": 4}, "temperature"),
        ({"top_k": 5}, "temperature"),
        ({"top_p": 0.5}, "temperature"),
    ],
)
def test_settings_that_do_not_fit_together(model, settings, message) -> None:
    with pytest.raises(UnusableInput, match=message):
        Searcher(model, SearchSettings(**settings))


def test_coverage_needs_attention(tiny_model) -> None:
    with pytest.raises(UnusableInput, match="attention"):
        searcher(tiny_model(attention="none"), 4, coverage_penalty=0.1)

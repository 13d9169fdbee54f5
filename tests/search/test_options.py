"""Every option of the search, alone and together: its promise, in any batch."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split
from itertools import pairwise, product

import numpy as np
import pytest
from models import teacher_forced
from rounding import PASS, SCORE, STEP
from searches import (
    SOURCE,
    forced,
    grams,
    run_beam,
    searcher,
    words_of,
)

from nmt.errors import UnusableInput
from nmt.runtime import runtime_of
from nmt.search.beam import coverage_penalty
from nmt.search.constraints import Constraints
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.vocabulary.base import BOS, EOS, PAD, UNK

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


ENSEMBLES = [
    pytest.param(f"ensemble: {name}", marks=pytest.mark.system)
    for name in ("sampling of few", "all of a beam")
]


@pytest.fixture(scope="module", params=[*OPTIONS, *ENSEMBLES])
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

    def same(rows, hypotheses) -> None:
        rows = list(rows)
        assert words_of(hypotheses) == [words[row] for row in rows]
        np.testing.assert_allclose(
            hypotheses.ranking, together.ranking[rows], atol=SCORE, rtol=PASS
        )
        if hypotheses.n_best is not None:
            lengths = hypotheses.n_best.length
            np.testing.assert_array_equal(lengths, together.n_best.length[rows])
            width = lengths.max()
            np.testing.assert_array_equal(
                hypotheses.n_best.ids[..., :width], together.n_best.ids[rows][..., :width]
            )

    lengths = (source != PAD).sum(1)
    for row in {lengths.argmin(), lengths.argmax(), 4}:  # alone, without any padding
        same([row], search.search(source[[row]][:, source[row] != PAD]))
    order = [*random.permutation(9), 1]  # one of them twice
    same(order, search.search(np.pad(source[order], [(0, 0), (0, 5)])))


def test_forced_decoding_gives_the_score_and_attention_of_the_search(search) -> None:
    hypotheses = search.search(SOURCE)
    again = search.force(SOURCE, hypotheses.ids)
    np.testing.assert_allclose(
        again.log_probabilities.sum(1), hypotheses.log_probability, atol=SCORE
    )
    real = np.arange(hypotheses.ids.shape[1]) < hypotheses.length[:, np.newaxis]
    np.testing.assert_allclose(hypotheses.attention[real], again.attention[real], atol=PASS)
    if hypotheses.n_best is None:
        return
    for place in range(search.settings.beam_size):
        ids, there = hypotheses.n_best.ids[:, place], hypotheses.n_best.length[:, place] > 0
        again = search.force(SOURCE, ids)
        np.testing.assert_allclose(
            again.log_probabilities.sum(1)[there],
            hypotheses.n_best.log_probability[:, place][there],
            atol=SCORE,
        )
        for row in np.flatnonzero(there):
            n = hypotheses.n_best.length[row, place]
            np.testing.assert_allclose(
                hypotheses.n_best.attention[row, place, :n], again.attention[row, :n], atol=PASS
            )


@pytest.mark.compiled
@pytest.mark.parametrize(
    "search",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("least", "no repetition")),
        *("sampling of few", "all of a beam", ENSEMBLES[1]),
    ],
    indirect=True,
)
def test_the_graph_finds_what_the_same_functions_find_eagerly(search, request) -> None:
    compiled = search.search(SOURCE)
    forced_compiled = search.force(SOURCE, compiled.ids)
    request.getfixturevalue("eagerly")
    eager = search.search(SOURCE)
    assert words_of(compiled) == words_of(eager)
    real = eager.ids != PAD
    for value, expected in (
        (compiled.log_probability, eager.log_probability),
        (compiled.ranking, eager.ranking),
        (compiled.attention[real], eager.attention[real]),
        (forced_compiled.log_probabilities, search.force(SOURCE, compiled.ids).log_probabilities),
    ):
        np.testing.assert_allclose(value, expected, atol=SCORE)


@pytest.mark.parametrize(
    ("alpha", "beta", "least", "n", "seed"),
    [
        *((0.0, 0.5, 0, 0, 1), (1.0, 2.0, 0, 0, 1), (0.0, 0.0, 2, 0, 1), (0.0, 0.0, 0, 1, 2)),
        (1.0, 1.0, 1, 2, 1),
    ],
)
def test_a_beam_of_everything_finds_the_optimum(tiny_model, alpha, beta, least, n, seed) -> None:
    """Six words (PAD, UNK, BOS, EOS and two more), at most four a translation."""
    differs = 0
    model = tiny_model(target=6, seed=seed)
    limits = [4, 3, 4, 3, 3, 4]
    constraints = Constraints(np.full(6, least) if least else None, n)
    hypotheses = run_beam(model, limits, 130, alpha, constraints=constraints, beta=beta)
    plain = words_of(run_beam(model, limits, 130, 0.0))
    for row, words in enumerate(words_of(hypotheses)):
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
            attention = teacher_forced(model, np.repeat(source[np.newaxis], len(every), 0), inputs)[
                1
            ].numpy()
            real = np.arange(width) < lengths[:, np.newaxis]
            sums = (attention * real[..., np.newaxis]).sum(1)[:, :-1]  # without the source's EOS
            scores += beta * np.log(np.minimum(sums, 1.0)).sum(1)
        mine = scores[every.index(words)]
        assert mine == pytest.approx(scores.max(), abs=SCORE)
        assert hypotheses.ranking[row] == pytest.approx(mine, abs=SCORE)
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
    penalty = coverage_penalty(coverage.astype(np.float32), tokens, 0.3)
    np.testing.assert_allclose(penalty, expected, rtol=STEP)


def test_the_n_best_are_sorted_and_distinct_and_begin_with_the_best(model) -> None:
    hypotheses = searcher(model, 6, n_best=6).search(SOURCE)
    plain = searcher(model, 6).search(SOURCE)
    assert words_of(hypotheses) == words_of(plain)
    several = 0
    for row, best in enumerate(words_of(plain)):
        lengths = hypotheses.n_best.length[row]
        ids = hypotheses.n_best.ids[row]
        listed = [ids[place, :n].tolist() for place, n in enumerate(lengths) if n]
        assert listed[0] == best
        assert len({tuple(one) for one in listed}) == len(listed)
        ranking = hypotheses.n_best.ranking[row][: len(listed)]
        assert all(a >= b for a, b in pairwise(ranking))
        several += len(listed) > 2
    assert several


def test_a_reference_with_a_banned_word_is_scored_with_all_words(model) -> None:
    target = np.array([[7, UNK, EOS], [7, 8, EOS]], np.int32)
    plain = Searcher(runtime_of(model), SearchSettings(), (PAD, BOS)).force(SOURCE[:2], target)
    banning = Searcher(runtime_of(model), SearchSettings(), (PAD, BOS, UNK)).force(
        SOURCE[:2], target
    )
    ours, others = banning.log_probabilities, plain.log_probabilities
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
        Searcher(runtime_of(model), SearchSettings(**settings))


def test_coverage_needs_attention(tiny_model) -> None:
    with pytest.raises(UnusableInput, match="attention"):
        searcher(tiny_model(attention="none"), 4, coverage_penalty=0.1)

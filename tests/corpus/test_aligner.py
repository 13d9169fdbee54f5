"""The aligner of the filters: true pairs explain each other, random ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from nmt.corpus.filters.alignment import Aligner, LengthModel
from nmt.corpus.filters.judgement import LEARNT, LearntPairs
from nmt.grammar import generate

PAIRS = 1000
WRONG = slice(0, 100)


@pytest.fixture(scope="module")
def corpus() -> tuple[list[str], list[str]]:
    """Pairs of the built-in grammar; the first ones have the target of the next one."""
    pairs = list(generate(1, 0, PAIRS))
    targets = [pair.target for pair in pairs]
    targets[WRONG] = targets[1:101]
    return [pair.source for pair in pairs], targets


@pytest.fixture(scope="module")
def aligner(corpus: tuple[list[str], list[str]]) -> Aligner:
    return Aligner.learn(*corpus, step=1)


def test_wrong_pairs_are_found_though_they_were_learnt_from(
    aligner: Aligner, corpus: tuple[list[str], list[str]]
) -> None:
    scores = aligner.score(*corpus, np.arange(PAIRS))
    limit = aligner.threshold(0.99)
    assert limit <= 0
    assert (scores[WRONG] < limit).mean() > 0.85
    assert (scores[WRONG.stop :] < limit).mean() < 0.02


def test_without_its_own_contribution_a_pair_scores_less(
    aligner: Aligner, corpus: tuple[list[str], list[str]]
) -> None:
    half = Aligner.learn(corpus[0][::2], corpus[1][::2], step=2)
    some = [side[:200] for side in corpus]
    learnt, others = (
        half.score(*some, np.arange(0, 400, 2)),
        half.score(*some, np.arange(200) * 2 + 1),
    )
    assert (learnt < others).mean() > 0.9
    assert learnt[:50].mean() < others[:50].mean() - 0.5, "wrong pairs depend on themselves most"


def test_it_is_the_same_when_stored(aligner: Aligner, corpus: tuple[list[str], list[str]]) -> None:
    again = Aligner.parse(aligner.serialise())
    some = [side[:50] for side in corpus]
    np.testing.assert_array_equal(
        again.score(*some, np.arange(50)), aligner.score(*some, np.arange(50))
    )
    assert again.threshold(0.9) == aligner.threshold(0.9)
    assert again.lengths == aligner.lengths


def test_nothing_to_learn_from_rejects_nothing() -> None:
    aligner = Aligner.learn([], [], 1)
    scores = aligner.score(["a b", ""], ["c", ""], np.arange(2))
    assert scores.tolist() == [0, 0]
    assert not LEARNT["alignment"].rejects(aligner, scores, 0.95).any()
    assert Aligner.parse(aligner.serialise()).score(["a"], ["b"], np.arange(1)).tolist() == [0]


def test_lengths_that_fit_the_corpus_do_not_deviate() -> None:
    rng = np.random.default_rng(2)
    sources = rng.integers(20, 100, 2000)
    targets = np.maximum(1, (1.3 * sources + rng.normal(0, 1, 2000) * np.sqrt(sources)).astype(int))
    model = LengthModel.learn(sources, targets)
    assert model.ratio == pytest.approx(1.3, rel=0.03)
    assert (np.abs(model.deviation(sources, targets)) > 2.8).mean() < 0.02
    assert (np.abs(model.deviation(sources, targets // 2)) > 2.8).mean() > 0.5


def test_each_corpus_has_its_own_lengths(corpus: tuple[list[str], list[str]]) -> None:
    sources, targets = (side[100:400] for side in corpus)
    long = [f"{text} {text}" for text in targets]
    owners = np.repeat([0, 1], len(sources))
    aligner = Aligner.learn([*sources, *sources], [*targets, *long], 1, owners)
    deviation = LEARNT["length_deviation"]
    for place, side in enumerate((targets, long)):
        pairs = LearntPairs(place, sources, side, np.arange(len(sources)))
        scores = deviation.score(aligner, pairs)
        assert np.median(scores) < 1.5

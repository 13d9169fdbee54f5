"""Several models that are searched as one."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import numpy as np
import pytest
from models import teacher_forced
from rounding import PASS, SCORE
from searches import SOURCE, searcher, words_of

from nmt.runtime import runtime_of
from nmt.runtime.ensemble import Ensemble
from nmt.search.constraints import all_words
from nmt.search.runtime import NEG_INF
from nmt.vocabulary.base import BOS, EOS, PAD


@pytest.mark.parametrize("beam", [1, 4])
def test_an_ensemble_of_a_model_with_itself_is_the_model(model, beam) -> None:
    alone = searcher(model, beam)
    hypotheses, expected = (
        searcher(Ensemble([runtime_of(model)] * 2), beam).search(SOURCE),
        alone.search(SOURCE),
    )
    assert words_of(hypotheses) == words_of(expected)
    np.testing.assert_allclose(hypotheses.log_probability, expected.log_probability, atol=SCORE)
    np.testing.assert_allclose(hypotheses.attention, expected.attention, atol=PASS)


def test_an_ensembles_logits_are_the_log_of_the_mean_probability(ensemble) -> None:
    target = np.array([[7, 8, EOS], [9, EOS, PAD]], np.int32)
    inputs = np.array([[BOS, 7, 8], [BOS, 9, EOS]], np.int32)
    models = [runtime.model for runtime in ensemble.runtimes]
    several = [teacher_forced(model, SOURCE[:2], inputs) for model in models]
    probabilities = []
    for logits, _ in several:
        logits = logits.numpy().astype(np.float64)
        logits[..., [PAD, BOS]] = -np.inf
        probabilities.append(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    expected = np.log(np.mean(probabilities, 0))
    decoding = ensemble.begin(SOURCE[:2], all_words(ensemble.target_size, (PAD, BOS)))
    for t in range(3):
        logits, weights = decoding.distribution(inputs[:, t], np.arange(2, dtype=np.int32))
        real, own = expected[:, t] > NEG_INF, logits[:, : ensemble.target_size]
        np.testing.assert_allclose(own[real], expected[:, t][real], atol=SCORE)
        attention_weights = [attention[:, t] for _, attention in several if attention.shape[-1]]
        assert len(attention_weights) == 2
        np.testing.assert_allclose(weights[:, 0], np.mean(attention_weights, 0), atol=PASS)
    scores = searcher(ensemble).force(SOURCE[:2], target).log_probabilities
    expected = np.take_along_axis(expected, target[..., np.newaxis], -1)[..., 0]
    np.testing.assert_allclose(scores, np.where(target == PAD, 0.0, expected), atol=SCORE)

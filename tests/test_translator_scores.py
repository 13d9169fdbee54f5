"""Scores of translations by forced decoding."""

import numpy as np
import pytest
from rounding import SCORE

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.records.model import ModelInfo
from nmt.vocabulary.base import EOS, UNK
from nmt.vocabulary.words import build_words


def test_the_score_of_a_translation_is_that_of_the_search(tiny_model) -> None:
    sides = ["the dog sees a cat", "der hund sieht eine katze"]
    source, target = (
        build_words(dict.fromkeys(side.split(), 5), vocab_size=99, min_frequency=1)
        for side in sides
    )
    model = tiny_model(source.size, target.size, seed=2)
    bias = np.array(model.output_bias)
    bias[EOS] += 3.0
    bias[UNK] -= 9.0
    model.output_bias.assign(bias)
    translator = Translator(Bundle(model, source, target, ModelInfo(model_id="words")))
    texts = ["the dog", "", "a cat sees the dog", "cat", "sees", "the the the"]
    lengths = set()
    for options in ({}, {"beam_size": 3}):
        found = translator.translate(texts, **options)
        scores = translator.score(texts, [result.text for result in found])
        forced = translator.force(texts, [result.text for result in found])
        for one, score, along in zip(found, scores, forced, strict=True):
            assert len(score.tokens) == len(score.log_probabilities)
            if "empty" in one.flags:
                assert (score.score, score.tokens) == (0.0, [])
                continue
            assert score.score == pytest.approx(np.mean(score.log_probabilities), abs=SCORE)
            assert score.score == along.score
            if "truncated" not in one.flags:
                assert score.tokens == [*one.tokens, "[EOS]"]
                assert score.score == pytest.approx(one.score, abs=SCORE)
                lengths.add(len(one.tokens))
    assert len(lengths) > 2
    assert translator.score([""], ["hund"])[0].score == -np.inf
    with pytest.raises(UnusableInput, match="2 texts, but 1 references"):
        translator.score(texts[:2], texts[:1])

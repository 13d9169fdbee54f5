"""Searches in plain Python, and what the tests of this folder share."""

import nmt.model  # noqa: F401  (quiets TensorFlow)

# isort: split

import numpy as np
import tensorflow as tf
from models import teacher_forced

from nmt.runtime import runtime_of
from nmt.search.beam import beam_search
from nmt.search.constraints import all_words
from nmt.search.greedy import greedy_search
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.vocabulary.base import BOS, EOS, PAD

SOURCE = np.array(
    [
        [9, 8, 7, 12, 13, 3, 0],
        [5, 3, 0, 0, 0, 0, 0],
        [20, 21, 22, 23, 24, 25, 3],
        [3, 0, 0, 0, 0, 0, 0],
        [6, 6, 6, 3, 0, 0, 0],
        [11, 17, 4, 29, 3, 0, 0],
    ],
    np.int32,
)


def biased(model, word: int, value: float):
    """The model, with this bias of a word."""
    bias = np.array(model.output_bias)
    bias[word] = value
    model.output_bias.assign(bias)
    return model


def log_probabilities(logits: np.ndarray, banned=(PAD, BOS)) -> np.ndarray:
    """Of the next word, with some words ruled out."""
    logits = np.array(logits, np.float64)
    logits[..., list(banned)] = -np.inf
    logits -= logits.max(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))


def plain_greedy(model, source: np.ndarray, limit: int) -> tuple[list[int], float]:
    """Greedy search for one sentence, a step of the model at a time."""
    sentences, state = model.begin(source[np.newaxis, source != PAD])
    word, words, total = BOS, [], 0.0
    while word != EOS and len(words) < limit:
        readouts, state, _ = model.search_step(tf.constant([word]), state, sentences)
        scores = log_probabilities(model.logits(readouts)[0])
        word = int(scores.argmax())
        words.append(word)
        total += scores[word]
    return words, total


def forced(model, source: np.ndarray, targets: list[list[int]]) -> np.ndarray:
    """Log-probability of each target (with its EOS, if it has one) of one sentence."""
    width = max(len(target) for target in targets)
    outputs = np.array([target + [PAD] * (width - len(target)) for target in targets])
    inputs = np.concatenate([np.full((len(targets), 1), BOS), outputs[:, :-1]], 1)
    sources = np.repeat(source[np.newaxis, source != PAD], len(targets), 0)
    logits, _ = teacher_forced(model, tf.constant(sources), tf.constant(inputs, tf.int32))
    scores = np.take_along_axis(log_probabilities(logits), outputs[..., np.newaxis], -1)[..., 0]
    return np.where(outputs != PAD, scores, 0.0).sum(1)


def words_of(hypotheses) -> list[list[int]]:
    ids, lengths = hypotheses.ids, hypotheses.length
    assert all((row[n:] == PAD).all() for row, n in zip(ids, lengths, strict=True))
    return [row[:n].tolist() for row, n in zip(ids, lengths, strict=True)]


def searcher(model, beam: int = 1, **settings) -> Searcher:
    values = {"beam_size": beam, "max_length_ratio": 1.0, "max_length_extra": 8, **settings}
    return Searcher(runtime_of(model), SearchSettings.model_validate(values))


def run_greedy(model, limits, **options):
    """Greedy search of `SOURCE`."""
    words = all_words(model.target_size, (PAD, BOS))
    return greedy_search(runtime_of(model), SOURCE, np.array(limits), words, **options)


def run_beam(model, limits, size: int, alpha: float, **options):
    """Beam search of `SOURCE`."""
    words = all_words(model.target_size, (PAD, BOS))
    return beam_search(runtime_of(model), SOURCE, np.array(limits), size, alpha, words, **options)


def grams(words: list[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]

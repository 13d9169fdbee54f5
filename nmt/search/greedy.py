"""Greedy search: the most probable word at every step. And sampling: a word drawn at random."""

from __future__ import annotations

import numpy as np

from nmt.search.constraints import Constraints, count
from nmt.search.runtime import NEG_INF, AttentionLog, Hypotheses, OutputWords, Runtime
from nmt.search.sampling import Sampling
from nmt.vocabulary.base import BOS, EOS, PAD


def greedy_search(
    runtime: Runtime,
    source: np.ndarray,
    limits: np.ndarray,
    words: OutputWords,
    constraints: Constraints = Constraints(),
    sampling: Sampling | None = None,
    numbers: np.ndarray | None = None,
) -> Hypotheses:
    """Decode a batch.

    A sentence's own limit, not the batch's, bounds it, so that its translation does not depend
    on its neighbours. A batch takes as long as its longest translation, so whenever half of the
    sentences have ended, the others go on alone.

    Args:
        runtime: the model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        words: what the translations may use.
        constraints: further words to rule out.
        sampling: draw the words instead. The log-probability is still the model's, at a
            temperature of 1 and over all words.
        numbers: the random numbers to draw with, shape (batch, most steps).
    """
    decoding = runtime.begin(source, words)
    batch, most, t = len(source), int(max(limits, default=0)), 0
    ids, scores = np.full((batch, most), PAD, np.int32), np.zeros((most, batch), np.float32)
    attention, alive, last = AttentionLog(), limits > 0, limits
    sentences = parents = np.arange(batch, dtype=np.int32)
    word = np.full(batch, BOS, np.int32)
    while going_on := np.count_nonzero(alive):
        if 2 * going_on <= len(alive):
            places = np.flatnonzero(alive)
            decoding.keep(places)
            sentences, word, parents = sentences[places], word[places], parents[places]
            alive, last = alive[places], last[places]
            words, constraints = words.of(places), constraints.of(places)
        ruled_out = None
        if constraints.apply(t):
            ruled_out = constraints.ruled_out(ids[sentences, :t], words, runtime.target_size)
        if sampling is None:
            live, k = np.zeros((len(word), 1), np.float32), 1 + count(ruled_out, len(word))
            best = decoding.candidates(word, parents, live, k).without(ruled_out, 1)
            word, score, weights = best.ids[:, 0], best.scores[:, 0], best.attention
        else:
            assert numbers is not None
            every, weights = decoding.distribution(word, parents)
            masked = every
            if ruled_out is not None:
                masked = every + np.where(ruled_out[:, decoding.ids], NEG_INF, np.float32(0))
            column = sampling.draw(masked, numbers[sentences, t])
            word = decoding.ids[column]
            score = np.take_along_axis(every, column[:, np.newaxis], 1)[:, 0]
        # What a sentence gets after its end is removed below.
        ids[sentences, t], scores[t, sentences] = word, score
        attention.add(sentences, weights)
        t += 1
        alive &= (word != EOS) & (t < last)
        parents = np.arange(len(word), dtype=np.int32)
    before = np.cumsum(ids[:, :t] == EOS, axis=1) - (ids[:, :t] == EOS)  # ends before each word
    counts = (before == 0) & (np.arange(t) < limits[:, np.newaxis])
    ids, beams = np.where(counts, ids[:, :t], np.int32(PAD)), np.where(counts, 0, -1)
    length, total = counts.sum(1, dtype=np.int32), np.zeros(batch, np.float32)
    for row in np.where(counts.T, scores[:t], np.float32(0)):
        total += row  # in the order of the words, whatever the batch is
    return Hypotheses(ids, total, length, attention.along(beams), total)

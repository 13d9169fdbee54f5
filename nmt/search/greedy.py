"""Greedy search: the most probable word at every step. And sampling: a word drawn at random."""

from __future__ import annotations

import numpy as np

from nmt.search.constraints import Constraints, count
from nmt.search.hypotheses import AttentionLog, Hypotheses
from nmt.search.runtime import NEG_INF, OutputWords, Runtime
from nmt.search.sampling import Sampling
from nmt.vocabulary.special import BOS, EOS, PAD


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
    batch, most = len(source), int(max(limits, default=0))
    ids = np.full((batch, most), PAD, np.int32)
    total, length = np.zeros(batch, np.float32), np.zeros(batch, np.int32)
    attention, alive = AttentionLog(), limits > 0
    sentences = parents = np.arange(batch, dtype=np.int32)
    word = np.full(batch, BOS, np.int32)
    while alive.any():
        if 2 * alive.sum() <= len(alive):
            going_on = np.flatnonzero(alive)
            decoding.keep(going_on)
            sentences, word, alive = sentences[going_on], word[going_on], alive[going_on]
            parents, words = parents[going_on], words.of(going_on)
            constraints = constraints.of(going_on)
        t = length[sentences[alive][0]]  # all that go on are of one length
        ruled_out = constraints.ruled_out(ids[sentences, :t], words, runtime.target_size)
        if sampling is None:
            live, k = np.zeros((len(word), 1), np.float32), 1 + count(ruled_out, len(word))
            best = decoding.candidates(word, parents, live, k).without(ruled_out, 1)
            word, score, weights = best.ids[:, 0], best.scores[:, 0], best.attention
        else:
            assert numbers is not None
            scores, weights = decoding.distribution(word, parents)
            masked = scores
            if ruled_out is not None:
                masked = scores + np.where(ruled_out[:, decoding.ids], NEG_INF, np.float32(0))
            column = sampling.draw(masked, numbers[sentences, t])
            word = decoding.ids[column]
            score = np.take_along_axis(scores, column[:, np.newaxis], 1)[:, 0]
        attention.add(sentences, weights)
        now = sentences[alive]
        ids[now, t] = word[alive]
        total[now] += score[alive]
        length[now] += 1
        alive = alive & (word != EOS) & (t + 1 < limits[sentences])
        word = np.where(alive, word, PAD).astype(np.int32)
        parents = np.arange(len(sentences), dtype=np.int32)
    ids = ids[:, : max(length, default=0)]
    beams = np.where(np.arange(ids.shape[1]) < length[:, np.newaxis], 0, -1)
    return Hypotheses(ids, total, length, attention.along(beams), total)

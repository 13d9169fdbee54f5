"""Greedy search: the most probable word at every step. And sampling: a word drawn at random."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.ensemble import Ensemble
from nmt.model.probabilities import log_normaliser
from nmt.model.seq2seq import Seq2Seq
from nmt.model.shortlist import Shortlist
from nmt.search.constraints import Constraints
from nmt.search.hypotheses import Hypotheses
from nmt.search.sampling import Sampling
from nmt.search.shrinking import shrinking_loop
from nmt.vocabulary.special import BOS, EOS, PAD


class _Greedy(NamedTuple):
    """A batch under way: last word, decoder state, whether it goes on, and what is found."""

    word: tf.Tensor
    state: tf.Tensor
    alive: tf.Tensor
    total: tf.Tensor
    length: tf.Tensor
    words: tf.Tensor
    attention: tf.Tensor


def greedy_search(
    model: Seq2Seq | Ensemble,
    source: tf.Tensor,
    limits: tf.Tensor,
    banned: tuple[int, ...] = (PAD, BOS),
    shortlist: Shortlist | None = None,
    constraints: Constraints = Constraints(),
    sampling: Sampling | None = None,
    numbers: tf.Tensor | tuple[()] = (),
) -> Hypotheses:
    """Decode a batch; to be called inside a ``tf.function``.

    A sentence's own limit, not the batch's, bounds it, so that its translation does not depend
    on its neighbours.

    Args:
        model: the trained model, or an ensemble.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        banned: ids that are never chosen.
        shortlist: which words each source word allows; None is all words.
        constraints: what is ruled out besides.
        sampling: draw the words instead. The log-probability is the model's all the same, at
            a temperature of 1 and over all words.
        numbers: the random numbers to draw with, shape (batch, most steps).
    """
    decoding, state = model.begin(source, banned, shortlist)
    batch, looks = tf.shape(source)[0], tf.shape(source)[1] if model.attends else 0

    def step(i, now, fixed):
        memory, allowed, limits, least, numbers = fixed
        own = decoding._replace(memory=memory, allowed=allowed)
        logits, state, weights = model.step(now.word, now.state, own)
        offered = constraints._replace(least=least).restrict(
            logits, decoding.words, now.words, model.target_size
        )
        if sampling is None:
            chosen = tf.argmax(offered, -1, output_type=tf.int32)
        else:
            chosen = sampling.draw(offered, numbers[:, i])
        best = tf.gather(logits, chosen, batch_dims=1) - log_normaliser(logits)
        word = tf.where(now.alive, tf.gather(decoding.words, chosen), PAD)
        return _Greedy(
            word=word,
            state=state,
            alive=now.alive & (word != EOS) & (i + 1 < limits),
            total=now.total + tf.where(now.alive, best, 0.0),
            length=now.length + tf.cast(now.alive, tf.int32),
            words=tf.concat([now.words, word[:, tf.newaxis]], 1),
            attention=tf.concat([now.attention, weights], 1),
        )

    start = _Greedy(
        word=tf.fill([batch], BOS),
        state=state,
        alive=limits > 0,
        total=tf.zeros([batch]),
        length=tf.zeros([batch], tf.int32),
        words=tf.zeros([batch, 0], tf.int32),
        attention=tf.zeros([batch, 0, looks]),
    )
    row = tf.TensorShape([None])
    shapes = _Greedy(
        row, tf.TensorShape([None, state.shape[-1]]), row, row, row,
        tf.TensorShape([None, None]), tf.TensorShape([None, None, None if model.attends else 0]),
    )  # fmt: skip
    fixed = decoding.memory, decoding.allowed, limits, constraints.least, numbers
    found = shrinking_loop(step, lambda now: now.alive, start, shapes, fixed)
    return Hypotheses(found.words, found.total, found.length, found.attention, found.total)

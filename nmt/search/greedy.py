"""Greedy search: the most probable word at every step."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.model.shortlist import Shortlist
from nmt.search.hypotheses import Hypotheses
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
    model: Seq2Seq,
    source: tf.Tensor,
    limits: tf.Tensor,
    banned: tuple[int, ...] = (PAD, BOS),
    shortlist: Shortlist | None = None,
) -> Hypotheses:
    """Decode a batch; to be called inside a ``tf.function``.

    A sentence's own limit, not the batch's, bounds it, so that its translation does not depend
    on its neighbours.

    Args:
        model: the trained model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        banned: ids that are never chosen.
        shortlist: which words each source word allows; None is all words.
    """
    decoding, state = model.begin(source, banned, shortlist)
    batch, looks = tf.shape(source)[0], tf.shape(source)[1] if model.attends else 0

    def step(i, now, fixed):
        memory, allowed, limits = fixed
        own = decoding._replace(memory=memory, allowed=allowed)
        logits, state, weights = model.step(now.word, now.state, own)
        word = tf.gather(decoding.words, tf.argmax(logits, -1, output_type=tf.int32))
        best = tf.reduce_max(logits, -1) - tf.reduce_logsumexp(logits, -1)
        word = tf.where(now.alive, word, PAD)
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
    fixed = decoding.memory, decoding.allowed, limits
    found = shrinking_loop(step, lambda now: now.alive, start, shapes, fixed)
    return Hypotheses(found.words, found.total, found.length, found.attention)

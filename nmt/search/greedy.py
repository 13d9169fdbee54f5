"""Greedy search: the most probable word at every step. And sampling: a word drawn at random."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.ensemble import Ensemble
from nmt.model.output import Shortlist, log_normaliser
from nmt.model.seq2seq import Seq2Seq
from nmt.search.constraints import Constraints
from nmt.search.hypotheses import Hypotheses
from nmt.search.sampling import Sampling
from nmt.search.shrinking import shrinking_loop
from nmt.vocabulary.special import BOS, EOS, PAD


class _Greedy(NamedTuple):
    """A batch under way: last word, decoder state, whether it goes on, and the hypotheses."""

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
        banned: ids that get no probability.
        shortlist: which words each source word allows; None is all words.
        constraints: further words to rule out.
        sampling: draw the words instead. The log-probability is still the model's, at a
            temperature of 1 and over all words.
        numbers: the random numbers to draw with, shape (batch, most steps).
    """
    decoding, state = model.begin(source, banned, shortlist)
    batch, source_width = tf.shape(source)[0], tf.shape(source)[1] if model.attends else 0

    def step(i: tf.Tensor, current: Any, fixed: Any) -> Any:
        sentences, limits, min_length, numbers = fixed
        logits, state, weights = decoding.step(current.word, current.state, sentences)
        masked_logits = constraints._replace(min_length=min_length).restrict(
            logits, decoding.ids, current.words, model.target_size
        )
        if sampling is None:
            choice = tf.argmax(masked_logits, -1, output_type=tf.int32)
        else:
            choice = sampling.draw(masked_logits, numbers[:, i])
        score = tf.gather(logits, choice, batch_dims=1) - log_normaliser(logits)
        word = tf.where(current.alive, tf.gather(decoding.ids, choice), PAD)
        return _Greedy(
            word=word,
            state=state,
            alive=current.alive & (word != EOS) & (i + 1 < limits),
            total=current.total + tf.where(current.alive, score, 0.0),
            length=current.length + tf.cast(current.alive, tf.int32),
            words=tf.concat([current.words, word[:, tf.newaxis]], 1),
            attention=tf.concat([current.attention, weights], 1),
        )

    start = _Greedy(
        word=tf.fill([batch], BOS),
        state=state,
        alive=limits > 0,
        total=tf.zeros([batch]),
        length=tf.zeros([batch], tf.int32),
        words=tf.zeros([batch, 0], tf.int32),
        attention=tf.zeros([batch, 0, source_width]),
    )
    row = tf.TensorShape([None])
    shapes = _Greedy(
        row, tf.TensorShape([None, state.shape[-1]]), row, row, row,
        tf.TensorShape([None, None]), tf.TensorShape([None, None, None if model.attends else 0]),
    )  # fmt: skip
    fixed = decoding.sentences, limits, constraints.min_length, numbers
    final = shrinking_loop(step, lambda current: current.alive, start, shapes, fixed)
    return Hypotheses(final.words, final.total, final.length, final.attention, final.total)

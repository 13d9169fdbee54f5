"""Beam search with length and coverage penalty."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.ensemble import Ensemble
from nmt.model.output import BLOCK, NEG_INF, Shortlist, log_normaliser
from nmt.model.seq2seq import Seq2Seq
from nmt.search.constraints import Constraints
from nmt.search.hypotheses import Hypotheses
from nmt.search.penalties import coverage_penalty, length_penalty
from nmt.search.shrinking import shrinking_loop
from nmt.vocabulary.special import BOS, EOS, PAD


class _Pool(NamedTuple):
    """The best finished hypotheses of each sentence, best first; shape (batch, beam, …).

    Attributes:
        score: log-probability over length penalty, plus coverage penalty: the order; 2 · NEG_INF
            in empty places.
        total: log-probability.
        length: tokens, EOS included.
        trail: ids, EOS included, each beside the beam that chose it; padded with 0.
    """

    score: tf.Tensor
    total: tf.Tensor
    length: tf.Tensor
    trail: tf.Tensor


class _Beam(NamedTuple):
    """A batch under way; shape (batch, beam, …).

    Attributes:
        words: the last words.
        state: the decoder's states.
        live: log-probabilities, best first.
        trail: all words so far, each beside the beam that chose it, shape (batch, beam,
            length, 2). So the attention is stored once per step, and not reordered.
        attention: weights of the beams in their order at each step, shape (batch, length, beam,
            source).
        coverage: sum of the attention weights of each source position over the beams' words, shape
            (batch, beam, source); without coverage penalty (batch, beam, 0).
        pool: the finished hypotheses.
        done: whether the sentence has ended, shape (batch,).
    """

    words: tf.Tensor
    state: tf.Tensor
    live: tf.Tensor
    trail: tf.Tensor
    attention: tf.Tensor
    coverage: tf.Tensor
    pool: _Pool
    done: tf.Tensor


def beam_search(
    model: Seq2Seq | Ensemble,
    source: tf.Tensor,
    limits: tf.Tensor,
    beam_size: int,
    alpha: float,
    banned: tuple[int, ...] = (PAD, BOS),
    shortlist: Shortlist | None = None,
    constraints: Constraints = Constraints(),
    beta: float = 0.0,
    n_best: bool = False,
) -> Hypotheses:
    """Decode a batch with `beam_size` live hypotheses; to be called inside a ``tf.function``.

    Every step considers the best 2 · beam continuations. Those among the first `beam` that end are
    finished; the best that do not end stay live. A sentence is done when it has `beam` finished
    hypotheses of which one is better than all live ones, or at its limit, where the live ones
    count as finished too. (A count alone is not enough: under a confident model, poor hypotheses
    that end early fill it before the good one ends.) The best hypothesis has the best
    log-probability over `length_penalty`, plus `coverage_penalty`. As that is never above 0, it
    cannot improve a live hypothesis. With a beam of 1 this is greedy search. The beams of a
    sentence share its encoder states; only states, words and coverage are reordered.

    Args:
        model: the trained model, or an ensemble.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        beam_size: live hypotheses, at least 1.
        alpha: the length penalty's exponent.
        banned: ids that get no probability.
        shortlist: which words each source word allows; None is all words.
        constraints: further words to rule out.
        beta: the coverage penalty's factor; for a model with attention.
        n_best: return all finished hypotheses, too.
    """
    decoding, first_state = model.begin(source, banned, shortlist, beam_size)
    batch, beam, units = tf.shape(source)[0], beam_size, first_state.shape[-1]
    source_width = tf.shape(source)[1] if model.attends else 0
    tokens = tf.cast((source != PAD) & (source != EOS), tf.float32) if beta else ()

    def step(i: tf.Tensor, current: Any, fixed: Any) -> Any:
        sentences, limits, min_length, tokens = fixed
        count = tf.shape(limits)[0]
        logits, state, weights = decoding.step(
            tf.reshape(current.words, [-1]), tf.reshape(current.state, [-1, units]), sentences
        )
        masked_logits = constraints._replace(min_length=min_length).restrict(
            logits,
            decoding.ids,
            tf.reshape(current.trail[..., 0], [count * beam, -1]),
            model.target_size,
        )
        scores, origin, choices = _continuations(
            tf.reshape(masked_logits, [count, beam, -1]),
            tf.reshape(log_normaliser(logits), [count, beam]),
            current.live,
            2 * beam,
        )
        choices = tf.gather(decoding.ids, choices)
        ends, last = choices == EOS, i + 1 >= limits
        finished = (ends | last[:, tf.newaxis]) & ~current.done[:, tf.newaxis]
        trail = tf.gather(current.trail, origin, batch_dims=1)
        newest = tf.stack([choices, origin], -1)[:, :, tf.newaxis]
        trail = tf.concat([trail, newest], 2)
        ranking, coverage = scores / length_penalty(i + 1, alpha), current.coverage
        if beta:
            coverage = tf.gather(coverage + weights, origin, batch_dims=1)
            ranking += coverage_penalty(coverage, tokens, beta)
        pool = _finish(current.pool, trail, scores, ranking, finished, i + 1)
        live, best = tf.math.top_k(scores + tf.where(ends, NEG_INF, 0.0), beam)
        # The pool is best first; its last place is taken only when `beam` have finished.
        cannot_improve = live[:, 0] / length_penalty(i + 1, alpha) <= pool.score[:, 0]
        if beta:
            coverage = tf.gather(coverage, best, batch_dims=1)
        state = tf.reshape(state, [count, beam, units])
        return _Beam(
            words=tf.gather(choices, best, batch_dims=1),
            state=tf.gather(state, tf.gather(origin, best, batch_dims=1), batch_dims=1),
            live=live,
            trail=tf.gather(trail, best, batch_dims=1),
            attention=tf.concat([current.attention, weights[:, tf.newaxis]], 1),
            coverage=coverage,
            pool=pool,
            done=current.done | last | (cannot_improve & (pool.score[:, -1] > NEG_INF / 2)),
        )

    start = _Beam(
        words=tf.fill([batch, beam], BOS),
        state=tf.repeat(first_state[:, tf.newaxis], beam, axis=1),
        live=tf.tile([[0.0] + [NEG_INF] * (beam - 1)], [batch, 1]),  # all beams begin alike
        trail=tf.zeros([batch, beam, 0, 2], tf.int32),
        attention=tf.zeros([batch, 0, beam, source_width]),
        coverage=tf.zeros([batch, beam, source_width if beta else 0]),
        pool=_Pool(
            score=tf.fill([batch, beam], 2 * NEG_INF),
            total=tf.zeros([batch, beam]),
            length=tf.zeros([batch, beam], tf.int32),
            trail=tf.zeros([batch, beam, 0, 2], tf.int32),
        ),
        done=limits <= 0,
    )
    flat_shape, trail_shape = tf.TensorShape([None, beam]), tf.TensorShape([None, beam, None, 2])
    shapes = _Beam(
        words=flat_shape,
        state=tf.TensorShape([None, beam, units]),
        live=flat_shape,
        trail=trail_shape,
        attention=tf.TensorShape([None, None, beam, None if model.attends else 0]),
        coverage=tf.TensorShape([None, beam, None if beta else 0]),
        pool=_Pool(flat_shape, flat_shape, flat_shape, trail_shape),
        done=tf.TensorShape([None]),
    )
    fixed = decoding.sentences, limits, constraints.min_length, tokens
    final = shrinking_loop(step, lambda current: ~current.done, start, shapes, fixed)
    pool, best = final.pool, final.pool.trail[:, 0]
    return Hypotheses(
        ids=best[..., 0],
        log_probability=pool.total[:, 0],
        length=pool.length[:, 0],
        attention=tf.gather(final.attention, best[..., 1], batch_dims=2),
        ranking=pool.score[:, 0],
        n_best=_all(pool, final.attention) if n_best else None,
    )


def _all(pool: _Pool, attention: tf.Tensor) -> Hypotheses:
    """The whole pool, each hypothesis with the attention along its trail."""
    beams = tf.transpose(pool.trail[..., 1], [0, 2, 1])
    attention = tf.transpose(tf.gather(attention, beams, batch_dims=2), [0, 2, 1, 3])
    length = tf.where(pool.score > NEG_INF / 2, pool.length, 0)
    return Hypotheses(pool.trail[..., 0], pool.total, length, attention, pool.score)


def _continuations(
    logits: tf.Tensor, normaliser: tf.Tensor, live: tf.Tensor, k: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The k best continuations over all beams of each sentence.

    They are in the k blocks of words with the best maxima, so only those are searched: on a CPU
    more than ten times as fast as ``tf.math.top_k`` over whole vocabularies.

    Args:
        logits: of a multiple of `BLOCK` words, shape (batch, beam, words).
        normaliser: what makes log-probabilities of them, shape (batch, beam).
        live: log-probabilities of the beams, shape (batch, beam).
        k: at most beam · `BLOCK`.

    Returns:
        Log-probabilities with the word, best first; the beams; the columns of the words; shape
        (batch, k) each.
    """
    batch, beam = tf.shape(logits)[0], logits.shape[1]
    count = tf.shape(logits)[2] // BLOCK  # blocks of a beam
    blocks = tf.reshape(logits, [batch, beam * count, BLOCK])
    offsets = tf.repeat(live - normaliser, count, axis=1)
    maxima = tf.reduce_max(blocks, -1) + offsets
    _, best = tf.math.top_k(maxima, tf.minimum(k, beam * count))
    scores = tf.gather(blocks, best, batch_dims=1)
    scores += tf.gather(offsets, best, batch_dims=1)[..., tf.newaxis]
    scores, places = tf.math.top_k(tf.reshape(scores, [batch, -1]), k)
    block = tf.gather(best, places // BLOCK, batch_dims=1)
    return scores, block // count, block % count * BLOCK + places % BLOCK


def _finish(
    pool: _Pool,
    trail: tf.Tensor,
    scores: tf.Tensor,
    ranking: tf.Tensor,
    finished: tf.Tensor,
    length: tf.Tensor,
) -> _Pool:
    """Add the hypotheses that end at this step to the pool.

    Args:
        pool: those finished so far.
        trail: of all continuations with their newest word, shape (batch, 2 · beam, length, 2).
        scores: their log-probabilities, best first, shape (batch, 2 · beam).
        ranking: what they are compared by, of the same shape.
        finished: which of them end. Only those among the first `beam` are taken.
        length: tokens of each.
    """
    beam = pool.score.shape[1]
    eligible = finished & (tf.range(tf.shape(scores)[1]) < beam) & (scores > NEG_INF / 2)
    ranking = tf.where(eligible, ranking, 2 * NEG_INF)
    best, places = tf.math.top_k(tf.concat([pool.score, ranking], 1), beam)

    def pick(old: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.concat([old, new], 1), places, batch_dims=1)

    return _Pool(
        score=best,
        total=pick(pool.total, scores),
        length=pick(pool.length, tf.fill(tf.shape(scores), length)),
        trail=pick(tf.pad(pool.trail, [[0, 0], [0, 0], [0, 1], [0, 0]]), trail),
    )

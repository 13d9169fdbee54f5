"""The words that a search chooses from, and their logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

NEG_INF = -1e9  # log-probability of what must not be chosen
BLOCK = 64  # logits are computed for a multiple of this many words


class Shortlist(NamedTuple):
    """Which target words each source word allows (Jean et al. 2015, arXiv 1412.2007, section 3.2).

    A sentence's list depends on the sentence alone, so its translation does not depend on the
    batch it is in, even though the batch computes the logits of all its lists together.

    Attributes:
        candidates: the likeliest translations of each source word, int32, shape
            (source_size, k); 0 where there are fewer, and for 0, the padding, itself.
        common: ids that every sentence may use, int32, shape (n,).
    """

    candidates: tf.Tensor
    common: tf.Tensor

    def select(self, source: tf.Tensor, target_size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The lists of a batch of source ids, shape (batch, source).

        Returns:
            The ids of all its lists, ascending, padded with zeros to a multiple of `BLOCK`,
            shape (words,); and for each sentence 0 if a word is on its own list and `NEG_INF` if
            not, float32, shape (batch, words).
        """
        batch = tf.shape(source)[0]
        own = tf.reshape(tf.gather(self.candidates, source), [batch, -1])
        own = tf.concat([own, tf.tile(self.common[tf.newaxis], [batch, 1])], 1)
        places = tf.reshape(own + tf.range(batch)[:, tf.newaxis] * target_size, [-1, 1])
        counts = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [batch * target_size])
        lists = tf.reshape(counts > 0, [batch, target_size])
        ids = tf.where(tf.reduce_any(lists, 0))[:, 0]
        padding = [[0, -tf.size(ids) % BLOCK]]
        mask = tf.where(tf.gather(lists, ids, axis=1), 0.0, NEG_INF)
        mask = tf.pad(mask, [[0, 0], *padding], constant_values=NEG_INF)
        return tf.pad(tf.cast(ids, tf.int32), padding), mask


def output_words(
    kernel: tf.Tensor,
    axis: int,
    bias: tf.Tensor,
    source: tf.Tensor,
    beams: int,
    banned: tuple[int, ...],
    shortlist: Shortlist | None,
) -> tuple[tf.Tensor, tf.Tensor, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]:
    """The words that the translations of a batch may use.

    Args:
        kernel: the output projection, shape (readout_units, target_size), or the same transposed.
        axis: of the words in it.
        bias: its bias, float32, shape (target_size,).
        source, beams, banned, shortlist: see `nmt.model.seq2seq.Seq2Seq.begin`.

    Returns:
        - Their ids, padded with zeros to a multiple of `BLOCK`, shape (words,).
        - With a shortlist the bias of the words that each sentence may use, and `NEG_INF` for
          others, float32, shape (batch, beams, words); without one (batch, beams, 0).
        - The logits, float32, shape (batch · beams, words), as a function of the readout, shape
          (batch · beams, readout_units), and of the sentences' bias.
    """
    size = bias.shape[0]
    bias += tf.reduce_sum(tf.one_hot(tf.constant(banned, tf.int32), size, NEG_INF, 0.0), 0)
    if shortlist is None:
        word_bias = tf.zeros([tf.shape(source)[0], beams, 0])
        ids, padding = tf.range(size), [0, -size % BLOCK]
        if padding[1]:
            ids = tf.pad(ids, [padding])
            bias = tf.pad(bias, [padding], constant_values=NEG_INF)
            kernel = tf.pad(kernel, [[0, 0], padding] if axis else [padding, [0, 0]])
    else:
        ids, mask = shortlist.select(source, size)
        bias = tf.gather(bias, ids)
        word_bias = tf.repeat((mask + bias)[:, tf.newaxis], beams, 1)
        kernel = tf.gather(kernel, ids, axis=axis)
    if axis == 0:  # once: a product with a transposed right side takes three times as long on a CPU
        kernel = tf.transpose(kernel)

    def logits(readout: tf.Tensor, word_bias: tf.Tensor) -> tf.Tensor:
        scores = tf.cast(tf.matmul(readout, kernel), tf.float32)
        if shortlist is None:
            return scores + bias
        scores = tf.reshape(scores, tf.shape(word_bias)) + word_bias  # (batch, beams, words)
        return tf.reshape(scores, [-1, tf.shape(scores)[-1]])

    return ids, word_bias, logits


def log_normaliser(logits: tf.Tensor) -> tf.Tensor:
    """The logarithm of Σ exp(logits): float32 (…, words) → (…).

    As max - log(max softmax), which on a CPU takes two thirds of the time of
    ``tf.reduce_logsumexp``.
    """
    likeliest = tf.reduce_max(tf.nn.softmax(logits), -1)
    return tf.reduce_max(logits, -1) - tf.math.log(likeliest)

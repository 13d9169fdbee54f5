"""A short list of the words that a sentence's translation may use, instead of all of them."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

NEVER = -1e9  # log-probability of what must not be chosen
BLOCK = 64  # the words whose logits a search computes are a multiple of so many


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
            The ids of all its lists, ascending, with zeros behind to a multiple of `BLOCK`,
            shape (words,); and for each sentence 0 where a word is on its own list and `NEVER`
            where not, float32, shape (batch, words).
        """
        batch = tf.shape(source)[0]
        own = tf.reshape(tf.gather(self.candidates, source), [batch, -1])
        own = tf.concat([own, tf.tile(self.common[tf.newaxis], [batch, 1])], 1)
        places = tf.reshape(own + tf.range(batch)[:, tf.newaxis] * target_size, [-1, 1])
        counts = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [batch * target_size])
        lists = tf.reshape(counts > 0, [batch, target_size])
        words = tf.where(tf.reduce_any(lists, 0))[:, 0]
        behind = [[0, -tf.size(words) % BLOCK]]
        allowed = tf.where(tf.gather(lists, words, axis=1), 0.0, NEVER)
        allowed = tf.pad(allowed, [[0, 0], *behind], constant_values=NEVER)
        return tf.pad(tf.cast(words, tf.int32), behind), allowed

"""What a hypothesis must not go on with: an end that comes too soon, an n-gram that it has had."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.shortlist import NEVER
from nmt.vocabulary.special import EOS


class Constraints(NamedTuple):
    """The defaults forbid nothing, and then nothing is added to a search's graph.

    A constraint rules words out of the choice. It does not change their probabilities: the
    score of what is found stays that of the model. Where nothing is left to go on with, the
    translation ends.

    Attributes:
        least: fewest tokens of each translation, EOS not counted, int32, shape (batch,), or ()
            for no such limit.
        no_repeat_ngram: no n-gram of this size occurs twice in a translation; 0 is off
            (Paulus et al. 2017, arXiv 1705.04304, section 2.5, for any n).
    """

    least: tf.Tensor | tuple[()] = ()
    no_repeat_ngram: int = 0

    def restrict(
        self, logits: tf.Tensor, words: tf.Tensor, history: tf.Tensor, target_size: int
    ) -> tf.Tensor:
        """Logits to choose the next word by, with `NEVER` added to what is forbidden.

        Args:
            logits: of the next word, shape (rows, words); rows are batch · beams.
            words: the ids that they belong to, shape (words,).
            history: the words of each row so far, shape (rows, length).
            target_size: entries of the target vocabulary.
        """
        limited, offered = not isinstance(self.least, tuple), logits
        if limited:
            beams = tf.shape(logits)[0] // tf.size(self.least)
            early = tf.repeat(tf.shape(history)[1] < self.least, beams)
            ends = tf.where(words == EOS, NEVER, 0.0)
            offered += tf.where(early[:, tf.newaxis], ends, 0.0)
        if self.no_repeat_ngram:
            repeated = _repeated(history, self.no_repeat_ngram, target_size)
            offered += tf.gather(repeated, words, axis=1)
        if limited and self.no_repeat_ngram:
            nothing = tf.reduce_max(offered, 1, keepdims=True) < NEVER / 2
            offered = tf.where(nothing & (words == EOS), logits, offered)
        return offered


def _repeated(history: tf.Tensor, n: int, target_size: int) -> tf.Tensor:
    """`NEVER` for the words with which the last n-gram would be an earlier one.

    Returns:
        float32, shape (rows, target_size).
    """
    rows, length = tf.shape(history)[0], tf.shape(history)[1]
    count = tf.maximum(length - n + 1, 0)  # earlier n-grams
    same = tf.fill([rows, count], True)
    for k in range(n - 1):
        last = length - n + 1 + k
        same &= history[:, k : k + count] == history[:, last : last + 1]
    ends = history[:, n - 1 : n - 1 + count]
    places = tf.stack([tf.broadcast_to(tf.range(rows)[:, tf.newaxis], tf.shape(ends)), ends], -1)
    return tf.scatter_nd(places, tf.where(same, NEVER, 0.0), [rows, target_size])

"""Words that must not come next: an end that is too early, a repetition of an n-gram."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.output import NEG_INF
from nmt.vocabulary.special import EOS


class Constraints(NamedTuple):
    """Constraints on a hypothesis. The defaults rule nothing out and add nothing to the graph.

    A constraint rules words out. It does not change their probabilities: the score of a hypothesis
    stays that of the model. If no word is left, the translation ends.

    Attributes:
        min_length: fewest tokens of each translation, EOS not counted, int32, shape (batch,), or ()
            for no such limit.
        no_repeat_ngram: no n-gram of this size occurs twice in a translation; 0 is off
            (Paulus et al. 2017, arXiv 1705.04304, section 2.5, for any n).
    """

    min_length: tf.Tensor | tuple[()] = ()
    no_repeat_ngram: int = 0

    def restrict(
        self, logits: tf.Tensor, words: tf.Tensor, history: tf.Tensor, target_size: int
    ) -> tf.Tensor:
        """Masked logits to choose the next word by: `NEG_INF` is added where a word is ruled out.

        Args:
            logits: of the next word, shape (rows, words); rows are batch · beams.
            words: their ids, shape (words,).
            history: the words of each row so far, shape (rows, length).
            target_size: entries of the target vocabulary.
        """
        limited, masked_logits = not isinstance(self.min_length, tuple), logits
        if limited:
            beams = tf.shape(logits)[0] // tf.size(self.min_length)
            early = tf.repeat(tf.shape(history)[1] < self.min_length, beams)
            ends = tf.where(words == EOS, NEG_INF, 0.0)
            masked_logits += tf.where(early[:, tf.newaxis], ends, 0.0)
        if self.no_repeat_ngram:
            repeated = _repeated(history, self.no_repeat_ngram, target_size)
            masked_logits += tf.gather(repeated, words, axis=1)
        if limited and self.no_repeat_ngram:
            none_left = tf.reduce_max(masked_logits, 1, keepdims=True) < NEG_INF / 2
            masked_logits = tf.where(none_left & (words == EOS), logits, masked_logits)
        return masked_logits


def _repeated(history: tf.Tensor, n: int, target_size: int) -> tf.Tensor:
    """`NEG_INF` for the words with which the last n-gram would be an earlier one.

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
    return tf.scatter_nd(places, tf.where(same, NEG_INF, 0.0), [rows, target_size])

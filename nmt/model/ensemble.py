"""Several models that decode together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from nmt.model.output import Shortlist, log_normaliser
from nmt.model.seq2seq import Decoding, Seq2Seq


class Ensemble:
    """Models of the same vocabularies, searched as if they were one.

    The probability of the next word is the mean of the models' probabilities (Sutskever et al.
    2014, arXiv 1409.3215); the attention is the mean over the models that have one. The state is
    the models' states side by side.

    Args:
        models: at least one; their sizes may differ, not their vocabularies.
    """

    def __init__(self, models: Sequence[Seq2Seq]) -> None:
        self.models = tuple(models)
        self.target_size: int = self.models[0].target_size
        self.attends = any(model.attends for model in self.models)

    def begin(
        self,
        source: tf.Tensor,
        banned: tuple[int, ...] = (),
        shortlist: Shortlist | None = None,
        beams: int = 1,
    ) -> tuple[Decoding, tf.Tensor]:
        """See `Seq2Seq.begin`; the logits are the logarithms of the mean probabilities."""
        decodings, first_states = zip(
            *(model.begin(source, banned, shortlist, beams) for model in self.models), strict=True
        )
        sizes = [state.shape[-1] for state in first_states]

        def step(words: tf.Tensor, state: tf.Tensor, sentences: Any) -> Any:
            states = tf.split(state, sizes, -1)
            steps = [
                decoding.step(words, *own)
                for decoding, *own in zip(decodings, states, sentences, strict=True)
            ]
            logits, states, attention = zip(*steps, strict=True)
            scores = tf.stack([x - log_normaliser(x)[:, tf.newaxis] for x in logits])
            mean = tf.reduce_logsumexp(scores, 0) - math.log(len(self.models))
            attending = [weights for weights in attention if weights.shape[-1] != 0]
            weights = tf.add_n(attending) / len(attending) if attending else attention[0]
            return mean, tf.concat(states, -1), weights

        sentences = tuple(decoding.sentences for decoding in decodings)
        return Decoding(decodings[0].ids, sentences, step), tf.concat(first_states, -1)

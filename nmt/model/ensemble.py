"""Several models that decode together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from nmt.model.probabilities import log_normaliser
from nmt.model.seq2seq import Decoding, Seq2Seq
from nmt.model.shortlist import Shortlist


class Ensemble:
    """Models of the same vocabularies, searched as if they were one.

    The probability of the next word is the mean of the models' probabilities (Sutskever et al.
    2014, arXiv 1409.3215); the attention is the mean over the models that have one. The state is
    the models' states side by side, and in `Decoding` the fields are tuples over the models,
    except `words`.

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
        """See `Seq2Seq.begin`."""
        begun = [model.begin(source, banned, shortlist, beams) for model in self.models]
        decodings, states = zip(*begun, strict=True)
        fields = Decoding._make(zip(*decodings, strict=True))
        return fields._replace(words=decodings[0].words), tf.concat(states, -1)

    def step(
        self, words: tf.Tensor, state: tf.Tensor, decoding: Decoding
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """See `Seq2Seq.step`; the logits are the logarithms of the mean probabilities."""
        states = tf.split(state, [model.decoder.state_size for model in self.models], -1)
        logarithms, after, looked = [], [], []
        for i, model in enumerate(self.models):
            fields = {name: getattr(decoding, name)[i] for name in _OWN}
            logits, new, weights = model.step(words, states[i], decoding._replace(**fields))
            logarithms.append(logits - log_normaliser(logits)[:, tf.newaxis])
            after.append(new)
            if model.attends:
                looked.append(weights)
        mean = tf.reduce_logsumexp(tf.stack(logarithms), 0) - math.log(len(self.models))
        weights = tf.add_n(looked) / len(looked) if looked else weights
        return mean, tf.concat(after, -1), weights


_OWN = tuple(name for name in Decoding._fields if name != "words")

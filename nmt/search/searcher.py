"""The searches and the forced decoder as compiled graphs around one model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.model.seq2seq import Seq2Seq
from nmt.model.shortlist import Shortlist
from nmt.search.beam import beam_search
from nmt.search.greedy import greedy_search
from nmt.search.hypotheses import Hypotheses
from nmt.settings import SearchSettings
from nmt.vocabulary.lexicon import Lexicon
from nmt.vocabulary.special import BOS, EOS, PAD

_IDS = tf.TensorSpec([None, None], tf.int32)
_LIMITS = tf.TensorSpec([None], tf.int32)


class Searcher:
    """Decode batches of ids with one model; every function is traced once.

    Args:
        model: the trained model.
        settings: beam size, length penalty, length limits.
        banned: ids that are never chosen.
        lexicon: what `settings.shortlist` is taken from; where that is 0, it may be None.
    """

    def __init__(
        self,
        model: Seq2Seq,
        settings: SearchSettings,
        banned: tuple[int, ...] = (PAD, BOS),
        lexicon: Lexicon | None = None,
    ) -> None:
        self.settings = settings
        shortlist = _shortlist(settings, lexicon)

        @tf.function(input_signature=[_IDS, _LIMITS])
        def search(source: tf.Tensor, limits: tf.Tensor) -> Hypotheses:
            if settings.beam_size == 1:
                return greedy_search(model, source, limits, banned, shortlist)
            beam, alpha = settings.beam_size, settings.length_penalty
            return beam_search(model, source, limits, beam, alpha, banned, shortlist)

        @tf.function(input_signature=[_IDS, _IDS])
        def attend(source: tf.Tensor, target_inputs: tf.Tensor) -> tf.Tensor:
            memory, state = model.encode(source)
            return model.decoder(model.embedding(target_inputs), state, memory)[2]

        self._search, self._attend = search, attend

    def limits(self, source: tf.Tensor) -> tf.Tensor:
        """Most target tokens of each sentence, EOS included, from its own length."""
        lengths = tf.reduce_sum(tf.cast(source != PAD, tf.float32), 1) - 1.0
        limits = self.settings.max_length_ratio * lengths + self.settings.max_length_extra
        return tf.cast(limits, tf.int32) + 1

    def search(self, source: tf.Tensor) -> Hypotheses:
        """Translate source ids that end with EOS, shape (batch, source)."""
        source = tf.convert_to_tensor(source, tf.int32)
        return self._search(source, self.limits(source))

    def attend(self, source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Attention weights of given translations (forced decoding).

        Args:
            source: ids that end with EOS, shape (batch, source).
            target: ids without BOS, with or without EOS, shape (batch, target).

        Returns:
            Row t holds where the model looked when it produced target token t, shape
            (batch, target, source); without attention (batch, target, 0).
        """
        target = tf.convert_to_tensor(target, tf.int32)
        inputs = tf.pad(target, [[0, 0], [1, 0]], constant_values=BOS)[:, :-1]
        return self._attend(tf.convert_to_tensor(source, tf.int32), inputs)


def _shortlist(settings: SearchSettings, lexicon: Lexicon | None) -> Shortlist | None:
    if not settings.shortlist:
        return None
    if lexicon is None:
        raise UnusableInput(
            "search.shortlist needs a lexicon, and the model was saved without one; train it "
            "again, or leave the setting out"
        )
    common = np.append(lexicon.frequent[: settings.shortlist_common], np.int32(EOS))
    return Shortlist(
        tf.constant(lexicon.candidates[:, : settings.shortlist]), tf.constant(np.unique(common))
    )

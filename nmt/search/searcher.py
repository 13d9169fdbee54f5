"""The searches and the forced decoder as compiled graphs around one model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from nmt.errors import UnusableInput
from nmt.model.ensemble import Ensemble
from nmt.model.output import Shortlist
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam import beam_search
from nmt.search.constraints import Constraints
from nmt.search.forced import Forced, force
from nmt.search.greedy import greedy_search
from nmt.search.hypotheses import Hypotheses
from nmt.search.sampling import Sampling, random_numbers
from nmt.settings import SearchSettings, check_search
from nmt.vocabulary.lexicon import Lexicon
from nmt.vocabulary.special import BOS, EOS, PAD

_IDS = tf.TensorSpec([None, None], tf.int32)
_LIMITS = tf.TensorSpec([None], tf.int32)
_NUMBERS = tf.TensorSpec([None, None], tf.float32)


class Searcher:
    """Decode batches of ids with one model; every function is traced once.

    Args:
        model: the trained model, or an ensemble.
        settings: of the search. What they turn off is not in the graph.
        banned: ids that get no probability.
        lexicon: source of the shortlist; may be None if `settings.shortlist` is 0.

    Raises:
        UnusableInput: settings that contradict each other or do not fit the model.
    """

    def __init__(
        self,
        model: Seq2Seq | Ensemble,
        settings: SearchSettings,
        banned: tuple[int, ...] = (PAD, BOS),
        lexicon: Lexicon | None = None,
    ) -> None:
        check_search(settings)
        beta = settings.coverage_penalty if settings.beam_size > 1 else 0.0
        if beta and not model.attends:
            raise UnusableInput(
                "search.coverage_penalty needs attention, and the model has none "
                "(model.attention=none); leave the setting out"
            )
        self.settings = settings
        shortlist = _shortlist(settings, lexicon)
        sampling = None
        if settings.temperature:
            sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)

        @tf.function(input_signature=[_IDS, _LIMITS, *([_NUMBERS] if sampling else [])])
        def search(source: tf.Tensor, limits: tf.Tensor, *numbers: tf.Tensor) -> Hypotheses:
            shared = banned, shortlist, Constraints(self._min_length(source, limits), no_repeat)
            if settings.beam_size == 1:
                return greedy_search(model, source, limits, *shared, sampling, *numbers)
            beam, alpha = settings.beam_size, settings.length_penalty
            n_best = settings.n_best > 1
            return beam_search(model, source, limits, beam, alpha, *shared, beta, n_best)

        @tf.function(input_signature=[_IDS, _IDS])
        def forced(source: tf.Tensor, target: tf.Tensor) -> Forced:
            return force(model, source, target, banned)

        @tf.function(input_signature=[_IDS, _IDS])
        def forced_with_all(source: tf.Tensor, target: tf.Tensor) -> Forced:
            return force(model, source, target)

        no_repeat = settings.no_repeat_ngram
        self._search, self._forced, self._forced_with_all = search, forced, forced_with_all
        self._banned = [word for word in banned if word not in (PAD, BOS)]

    def limits(self, source: tf.Tensor) -> tf.Tensor:
        """Most target tokens of each sentence, EOS included, from its own length."""
        limits = self.settings.max_length_ratio * _lengths(source) + self.settings.max_length_extra
        return tf.cast(limits, tf.int32) + 1

    def _min_length(self, source: tf.Tensor, limits: tf.Tensor) -> tf.Tensor | tuple[()]:
        """Fewest target tokens of each sentence, without EOS; within its limit."""
        settings = self.settings
        if not settings.min_length and not settings.min_length_ratio:
            return ()
        ratio = settings.min_length_ratio * _lengths(source)
        fewest = tf.cast(tf.math.ceil(ratio - 1e-3), tf.int32)  # 0.1 · 30 is a little above 3
        return tf.minimum(tf.maximum(fewest, settings.min_length), limits - 1)

    def search(self, source: tf.Tensor | np.ndarray) -> Hypotheses:
        """Translate source ids that end with EOS, shape (batch, source)."""
        ids = tf.convert_to_tensor(source, tf.int32)
        limits = self.limits(ids)
        if not self.settings.temperature:
            return self._search(ids, limits)
        numbers = random_numbers(ids.numpy(), limits.numpy(), self.settings.seed)
        return self._search(ids, limits, numbers)

    def force(self, source: tf.Tensor | np.ndarray, target: tf.Tensor | np.ndarray) -> Forced:
        """Score translations and return the attention along them.

        A token has the probability that the search would give it; a translation with an id that
        the search never chooses is scored with all ids allowed.

        Args:
            source: ids that end with EOS, shape (batch, source).
            target: ids without BOS, with or without EOS, shape (batch, target).
        """
        source, target = (tf.convert_to_tensor(ids, tf.int32) for ids in (source, target))
        result = self._forced(source, target)
        banned = np.isin(target.numpy(), self._banned).any(axis=1, keepdims=True)
        if not banned.any():
            return result
        with_all = self._forced_with_all(source, target).log_probabilities
        scores = tf.where(banned, with_all, result.log_probabilities)
        return result._replace(log_probabilities=scores)


def _lengths(source: tf.Tensor) -> tf.Tensor:
    """Tokens of each sentence without its EOS, float32, shape (batch,)."""
    return tf.reduce_sum(tf.cast(source != PAD, tf.float32), 1) - 1.0


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

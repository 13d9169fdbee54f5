"""The searches and the forced decoding with one model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.errors import UnusableInput
from nmt.search.beam import beam_search
from nmt.search.constraints import Constraints, Shortlist, all_words
from nmt.search.greedy import greedy_search
from nmt.search.runtime import Hypotheses, OutputWords, Runtime
from nmt.search.sampling import Sampling, random_numbers
from nmt.settings import SearchSettings, check_search
from nmt.vocabulary.base import BOS, EOS, PAD
from nmt.vocabulary.lexicon import Lexicon


class Forced(NamedTuple):
    """Scores and attention of translations.

    Attributes:
        log_probabilities: of each target token after those before it, in nats, shape
            (batch, target); 0 in padding.
        attention: row t holds the weights for the prediction of target token t, shape
            (batch, target, source); without attention (batch, target, 0).
    """

    log_probabilities: np.ndarray
    attention: np.ndarray


def force(runtime: Runtime, source: np.ndarray, target: np.ndarray, words: OutputWords) -> Forced:
    """Score translations step by step.

    Each token has the probability that a search with the same words would give it.

    Args:
        runtime: the model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        target: ids without BOS, with or without EOS, padded with 0, shape (batch, target).
        words: all words, and which of them are banned.
    """
    decoding = runtime.begin(source, words)
    rows = np.arange(len(source), dtype=np.int32)
    inputs = np.pad(target, [(0, 0), (1, 0)], constant_values=BOS)
    width = source.shape[1] if runtime.attends else 0
    scores = np.zeros(target.shape, np.float32)
    attention = np.zeros((*target.shape, width), np.float32)
    for t in range(target.shape[1]):
        scores[:, t], weights = decoding.score(inputs[:, t], rows, target[:, t])
        attention[:, t] = weights[:, 0]
    return Forced(np.where(target == PAD, np.float32(0), scores), attention)


class Searcher:
    """Decode batches of ids with one model.

    Args:
        runtime: the model.
        settings: of the search.
        banned: ids that get no probability.
        lexicon: source of the shortlist; may be None without one.

    Raises:
        UnusableInput: settings that contradict each other or do not fit the model.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: SearchSettings,
        banned: tuple[int, ...] = (PAD, BOS),
        lexicon: Lexicon | None = None,
    ) -> None:
        check_search(settings)
        self._beta = settings.coverage_penalty if settings.beam_size > 1 else 0.0
        if self._beta and not runtime.attends:
            raise UnusableInput(
                "search.coverage_penalty needs attention, and the model has none "
                "(model.attention=none); leave the setting out"
            )
        self.settings, self._runtime, self._banned = settings, runtime, banned
        self._shortlist = _shortlist(settings, lexicon)
        self._sampling = None
        if settings.temperature:
            self._sampling = Sampling(settings.temperature, settings.top_k, settings.top_p)

    def limits(self, source: np.ndarray) -> np.ndarray:
        """Most target tokens of each sentence, EOS included, from its own length."""
        ratio, extra = self.settings.max_length_ratio, self.settings.max_length_extra
        return (np.float32(ratio) * _lengths(source) + np.float32(extra)).astype(np.int32) + 1

    def _min_length(self, source: np.ndarray, limits: np.ndarray) -> np.ndarray | None:
        """Fewest target tokens of each sentence, without EOS; within its limit."""
        settings = self.settings
        if not settings.min_length and not settings.min_length_ratio:
            return None
        ratio = np.float32(settings.min_length_ratio) * _lengths(source)
        fewest = np.ceil(ratio - 1e-3).astype(np.int32)  # 0.1 · 30 is a little above 3
        return np.minimum(np.maximum(fewest, settings.min_length), limits - 1)

    @np.errstate(all="ignore")  # NumPy's own rules, whatever the process has set
    def search(self, source: np.ndarray) -> Hypotheses:
        """Translate source ids that end with EOS, shape (batch, source)."""
        source, settings = np.asarray(source, np.int32), self.settings
        limits = self.limits(source)
        constraints = Constraints(self._min_length(source, limits), settings.no_repeat_ngram)
        batch = self._runtime, source, limits
        if settings.beam_size > 1:
            beam, alpha = settings.beam_size, settings.length_penalty
            shared = self._words(source), constraints
            return beam_search(*batch, beam, alpha, *shared, self._beta, settings.n_best > 1)
        numbers = None
        if self._sampling is not None:
            numbers = random_numbers(source, limits, settings.seed)
        return greedy_search(*batch, self._words(source), constraints, self._sampling, numbers)

    def _words(self, source: np.ndarray) -> OutputWords:
        size = self._runtime.target_size
        if self._shortlist is None:
            return all_words(size, self._banned)
        return self._shortlist.words(source, size, self._banned)

    @np.errstate(all="ignore")
    def force(self, source: np.ndarray, target: np.ndarray) -> Forced:
        """Score translations and return the attention along them.

        A token has the probability that the search would give it; a translation with an id that
        the search never chooses is scored with all ids allowed.

        Args:
            source: ids that end with EOS, shape (batch, source).
            target: ids without BOS, with or without EOS, shape (batch, target).
        """
        source, target = (np.asarray(ids, np.int32) for ids in (source, target))
        size = self._runtime.target_size
        result = force(self._runtime, source, target, all_words(size, self._banned))
        never = [word for word in self._banned if word not in (PAD, BOS)]
        banned = np.isin(target, never).any(axis=1, keepdims=True)
        if not banned.any():
            return result
        unlimited = force(self._runtime, source, target, all_words(size, (PAD, BOS)))
        scores = np.where(banned, unlimited.log_probabilities, result.log_probabilities)
        return result._replace(log_probabilities=scores)


def _lengths(source: np.ndarray) -> np.ndarray:
    """Tokens of each sentence without its EOS, float32, shape (batch,)."""
    return (source != PAD).sum(1, dtype=np.float32) - 1


def _shortlist(settings: SearchSettings, lexicon: Lexicon | None) -> Shortlist | None:
    if not settings.has_shortlist:
        return None
    if lexicon is None:
        raise UnusableInput(
            "search.shortlist needs a lexicon, and the model was saved without one; train it "
            "again, or leave the setting out"
        )
    common = np.append(lexicon.frequent[: settings.shortlist_common], np.int32(EOS))
    return Shortlist(lexicon.candidates[:, : settings.shortlist], np.unique(common))

"""Beam search, whose hypotheses are compared with a length and a coverage penalty."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nmt.search.constraints import Constraints, count
from nmt.search.runtime import NEG_INF, AttentionLog, Hypotheses, OutputWords, Runtime
from nmt.vocabulary.base import BOS, EOS, PAD

_EPSILON = np.float32(1e-9)  # keeps the logarithm of no attention at all finite
_ENDED = 32  # where one sentence of so many is done, the others go on without it


def length_penalty(length: np.ndarray | int, alpha: float) -> np.ndarray:
    """((5 + length) / 6)^α of Wu et al. 2016 (arXiv 1609.08144), section 7.

    Args:
        length: number of target tokens, EOS included, any shape.
        alpha: 0 compares plain log-probabilities; larger favours longer hypotheses.
    """
    return np.asarray(((5 + np.asarray(length)) / 6) ** alpha, np.float32)


def coverage_penalty(coverage: np.ndarray, tokens: np.ndarray, beta: float) -> np.ndarray:
    """β · Σᵢ log(min(Σⱼ p_ij, 1)) of Wu et al. 2016, equation 14; never above 0.

    Args:
        coverage: sum of the attention weights of each source token i over the target tokens j,
            EOS included, shape (batch, hypotheses, source).
        tokens: 1 for source tokens, 0 for EOS and padding, float, shape (batch, source).
        beta: larger favours hypotheses that attend to every source token.

    Returns:
        Shape (batch, hypotheses), to be added to log-probability over length penalty.
    """
    logarithms = np.log(np.clip(coverage, _EPSILON, 1))
    return np.float32(beta) * (logarithms * tokens[:, np.newaxis]).sum(-1)


def beam_search(
    runtime: Runtime,
    source: np.ndarray,
    limits: np.ndarray,
    beam_size: int,
    alpha: float,
    words: OutputWords,
    constraints: Constraints = Constraints(),
    beta: float = 0.0,
    n_best: bool = False,
) -> Hypotheses:
    """Decode a batch with `beam_size` live hypotheses of each sentence.

    Every step considers the best 2 · beam continuations. Those among the first `beam` that end are
    finished; the best that do not end stay live. A sentence is done when it has `beam` finished
    hypotheses of which one is better than all live ones, or at its limit, where the live ones
    count as finished too. (A count alone is not enough: under a confident model, poor hypotheses
    that end early fill it before the good one ends.) The best hypothesis has the best
    log-probability over `length_penalty`, plus `coverage_penalty`. As that is never above 0, it
    cannot improve a live hypothesis. With a beam of 1 this is greedy search. The beams of a
    sentence share its encoder states; only states, words and coverage are reordered. Sentences
    that are done leave the batch.

    Args:
        runtime: the model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        beam_size: live hypotheses, at least 1.
        alpha: the length penalty's exponent.
        words: what the translations may use.
        constraints: further words to rule out.
        beta: the coverage penalty's factor; for a model with attention.
        n_best: return all finished hypotheses, too.
    """
    decoding = runtime.begin(source, words)
    batch, attention = len(source), AttentionLog()
    pools = [_Pool(beam_size) for _ in range(batch)]
    beam = _Beam.first(source, limits, beam_size, beta)
    parents = np.repeat(np.arange(batch, dtype=np.int32), beam_size)
    while not beam.done.all():
        if _ENDED * beam.done.sum() >= len(beam.done):
            going_on = np.flatnonzero(~beam.done)
            decoding.keep(going_on)
            beam, words = beam.of(going_on), words.of(going_on)
            constraints = constraints.of(going_on)
            parents = parents.reshape(-1, beam_size)[going_on].reshape(-1)
        length = beam.trail.shape[2] + 1
        ruled_out = None
        if constraints.apply(length - 1):
            history = beam.trail[..., 0].reshape(len(parents), -1)
            ruled_out = constraints.ruled_out(history, words, runtime.target_size)
        k = 2 * beam_size + count(ruled_out, len(beam.done))
        step = decoding.candidates(beam.words.reshape(-1), parents, beam.live, k)
        attention.add(beam.sentences, step.attention)
        step = step.without(ruled_out, 2 * beam_size)
        choices, scores, origin = step.ids, step.scores, step.beams
        ends, last = choices == EOS, length >= beam.limits
        trail = np.take_along_axis(beam.trail, origin[:, :, np.newaxis, np.newaxis], 1)
        newest = np.stack([choices, origin], -1)[:, :, np.newaxis]
        trail = np.concatenate([trail, newest], 2)
        penalty, coverage = length_penalty(length, alpha), beam.coverage
        ranking = scores / penalty
        if beta:
            coverage = coverage + step.attention
            coverage = np.take_along_axis(coverage, origin[..., np.newaxis], 1)
            ranking = ranking + coverage_penalty(coverage, beam.tokens, beta)
        finished = (ends | last[:, np.newaxis]) & ~beam.done[:, np.newaxis]
        finished[:, beam_size:] = False
        finished &= scores > NEG_INF / 2
        for row, place in zip(*np.nonzero(finished), strict=True):
            pool = pools[beam.sentences[row]]
            pool.add(ranking[row, place], scores[row, place], trail[row, place])
        going = scores + np.where(ends, NEG_INF, np.float32(0))
        best = np.argsort(-going, axis=1, kind="stable")[:, :beam_size]
        live = np.take_along_axis(going, best, 1)
        own = [pools[sentence] for sentence in beam.sentences]
        cannot_improve = live[:, 0] / penalty <= [pool.best for pool in own]
        full = [pool.count >= beam_size for pool in own]
        places = np.arange(len(best))[:, np.newaxis]
        beam = _Beam(
            sentences=beam.sentences,
            words=choices[places, best],
            live=live,
            trail=trail[places, best],
            coverage=coverage[places, best] if beta else coverage,
            tokens=beam.tokens,
            limits=beam.limits,
            done=beam.done | last | (cannot_improve & full),
        )
        rows = places * beam_size + origin[places, best]
        parents = rows.reshape(-1).astype(np.int32)
    return _results(pools, attention, n_best)


@dataclass
class _Beam:
    """The sentences under way; shape (n, beam, …).

    Attributes:
        sentences: their numbers in the batch, shape (n,).
        words: the last words.
        live: log-probabilities, best first.
        trail: all words so far, each beside the beam that chose it, shape (n, beam, length, 2). So
            the attention is stored once per step, and not reordered.
        coverage: sum of the attention weights of each source position over the beams' words, shape
            (n, beam, source); without coverage penalty (n, beam, 0).
        tokens: 1 for source tokens, 0 for EOS and padding, shape (n, source).
        limits: most tokens, shape (n,).
        done: whether the sentence has ended, shape (n,).
    """

    sentences: np.ndarray
    words: np.ndarray
    live: np.ndarray
    trail: np.ndarray
    coverage: np.ndarray
    tokens: np.ndarray
    limits: np.ndarray
    done: np.ndarray

    @classmethod
    def first(cls, source: np.ndarray, limits: np.ndarray, beam_size: int, beta: float) -> _Beam:
        """The beams of a batch, which begin alike, so only the first is alive."""
        batch, width = len(source), source.shape[1] if beta else 0
        live = np.full((batch, beam_size), NEG_INF)
        live[:, 0] = 0
        return cls(
            sentences=np.arange(batch),
            words=np.full((batch, beam_size), BOS, np.int32),
            live=live,
            trail=np.zeros((batch, beam_size, 0, 2), np.int32),
            coverage=np.zeros((batch, beam_size, width), np.float32),
            tokens=((source != PAD) & (source != EOS)).astype(np.float32),
            limits=limits,
            done=limits <= 0,
        )

    def of(self, places: np.ndarray) -> _Beam:
        """Those of some of the sentences."""
        return _Beam(**{name: value[places] for name, value in vars(self).items()})


@dataclass
class _Pool:
    """The finished hypotheses of a sentence, the best `size` of them.

    Attributes:
        size: how many are kept, at most.
        best: the best ranking.
        count: how many have finished.
    """

    size: int
    best: float = 2 * float(NEG_INF)
    count: int = 0
    _hypotheses: list[tuple[float, float, np.ndarray]] = field(default_factory=list)

    def add(self, ranking: float, total: float, trail: np.ndarray) -> None:
        """Add a hypothesis: what it is compared by, its log-probability, and its trail."""
        self.best, self.count = max(self.best, ranking), self.count + 1
        self._hypotheses.append((ranking, total, trail))
        if len(self._hypotheses) > 2 * self.size:
            self._hypotheses = self.ranked

    @property
    def ranked(self) -> list[tuple[float, float, np.ndarray]]:
        """Those that are kept, best first; of equal ones the first that finished."""
        return sorted(self._hypotheses, key=lambda one: -one[0])[: self.size]


def _results(pools: list[_Pool], attention: AttentionLog, n_best: bool) -> Hypotheses:
    """The best hypothesis of each sentence, and if requested all."""
    kept = max((pool.size for pool in pools), default=0) if n_best else 1
    shape = len(pools), kept
    most = max((len(trail) for pool in pools for *_, trail in pool.ranked[:kept]), default=0)
    ids, beams = np.full((*shape, most), PAD, np.int32), np.full((*shape, most), -1, np.int32)
    total, length = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    ranking = np.full(shape, 2 * NEG_INF)
    for row, pool in enumerate(pools):
        for place, (rank, score, trail) in enumerate(pool.ranked[:kept]):
            ranking[row, place], total[row, place], length[row, place] = rank, score, len(trail)
            ids[row, place, : len(trail)], beams[row, place, : len(trail)] = trail.T
    every = Hypotheses(ids, total, length, attention.along(beams), ranking)
    width = max(length[:, 0], default=0)
    return Hypotheses(
        ids=ids[:, 0, :width],
        log_probability=total[:, 0],
        length=length[:, 0],
        attention=every.attention[:, 0, :width],
        ranking=ranking[:, 0],
        n_best=every if n_best else None,
    )

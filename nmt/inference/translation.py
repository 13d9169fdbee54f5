"""What becomes of one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nmt.evaluation.alignment import Links, relinked, word_alignment, word_groups, word_weights
from nmt.vocabulary.base import spelled


@dataclass(frozen=True)
class Translation:
    """What became of one sentence.

    It is shown by its text, score and flags alone, and compared by all but `blocks`.

    Attributes:
        text: the translation, detokenised.
        score: log-probability a token, EOS included, in nats; 0 for an empty line.
        tokens: target tokens, without EOS.
        source_tokens: source tokens, without EOS.
        blocks: `attention` of each piece of the source sentence, in order (it is whole unless
            it is flagged as ``split``); None for a model without attention.
        source_words: for each source token the indices of its words in the cleaned source, as
            `nmt.segmentation` counts them; mostly one.
        target_words: for each target token the indices of its words in `text`.
        flags: ``empty``, ``truncated`` (cut off at the length limit), ``unk`` (unknown words, or
            bytes that form no character and were left out), ``unk_replaced`` (held unknown words,
            and source words or a dictionary's stand for them in `text`), ``split`` (too long to be
            translated at once), ``recased`` (the source is in capitals: translated as a sentence,
            and `text` written in capitals), ``multiline`` and ``markup`` (the source is no single
            sentence, see `nmt.inference.source_flags`).
        stored_words: for each word of the cleaned source its index in the source as it was given;
            None where cleaning changed nothing.
        ranking: what the search compares hypotheses by; only in `alternatives`.
        alternatives: with ``search.n_best``, the best translations with different texts, best
            first, this one included.
    """

    text: str
    score: float
    tokens: list[str] = field(repr=False)
    source_tokens: list[str] = field(repr=False)
    blocks: tuple[np.ndarray, ...] | None = field(repr=False, compare=False)
    source_words: list[range] = field(repr=False)
    target_words: list[range] = field(repr=False)
    flags: tuple[str, ...] = ()
    stored_words: tuple[int, ...] | None = field(default=None, repr=False)
    ranking: float | None = field(default=None, repr=False)
    alternatives: tuple[Translation, ...] = field(default=(), repr=False)

    @property
    def attention(self) -> np.ndarray | None:
        """The attention of each target token, shape (target tokens, source tokens).

        None for a model without attention. Rows sum to at most 1: the rest lies on the end of
        the source sentence. Of a split sentence, no piece looks at another.
        """
        if self.blocks is None or len(self.blocks) == 1:
            return self.blocks and self.blocks[0]
        matrix = np.zeros((len(self.tokens), len(self.source_tokens)), np.float32)
        row = column = 0
        for block in self.blocks:
            rows, columns = block.shape
            matrix[row : row + rows, column : column + columns] = block
            row, column = row + rows, column + columns
        return matrix

    @property
    def attention_entropy(self) -> float | None:
        """Mean over the target tokens of the entropy of their attention, in nats.

        The end of the source sentence is a place like any other, with what a row of `blocks` lacks
        to 1; so each row is a distribution, also one that lies on the end alone. That one has the
        entropy 0, for it is sharp; `coverage` shows that it saw no word. None where there is
        no attention or no token on either side.
        """
        if self.blocks is None or not (self.tokens and self.source_tokens):
            return None
        return sum(map(_entropy, self.blocks)) / len(self.tokens)

    @property
    def coverage(self) -> float | None:
        """Mean over the source tokens of the attention that each got in all, at most 1.

        It is 0 of an empty translation, and None where there is no attention or no source token.
        """
        if self.blocks is None or not self.source_tokens:
            return None
        total = sum(np.minimum(block.sum(0), 1.0).sum() for block in self.blocks)
        return float(total / len(self.source_tokens))

    @property
    def alignment(self) -> Links:
        """Links between words of the source as it was given and of `text`, by the strongest
        attention; see `word_alignment`. [] where there is no attention."""
        links = self.cleaned_alignment
        return links if self.stored_words is None else relinked(links, self.stored_words)

    @property
    def cleaned_alignment(self) -> Links:
        """The same, with the words of the cleaned source."""
        links: Links = []
        row = column = 0
        for block in self.blocks or ():  # no piece looks at another
            rows, columns = row + block.shape[0], column + block.shape[1]
            sources, targets = self.source_words[column:columns], self.target_words[row:rows]
            links += word_alignment(block, sources, targets)
            row, column = rows, columns
        return list(dict.fromkeys(links))  # a word that was cut lies in two pieces

    def heatmap(self, words: bool = False) -> tuple[np.ndarray, list[str], list[str]]:
        """What a heatmap of the attention shows: the weights, and the labels of both sides.

        Args:
            words: between whole words instead of tokens; see `word_weights`. A word is what
                its tokens spell.

        Returns:
            The weights, shape (target labels, source labels), source and target labels.
        """
        assert self.attention is not None, "a model without attention has none to draw"
        if not words:
            return self.attention, self.source_tokens, self.tokens
        weights, _, _ = word_weights(self.attention, self.source_words, self.target_words)
        sources = _spelled(self.source_tokens, self.source_words)
        return weights, sources, _spelled(self.tokens, self.target_words)


def _entropy(block: np.ndarray) -> float:
    """The entropies of the rows of a piece's attention, added up."""
    end = np.maximum(1.0 - block.sum(1, dtype=np.float64), 0.0)
    return -sum(float(np.vdot(p, np.log(np.maximum(p, 1e-12)))) for p in (block, end))


def _spelled(tokens: Sequence[str], words: Sequence[range]) -> list[str]:
    """The words that tokens spell, in the order of their indices."""
    groups, owners = word_groups(words)
    parts: list[list[str]] = [[] for _ in groups]
    for token, owner in zip(tokens, owners.tolist(), strict=True):
        parts[owner].append(token)
    return [spelled(part).strip() for part in parts]


EMPTY = Translation("", 0.0, [], [], None, [], [], ("empty",))


def different(n_best: Sequence[Translation], most: int) -> tuple[Translation, ...]:
    """The first of the translations of each text, in their order, at most so many."""
    first = {one.text: one for one in reversed(n_best)}
    return tuple([one for one in n_best if first[one.text] is one][:most])


@dataclass(frozen=True)
class Score:
    """How likely a given translation is to a model.

    Attributes:
        score: log-probability a token, EOS included, in nats.
        tokens: the translation's tokens, EOS included.
        log_probabilities: of each of them after those before it, in nats.
    """

    score: float
    tokens: list[str]
    log_probabilities: list[float]

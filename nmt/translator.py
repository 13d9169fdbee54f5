"""Text in, text out: a model with its vocabularies and a search."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from nmt.bundle import Bundle
from nmt.bundle import load as load_bundle
from nmt.corpus.cleaning import clean
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import Links, word_alignment, word_weights
from nmt.settings import DataSettings, SearchSettings
from nmt.storage import Location
from nmt.vocabulary.special import BLANK, BOS, EOS, PAD, UNK


@dataclass(frozen=True)
class Translation:
    """What became of one sentence.

    Attributes:
        text: the translation, detokenised.
        score: log-probability a token, EOS included, in nats; 0 for an empty line.
        tokens: target tokens, without EOS.
        source_tokens: source tokens, without EOS.
        attention: where each target token looked, shape (target tokens, source tokens); None
            for a model without attention. Rows sum to at most 1: the rest lies on the end of
            the source sentence.
        source_words: for each source token the index of its word in the cleaned source.
        target_words: for each target token the index of its word in `text`.
        flags: ``empty``, ``truncated`` (cut off at the length limit), ``unk`` (holds unknown
            words).
    """

    text: str
    score: float
    tokens: list[str]
    source_tokens: list[str]
    attention: np.ndarray | None
    source_words: list[int]
    target_words: list[int]
    flags: tuple[str, ...] = ()

    @property
    def attention_entropy(self) -> float | None:
        """Mean entropy of the rows of the attention, in nats; None where there is none."""
        if self.attention is None or not self.attention.size:
            return None
        logarithms = np.log(np.maximum(self.attention, 1e-12))
        return float(-np.vdot(self.attention, logarithms) / len(self.attention))

    @property
    def coverage(self) -> float | None:
        """Mean over the source tokens of the attention that each got in all, at most 1."""
        if self.attention is None or not self.attention.size:
            return None
        received = np.minimum(self.attention.sum(0), 1.0)
        return float(received.sum() / len(received))

    @property
    def alignment(self) -> Links:
        """One link a target word, by the strongest attention; [] where there is none."""
        if self.attention is None:
            return []
        return word_alignment(self.attention, self.source_words, self.target_words)

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


class Translator:
    """Translate with a loaded model.

    Args:
        bundle: the model with its vocabularies.
        search: default settings of the search.
        batch_size: sentences decoded together. Texts are sorted by length for that, and the
            results put back in order.
    """

    def __init__(
        self, bundle: Bundle, search: SearchSettings | None = None, batch_size: int = 64
    ) -> None:
        self.bundle = bundle
        self.search_settings = search or SearchSettings()
        self.batch_size = batch_size
        cleaning = bundle.info.get("data") or {}
        known = {key: cleaning[key] for key in DataSettings.model_fields if key in cleaning}
        self._cleaning = DataSettings.model_validate(known)
        self._searchers: dict[SearchSettings, object] = {}

    @property
    def model_id(self) -> str:
        """The id of the model in use."""
        return self.bundle.model_id

    def clean(self, text: str) -> str:
        """The text as the model sees it: cleaned as the training data were."""
        return clean(text, self._cleaning)

    def too_long(self, text: str) -> bool:
        """Whether a cleaned text has more tokens than ``search.max_source_length``."""
        limit = self.search_settings.max_source_length
        if len(text) <= limit:  # a token has at least one character
            return False
        return len(self.bundle.source_vocabulary.encode_ids([text])[0]) > limit

    def translate(
        self,
        texts: Sequence[str],
        *,
        beam_size: int | None = None,
        length_penalty: float | None = None,
    ) -> list[Translation]:
        """Translate sentences, in order.

        Args:
            texts: one sentence each; an empty or blank one is translated to an empty one.
            beam_size: 1 is greedy search; None takes the translator's setting.
            length_penalty: α of Wu et al. 2016; None takes the translator's setting.

        Raises:
            UnusableInput: a text of more than ``search.max_source_length`` tokens, or `texts`
                is a single string.
        """
        if isinstance(texts, str):
            raise UnusableInput("translate() takes a list of sentences; write [text]")
        settings = self._settings(beam_size, length_penalty)
        searcher = self._searcher(settings)
        results: list[Translation | None] = [None] * len(texts)
        for rows, source, segments in self._batches(texts, results):
            found = searcher.search(source)
            ids, totals = found.ids.numpy(), found.log_probability.numpy()
            lengths = found.length.numpy()
            weights = found.attention.numpy() if self.bundle.model.attends else None
            for i, row in enumerate(rows):
                words = ids[i, : lengths[i]].tolist()
                ended = bool(words) and words[-1] == EOS
                results[row] = self._result(
                    segments[i],
                    words[:-1] if ended else words,
                    totals[i] / max(1, lengths[i]),
                    _cut(weights, i, lengths[i] - ended, len(segments[i].ids)),
                    () if ended else ("truncated",),
                )
        return [result for result in results if result is not None]

    def force(self, texts: Sequence[str], references: Sequence[str]) -> list[Translation]:
        """Run the model along given translations (forced decoding).

        Args:
            texts: source sentences.
            references: a translation for each.

        Returns:
            The references as translations with the model's attention; `score` is nan, for the
            words were not the model's choice.
        """
        if len(texts) != len(references):
            raise UnusableInput(f"{len(texts)} texts, but {len(references)} references")
        searcher = self._searcher(self.search_settings)
        vocabulary = self.bundle.target_vocabulary
        targets = [vocabulary.encode(self.clean(reference)) for reference in references]
        results: list[Translation | None] = [None] * len(texts)
        for rows, source, segments in self._batches(texts, results):
            width = max(1, *(len(targets[row].ids) for row in rows), 1)
            ids = np.full((len(rows), width), PAD, np.int32)
            for i, row in enumerate(rows):
                ids[i, : len(targets[row].ids)] = targets[row].ids
            weights = searcher.attend(source, ids).numpy() if self.bundle.model.attends else None
            for i, row in enumerate(rows):
                source_segment, target = segments[i], targets[row]
                results[row] = Translation(
                    text=references[row],
                    score=float("nan"),
                    tokens=target.tokens,
                    source_tokens=source_segment.tokens,
                    attention=_cut(weights, i, len(target.ids), len(source_segment.ids)),
                    source_words=source_segment.words,
                    target_words=target.words,
                )
        return [result for result in results if result is not None]

    def plot_attention(
        self,
        text: str,
        path: str | os.PathLike[str],
        reference: str | None = None,
        words: bool = False,
    ) -> Translation:
        """Draw where the model looked while it translated one sentence.

        Args:
            text: the source sentence.
            path: PNG file or URI to write.
            reference: draw the attention along this translation instead of the model's own.
            words: show whole words instead of subwords.

        Raises:
            UnusableInput: the model has no attention, or the text is blank.
        """
        results = self.force([text], [reference]) if reference else self.translate([text])
        image = _draw(text, results[0], words, caption="reference" if reference else "")
        Location(path).write_bytes(image)
        return results[0]

    def plot_attentions(
        self, texts: Sequence[str], path: str | os.PathLike[str], words: bool = False
    ) -> list[Translation]:
        """Draw where the model looked while it translated sentences, many on a page.

        Args:
            texts: the source sentences.
            path: PDF file or URI to write.
            words: show whole words instead of subwords.

        Raises:
            UnusableInput: the model has no attention, or a text is blank.
        """
        from nmt.report.sheet import contact_sheet

        results = self.translate(texts)
        drawn = [_draw(text, result, words) for text, result in zip(texts, results, strict=True)]
        Location(path).write_bytes(contact_sheet(drawn))
        return results

    def _settings(self, beam_size: int | None, length_penalty: float | None) -> SearchSettings:
        given = {"beam_size": beam_size, "length_penalty": length_penalty}
        values = {key: value for key, value in given.items() if value is not None}
        try:
            return SearchSettings.model_validate({**self.search_settings.model_dump(), **values})
        except ValidationError as error:
            first = error.errors()[0]
            raise UnusableInput(
                f"{first['loc'][0]}: {first['msg'].lower()}, not {first['input']!r}"
            ) from None

    def _searcher(self, settings: SearchSettings):
        from nmt.search.searcher import Searcher

        if settings not in self._searchers:
            # Subwords can spell any word of the training set, so UNK would only lose.
            spelled = self.bundle.target_vocabulary.kind == "spm"
            banned = (PAD, BOS, UNK) if spelled else (PAD, BOS)
            self._searchers[settings] = Searcher(
                self.bundle.model, settings, banned, self.bundle.lexicon
            )
        return self._searchers[settings]

    def _batches(
        self, texts: Sequence[str], results: list[Translation | None]
    ) -> Iterator[tuple[list[int], np.ndarray, list]]:
        """Batches of texts of like length; what holds nothing to translate is settled here."""
        cleaned = [self.clean(text) for text in texts]
        segments = [self.bundle.source_vocabulary.encode(text) for text in cleaned]
        limit = self.search_settings.max_source_length
        waiting = []
        for row, segment in enumerate(segments):
            if not segment.ids:
                results[row] = Translation("", 0.0, [], [], None, [], [], ("empty",))
            elif len(segment.ids) > limit:
                raise UnusableInput(
                    f"sentence {row} has {len(segment.ids)} tokens, more than "
                    f"search.max_source_length={limit}; split it or raise the limit"
                )
            else:
                waiting.append(row)
        waiting.sort(key=lambda row: len(segments[row].ids))
        for start in range(0, len(waiting), self.batch_size):
            rows = waiting[start : start + self.batch_size]
            width = len(segments[rows[-1]].ids) + 1
            source = np.full((len(rows), width), PAD, np.int32)
            for i, row in enumerate(rows):
                ids = segments[row].ids
                source[i, : len(ids) + 1] = [*ids, EOS]
            yield rows, source, [segments[row] for row in rows]

    def _result(self, segment, words, score, weights, flags) -> Translation:
        vocabulary = self.bundle.target_vocabulary
        if UNK in words:
            flags = (*flags, "unk")
        return Translation(
            text=vocabulary.decode(words),
            score=float(score),
            tokens=vocabulary.tokens(words),
            source_tokens=segment.tokens,
            attention=weights,
            source_words=segment.words,
            target_words=vocabulary.token_words(words),
            flags=flags,
        )


def _spelled(tokens: Sequence[str], words: Sequence[int]) -> list[str]:
    """The words that tokens spell, in the order of their indices."""
    found: dict[int, str] = {}
    for token, word in zip(tokens, words, strict=True):
        found[word] = found.get(word, "") + token
    return [found[word].replace(BLANK, " ").strip() for word in sorted(found)]


def _draw(text: str, result: Translation, words: bool, caption: str = "") -> bytes:
    """The heatmap of one translation as PNG."""
    from nmt.report.heatmap import attention_heatmap

    if not result.source_tokens or not result.tokens:
        raise UnusableInput("nothing to draw: the sentence or its translation is empty")
    if result.attention is None:
        raise UnusableInput("the model has no attention to draw (model.attention=none)")
    return attention_heatmap(*result.heatmap(words), title=text, caption=caption)


def _cut(
    weights: np.ndarray | None, row: int, target_length: int, source_length: int
) -> np.ndarray | None:
    """One sentence's attention, without padding and without the end of either sentence."""
    return None if weights is None else weights[row, :target_length, :source_length]


def load_model(
    uri: str | os.PathLike[str], search: SearchSettings | None = None, batch_size: int = 64
) -> Translator:
    """Load a MODEL folder for use from Python.

    Args:
        uri: path or URI of the folder, e.g. ``runs/x/model``.
        search: default settings of the search.
        batch_size: sentences decoded together.

    Raises:
        UnusableInput: no model, another version, or changed contents.
    """
    return Translator(load_bundle(Location(uri)), search, batch_size)

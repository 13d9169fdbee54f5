"""Cleaned texts to translations: batches, the search, and hypotheses as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

import numpy as np

from nmt.bundle import Bundle
from nmt.errors import LongTranslation, NoTranslation, UnusableInput
from nmt.inference.batching import (
    BatchTuning,
    Failed,
    PaddingCount,
    batches_by_length,
    convert,
    decode_bisecting,
    raise_error,
)
from nmt.inference.long_inputs import cut, join
from nmt.inference.rendering import Part, Renderer
from nmt.inference.row_filter import CleanedText
from nmt.inference.source_flags import source_flags
from nmt.inference.translation import EMPTY, Translation, different
from nmt.runtime import runtime_of
from nmt.search.searcher import Searcher
from nmt.settings import SearchSettings
from nmt.text_limits import most_translated
from nmt.vocabulary.base import EOS, PAD, Segmented

MOST_TOKENS = 2**17  # source tokens of texts that are decoded together: what is held of them


class Forced(NamedTuple):
    """The model along one reference.

    Attributes:
        source: the tokens of the source.
        target: those of the reference.
        log_probabilities: of the reference's tokens and of EOS, in nats, shape (tokens,).
        attention: with its padding, shape (target places, source places).
    """

    source: Segmented
    target: Segmented
    log_probabilities: np.ndarray
    attention: np.ndarray


class Decoder:
    """Decodes cleaned texts with a model; see `Translator` for plain ones. Threads may share it.

    Args:
        bundle: the model with its vocabularies.
        search: default settings of the search.
        batch_size: sentences decoded together; None goes by tokens, see `batches_by_length`.

    Attributes:
        padding: how much of the batches so far is padding.
        tuning: how many tokens a batch has, without `batch_size`.
    """

    def __init__(self, bundle: Bundle, search: SearchSettings, batch_size: int | None) -> None:
        if batch_size is not None and batch_size < 1:
            raise UnusableInput(
                f"batch_size: must be at least 1, not {batch_size}; None goes by tokens"
            )
        self._bundle, self._search, self._batch_size = bundle, search, batch_size
        self.padding, self.tuning = PaddingCount(), BatchTuning()
        self._runtime = runtime_of(bundle.model)
        self._searchers: dict[SearchSettings, Searcher] = {}
        self._lock = Lock()
        self._renderer = Renderer(bundle)

    def decode(
        self,
        sources: Sequence[CleanedText],
        settings: SearchSettings | None = None,
        failed: Failed = raise_error,
    ) -> Iterator[tuple[int, Translation]]:
        """Translate texts that `Translator.row_filter` accepts.

        Args:
            sources: the texts.
            settings: of the search; None takes the default ones.
            failed: called with each position whose text raises an error when it is decoded alone.

        Yields:
            The position and the translation of every other text, in the order of the batches.
        """
        settings = settings or self._search
        self.searcher(settings)  # now, whatever the sources are
        pieces: dict[int, list[Segmented]] = {}
        tokens = 0
        cut_up = convert(enumerate(sources), lambda _, own: self._pieces(own, settings), failed)
        for row, own in cut_up:
            pieces[row] = own
            tokens += sum(len(piece.ids) for piece in own)
            if tokens >= MOST_TOKENS:
                yield from self._decode_together(sources, pieces, settings, failed)
                pieces, tokens = {}, 0
        yield from self._decode_together(sources, pieces, settings, failed)

    def _decode_together(
        self,
        sources: Sequence[CleanedText],
        pieces: Mapping[int, list[Segmented]],
        settings: SearchSettings,
        failed: Failed,
    ) -> Iterator[tuple[int, Translation]]:
        """See `decode`.

        Args:
            sources: all texts.
            pieces: of those that are decoded now, by their positions.
            settings: of the search.
            failed: see `decode`.
        """
        searcher = self.searcher(settings)
        queue = [(row, piece) for row, own in pieces.items() for piece in own]
        parts: dict[int, dict[int, Translation]] = {row: {} for row in pieces}

        def search(places: Sequence[int]) -> list[Translation]:
            own = [queue[place] for place in places]
            hypotheses = searcher.search(_padded((sources[row].tag, piece) for row, piece in own))
            best, n_best = hypotheses[:5], hypotheses.n_best and hypotheses.n_best[:5]
            rendered = []
            for i, place in enumerate(places):
                row, piece = queue[place]
                part = Part(sources[row], piece, settings)
                rendered.append(self._rendered(part, i, best, n_best))
            return rendered

        def finished(rows: Iterable[int]) -> Iterator[tuple[int, Translation]]:
            done = ((row, parts.pop(row)) for row in rows if len(parts[row]) == len(pieces[row]))
            return convert(done, lambda row, own: _assembled(sources[row], own, settings), failed)

        yield from finished([row for row, own in pieces.items() if not own])
        for batch in self._batches([piece for _, piece in queue], settings.beam_size):
            for places, translations in decode_bisecting(
                search, batch, lambda place, error: failed(queue[place][0], error)
            ):
                for place, translation in zip(places, translations, strict=True):
                    parts[queue[place][0]][place] = translation
                yield from finished({queue[place][0]: None for place in places})

    def _rendered(
        self, part: Part, i: int, best: Sequence[np.ndarray], n_best: Sequence[np.ndarray] | None
    ) -> Translation:
        """The translation of the i-th text of a batch, with its alternatives if there are any."""
        translation = self._renderer.render(part, *(value[i] for value in best))
        if n_best is None:
            return translation
        ranked = [
            self._renderer.ranked(part, *(value[i, k] for value in n_best))
            for k in range(part.settings.beam_size)
            if n_best[2][i, k] > 0
        ]
        return replace(translation, alternatives=different(ranked, part.settings.n_best))

    def decode_along(
        self,
        sources: Sequence[CleanedText],
        references: Sequence[CleanedText],
        failed: Failed = raise_error,
    ) -> Iterator[tuple[int, Translation]]:
        """Run the model along references that `Translator.reference_filter` accepts; see `decode`.

        Args:
            sources: the texts; each is decoded at once, whatever ``search.too_long`` says.
            references: a translation for each.
            failed: called with each position that raises an error when it is decoded alone.

        Yields:
            The position of every other text, and its reference with the attention and score.
        """
        vocabulary = self._bundle.source_vocabulary
        for row, source in enumerate(sources):
            if not source.encoded(vocabulary).ids:
                yield row, EMPTY
        for row, forced in self.forced(sources, references, failed):
            source, reference, target = sources[row], references[row], forced.target
            words = reference.stored_words
            target_words = target.words
            if words is not None:
                target_words = [
                    range(words[own[0]], words[own[-1]] + 1) if own else own for own in target_words
                ]
            yield (
                row,
                Translation(
                    text=reference.text,
                    score=float(forced.log_probabilities.mean()),
                    tokens=target.tokens,
                    source_tokens=forced.source.tokens,
                    blocks=self._renderer.blocks(
                        forced.attention, len(target.ids), source, forced.source
                    ),
                    source_words=forced.source.words,
                    target_words=target_words,
                    stored_words=source.stored_words,
                ),
            )

    def forced(
        self,
        sources: Sequence[CleanedText],
        references: Sequence[CleanedText],
        failed: Failed = raise_error,
    ) -> Iterator[tuple[int, Forced]]:
        """As `decode_along`, for each source that holds something: the numbers themselves."""
        searcher = self.searcher(self._search)
        encoded = [source.encoded(self._bundle.source_vocabulary) for source in sources]
        rows = [row for row, segment in enumerate(encoded) if segment.ids]
        targets = {row: references[row].encoded(self._bundle.target_vocabulary) for row in rows}

        def force(places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
            own = [rows[place] for place in places]
            along = searcher.force(
                _padded((sources[row].tag, encoded[row]) for row in own),
                _padded(((), targets[row]) for row in own),
            )
            return along.log_probabilities, along.attention

        for batch in self._batches([encoded[row] for row in rows]):
            for places, (likely, weights) in decode_bisecting(
                force, batch, lambda place, error: failed(rows[place], error)
            ):
                for i, place in enumerate(places):
                    row = rows[place]
                    chosen = likely[i, : len(targets[row].ids) + 1]
                    yield row, Forced(encoded[row], targets[row], chosen, weights[i])

    def searcher(self, settings: SearchSettings) -> Searcher:
        """The search under these settings, made once."""
        with self._lock:
            if settings not in self._searchers:
                banned = self._bundle.target_vocabulary.never_chosen
                # Now, and not in the middle of a corpus.
                self._renderer.dictionary(settings.dictionary)
                decided = settings.with_shortlist(self._bundle.info.shortlist)
                self._searchers[settings] = Searcher(
                    self._runtime, decided, banned, self._bundle.lexicon
                )
            return self._searchers[settings]

    def _pieces(self, source: CleanedText, settings: SearchSettings) -> list[Segmented]:
        """The pieces in which a text is decoded, mostly one; none where it holds nothing."""
        segment = source.encoded(self._bundle.source_vocabulary)
        if len(segment.ids) <= settings.max_source_length:
            return [segment] if segment.ids else []
        return cut(source.decoded, self._bundle.source_vocabulary, settings.max_source_length)

    def _batches(self, segments: Sequence[Segmented], beam_size: int = 1) -> Iterator[list[int]]:
        """Positions of sentences that are decoded together.

        With a beam each sentence is as much work as several, and has fewer beside it.
        """
        tokens = self.tuning.tokens // -(-beam_size // 2)
        lengths = [len(segment.ids) + 1 for segment in segments]
        for rows in batches_by_length(lengths, self._batch_size, tokens):
            with self._lock:
                self.padding.add([lengths[row] for row in rows])
            yield rows


def _assembled(
    source: CleanedText, parts: Mapping[int, Translation], settings: SearchSettings
) -> Translation:
    """The translation of a whole text from those of its pieces, by their places in order.

    Raises:
        LongTranslation: it is longer than whoever reads it takes.
        NoTranslation: its score is no number.
    """
    own = [parts[place] for place in sorted(parts)]
    size = max(sum(len(part.text) + 1 for part in own), sum(len(part.tokens) for part in own))
    if size > (most := most_translated(settings.max_characters)):
        raise LongTranslation(
            f"a translation of {size:,} characters or tokens, more than {most:,}; split the text "
            "or raise search.max_characters"
        )
    translation = own[0] if len(own) == 1 else join(own) if own else EMPTY
    if not np.isfinite(translation.score):
        raise NoTranslation(
            f"a translation whose score is {translation.score}: the model's weights are unfit; "
            "train it again"
        )
    flags, stored = source_flags(source.text), source.stored_words
    if not flags and stored is None:
        return translation
    translation, *others = (
        replace(one, flags=(*one.flags, *flags), stored_words=stored)
        for one in (translation, *translation.alternatives)
    )
    return replace(translation, alternatives=tuple(others))


def _padded(segments: Iterable[tuple[tuple[int, ...], Segmented]]) -> np.ndarray:
    """The ids of segments, each with its tag before it and EOS, shape (segments, longest)."""
    rows = [[*tag, *segment.ids, EOS] for tag, segment in segments]
    ids = np.full((len(rows), max(map(len, rows))), PAD, np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids

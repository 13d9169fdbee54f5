"""Text in, text out: a model with its vocabularies and a search."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, NoReturn

import numpy as np

from nmt.bundle import Bundle
from nmt.bundle import load_all as load_bundles
from nmt.configuration import nearest, validated
from nmt.console import say
from nmt.errors import UnusableInput
from nmt.inference.batching import BatchTuning, Packing, pack
from nmt.inference.long_inputs import cut, join
from nmt.inference.out_of_memory import lacks_memory
from nmt.inference.rendering import Part, Renderer
from nmt.inference.row_filter import Screen, cleaning_of, most_tokens
from nmt.inference.source_flags import source_flags
from nmt.inference.texts import sentences, text_of
from nmt.inference.translation import EMPTY, Score, Translation, different
from nmt.reject_reasons import RejectReason
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.text_limits import excess, has_too_many_marks, in_words
from nmt.vocabulary.base import Segmented
from nmt.vocabulary.special import EOS, PAD

__all__ = ["Score", "Translation", "Translator", "load_model"]


class Translator:
    """Translate with a loaded model.

    Threads may share one, and each gets the translations that it would get alone. Other processes
    load the model themselves: it cannot be pickled or copied.

    Args:
        bundle: the model with its vocabularies.
        search: default settings of the search.
        batch_size: sentences decoded together; None goes by tokens, see `pack`. Texts are
            sorted by length for that, and the results put back in order.

    Attributes:
        screen: says which texts can be translated.
        packing: how well the batches so far were filled.
        tuning: how many tokens a batch has, without `batch_size`.
    """

    def __init__(
        self, bundle: Bundle, search: SearchSettings | None = None, batch_size: int | None = None
    ) -> None:
        self.bundle = bundle
        self.search_settings = search or SearchSettings()
        if batch_size is not None and batch_size < 1:
            raise UnusableInput(
                f"batch_size: must be at least 1, not {batch_size}; None goes by tokens"
            )
        self.batch_size = batch_size
        self.packing, self.tuning = Packing(), BatchTuning()
        cleaning = cleaning_of(bundle.info)
        self.screen = Screen(bundle.source_vocabulary, cleaning, self.search_settings)
        self._searchers: dict[SearchSettings, object] = {}
        self._lock = Lock()
        self._renderer = Renderer(bundle, self.clean)

    def __repr__(self) -> str:
        direction = self.bundle.info.get("direction", {})
        languages = " → ".join(direction.get(side, "?") for side in ("source", "target"))
        return f"<Translator {languages}, model {self.model_id[:12]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Translator cannot be pickled or copied: call nmt.load_model in each process; "
            "threads of one process may share it"
        )

    @property
    def model_id(self) -> str:
        """The id of the model in use."""
        return self.bundle.model_id

    def clean(self, text: str) -> str:
        """The text as the model sees it: cleaned as the training data were."""
        return self.screen.clean(text)

    def translate(self, texts: Iterable[str], **options: Any) -> list[Translation]:
        """Translate sentences, in order.

        Args:
            texts: one sentence each, in any iterable: a list, a generator, a column. They count by
                position. An empty or blank one is translated to an empty one.
            options: settings of the search instead of the translator's, e.g. ``beam_size=5``;
                None takes the translator's.

        Raises:
            UnusableInput: an option that there is not or that does not fit, a text of more
                tokens than are translated.
            NoText: an element that is no string, or a single string in the place of many.
        """
        texts = sentences(texts)
        settings = self._settings(options)
        cleaned = [self._cleaned("sentence", row, text, settings) for row, text in enumerate(texts)]
        searcher = self._searcher(settings)
        pieces = [self._cut(row, text, settings) for row, text in enumerate(cleaned)]
        flat = [(row, segment) for row, some in enumerate(pieces) for segment in some]
        parts: list[Translation | None] = [None] * len(flat)
        batches = self._batches([segment for _, segment in flat], settings.beam_size)

        def search(_: list[int], source: np.ndarray) -> Any:
            return searcher.search(source)

        for rows, found in (one for batch in batches for one in _halved(search, *batch)):
            best = [value.numpy() for value in found[:5]]
            others = [value.numpy() for value in found.n_best[:5]] if found.n_best else None
            for i, place in enumerate(rows):
                row, segment = flat[place]
                given = Part(texts[row], cleaned[row], segment, settings)
                part = self._renderer.render(given, *(value[i] for value in best))
                if others is not None:
                    several = [
                        self._renderer.ranked(given, *(value[i, k] for value in others))
                        for k in range(settings.beam_size)
                        if others[2][i, k] > 0
                    ]
                    alternatives = different(several, settings.n_best)
                    part = replace(part, alternatives=alternatives)
                parts[place] = part
        done = iter(part for part in parts if part is not None)
        results = []
        for text, clean, some in zip(texts, cleaned, pieces, strict=True):
            own = [next(done) for _ in some]
            result = own[0] if len(own) == 1 else join(own) if own else EMPTY
            stored = None if text == clean else tuple(self.screen.stored_words(text))
            flags = source_flags(text)
            if flags or stored is not None:
                result, *others = (
                    replace(one, flags=(*one.flags, *flags), stored_words=stored)
                    for one in (result, *result.alternatives)
                )
                result = replace(result, alternatives=tuple(others))
            results.append(result)
        return results

    def force(self, texts: Iterable[str], references: Iterable[str]) -> list[Translation]:
        """Run the model along given translations (forced decoding).

        Args:
            texts: source sentences, as `translate` takes them.
            references: a translation for each, by position.

        Returns:
            The references as translations with the model's attention and score.

        Raises:
            UnusableInput: as `score` does.
        """
        texts, references = _paired(texts, references)
        results = [EMPTY] * len(texts)
        for row, source, target, likely, weights in self._forced(texts, references):
            words = self.screen.stored_words(references[row])
            results[row] = Translation(
                text=references[row],
                score=float(likely.mean()),
                tokens=target.tokens,
                source_tokens=source.tokens,
                blocks=self._renderer.blocks(weights, len(target.ids), len(source.ids)),
                source_words=source.words,
                target_words=[
                    range(words[own[0]], words[own[-1]] + 1) if own else own for own in target.words
                ],
                stored_words=tuple(self.screen.stored_words(texts[row])),
            )
        return results

    def score(self, texts: Iterable[str], references: Iterable[str]) -> list[Score]:
        """Say how likely given translations are: in all, and token by token.

        Args:
            texts: source sentences, as `translate` takes them. An empty one is translated to an
                empty one for certain, so anything else has the probability 0.
            references: a translation for each, by position.

        Raises:
            UnusableInput: as many references as texts are needed, and no text or reference of
                more tokens than ``search.max_source_length``.
            NoText: see `translate`.
        """
        texts, references = _paired(texts, references)
        vocabulary = self.bundle.target_vocabulary
        results = [
            Score(0.0 if not self.clean(reference) else -float("inf"), [], [])
            for reference in references
        ]
        for row, _, target, likely, _ in self._forced(texts, references):
            tokens = [*target.tokens, *vocabulary.tokens([EOS])]
            results[row] = Score(float(likely.mean()), tokens, likely.tolist())
        return results

    def can_force(self, reference: str) -> bool:
        """Whether a reference is short enough for `force` and `score`."""
        limit = self.search_settings.max_source_length
        if excess(reference, self.search_settings.max_characters):
            return False
        cleaned = self.clean(reference)
        fits = self.bundle.target_vocabulary.fits(cleaned, limit)
        return fits and not has_too_many_marks(cleaned)

    def plot_attention(
        self,
        text: str | Translation,
        path: str | os.PathLike[str],
        reference: str | None = None,
        words: bool = False,
        **options: Any,
    ) -> Translation:
        """Draw where the model looked while it translated one sentence.

        Args:
            text: the source sentence, or what `translate` made of one: that is drawn as it is.
            path: PNG file or URI to write.
            reference: draw the attention along this translation instead of the model's own.
            words: show whole words instead of subwords.
            options: settings of the search, as `translate` takes them.

        Returns:
            The translation that is drawn.

        Raises:
            UnusableInput: the file has another ending, the model has no attention, the text or its
                translation is blank, or there is nothing to search that options or a reference
                could be for.
        """
        if reference is not None and (options or isinstance(text, Translation)):
            what = "a Translation" if isinstance(text, Translation) else "options of the search"
            raise UnusableInput(f"along a reference nothing is searched; leave {what} out")
        target = _picture(path, ".png")
        sentence = text_of(text, "the sentence", Translation)
        if reference is None:
            (result,) = self._translated([sentence], options)
        else:
            (result,) = self.force([sentence], [text_of(reference, "the reference")])
        image = _draw(sentence, result, words, caption="reference" if reference else "")
        target.write_bytes(image)
        _tell_missing([image])
        return result

    def plot_attentions(
        self,
        texts: Iterable[str | Translation],
        path: str | os.PathLike[str],
        words: bool = False,
        **options: Any,
    ) -> list[Translation]:
        """Draw where the model looked while it translated sentences, many on a page.

        Args:
            texts: the source sentences, or what `translate` made of them.
            path: PDF file or URI to write.
            words: show whole words instead of subwords.
            options: settings of the search, as `translate` takes them.

        Returns:
            The translations that are drawn.

        Raises:
            UnusableInput: as `plot_attention` does.
        """
        from nmt.report.sheet import contact_sheet

        target = _picture(path, ".pdf")
        texts = sentences(texts, also=Translation)
        results = self._translated(texts, options)
        drawn = [_draw(text, result, words) for text, result in zip(texts, results, strict=True)]
        target.write_bytes(contact_sheet(drawn))
        _tell_missing(drawn)
        return results

    def _translated(
        self, texts: Sequence[str | Translation], options: Mapping[str, Any]
    ) -> list[Translation]:
        """The texts' translations, and those that were given as they are."""
        sources = [text for text in texts if not isinstance(text, Translation)]
        if options and texts and not sources:
            raise UnusableInput("a Translation is drawn as it is; leave options of the search out")
        found = iter(self.translate(sources, **options))
        return [text if isinstance(text, Translation) else next(found) for text in texts]

    def _settings(self, options: Mapping[str, Any]) -> SearchSettings:
        values = {key: value for key, value in options.items() if value is not None}
        for key in values:
            if key not in SearchSettings.model_fields:
                hint = nearest(key, SearchSettings.model_fields)
                raise UnusableInput(f"the search has no setting '{key}'; {hint}")
        return validated(SearchSettings, {**self.search_settings.model_dump(), **values}, "{}")

    def _searcher(self, settings: SearchSettings):
        from nmt.search.searcher import Searcher

        with self._lock:
            if settings not in self._searchers:
                banned = self.bundle.target_vocabulary.never_chosen
                # Now, and not in the middle of a corpus.
                self._renderer.dictionary(settings.dictionary)
                self._searchers[settings] = Searcher(
                    self.bundle.model, settings, banned, self.bundle.lexicon
                )
            return self._searchers[settings]

    def _cleaned(self, what: str, row: int, text: str, settings: SearchSettings) -> str:
        """The text as the model sees it.

        Raises:
            UnusableInput: it is too much to be cleaned.
        """
        most = settings.max_characters
        reason = excess(text, most)
        cleaned = "" if reason else self.clean(text)
        if has_too_many_marks(cleaned):  # written as entities
            reason = RejectReason.TOO_MANY_MARKS
        if reason:
            problem = in_words(reason, text, most, "search.max_characters")
            raise UnusableInput(f"{what} {row} {problem}")
        return cleaned

    def _cut(self, row: int, text: str, settings: SearchSettings) -> list[Segmented]:
        """The pieces of a cleaned text, mostly one; none where it holds nothing."""
        limit = most_tokens(settings)
        vocabulary = self.bundle.source_vocabulary
        segment = vocabulary.encode(text)
        if len(segment.ids) <= settings.max_source_length:
            return [segment] if segment.ids else []
        if len(segment.ids) > limit:
            name = "max_split_length" if settings.too_long == "split" else "max_source_length"
            raise UnusableInput(
                f"sentence {row} has {len(segment.ids)} tokens, more than "
                f"search.{name}={limit}; split it or raise the limit"
            )
        return cut(text, vocabulary, settings.max_source_length)

    def _batches(
        self, segments: Sequence[Segmented], beam_size: int = 1
    ) -> Iterator[tuple[list[int], np.ndarray]]:
        """Batches of sentences of like length: their places and their ids with EOS.

        With a beam each sentence is as much work as several, and has fewer beside it.
        """
        tokens = self.tuning.tokens // -(-beam_size // 2)
        lengths = [len(segment.ids) + 1 for segment in segments]
        for rows in pack(lengths, self.batch_size, tokens):
            ids = _padded([[*segments[row].ids, EOS] for row in rows])
            with self._lock:
                self.packing.add(sum(lengths[row] for row in rows), ids)
            yield rows, ids

    def _forced(
        self, texts: Sequence[str], references: Sequence[str]
    ) -> Iterator[tuple[int, Segmented, Segmented, np.ndarray, np.ndarray]]:
        """For each text that holds something: its row, source and target, the log-probability
        of each target token and of EOS, and the attention with its padding."""
        settings = self.search_settings.model_copy(update={"too_long": "reject"})
        searcher = self._searcher(self.search_settings)
        vocabulary = self.bundle.target_vocabulary
        sources = [
            (row, segment)
            for row, text in enumerate(texts)
            for segment in self._cut(row, self._cleaned("sentence", row, text, settings), settings)
        ]
        cleaned = [
            self._cleaned("reference", row, text, settings) for row, text in enumerate(references)
        ]
        targets = {row: vocabulary.encode(cleaned[row]) for row, _ in sources}
        for row, target in targets.items():
            if len(target.ids) > settings.max_source_length:
                raise UnusableInput(
                    f"reference {row} has {len(target.ids)} tokens, more than "
                    f"search.max_source_length={settings.max_source_length}; leave it out or raise "
                    "the limit"
                )

        def force(places: list[int], source: np.ndarray) -> Any:
            rows = [sources[place][0] for place in places]
            return searcher.force(source, _padded([[*targets[row].ids, EOS] for row in rows]))

        batches = self._batches([segment for _, segment in sources])
        for places, found in (one for batch in batches for one in _halved(force, *batch)):
            likely, weights = found.log_probabilities.numpy(), found.attention.numpy()
            for i, place in enumerate(places):
                row, segment = sources[place]
                count = len(targets[row].ids) + 1
                yield row, segment, targets[row], likely[i, :count], weights[i]


def _paired(texts: Iterable[str], references: Iterable[str]) -> tuple[list[str], list[str]]:
    """Texts and their references, as many."""
    texts, references = sentences(texts), sentences(references, "reference")
    if len(texts) != len(references):
        raise UnusableInput(
            f"{len(texts)} texts, but {len(references)} references; give one for each"
        )
    return texts, references


def _picture(path: str | os.PathLike[str], ending: str) -> Location:
    """Where a picture goes.

    Raises:
        UnusableInput: its name does not end as those of its format do.
    """
    location = Location(path)
    if not location.name.lower().endswith(ending):
        raise UnusableInput(f"{location}: the picture is a {ending[1:].upper()}; name it …{ending}")
    return location


def _draw(text: str | Translation, result: Translation, words: bool, caption: str = "") -> bytes:
    """The heatmap of one translation as PNG."""
    from nmt.report.heatmap import attention_heatmap

    if not result.source_tokens or not result.tokens:
        raise UnusableInput("nothing to draw: the sentence or its translation is empty")
    if result.attention is None:
        raise UnusableInput("the model has no attention to draw (model.attention=none)")
    title = text.text if isinstance(text, Translation) else text
    return attention_heatmap(*result.heatmap(words), title=title, caption=caption)


def _tell_missing(pictures: Sequence[bytes]) -> None:
    """Say which package has the characters that pictures could not show."""
    from nmt.report import picture

    if line := picture.warning(pictures):
        say(f"warning: {line}")


def _halved(
    decode: Callable[[list[int], np.ndarray], Any], rows: list[int], source: np.ndarray
) -> Iterator[tuple[list[int], Any]]:
    """What is found for a batch; in halves where it does not fit in memory."""
    found = _fitting(decode, rows, source)
    if found is not None:
        yield rows, found
        return
    # Not within the handler of the error, whose frames hold the tensors of the whole batch.
    for part in (slice(len(rows) // 2), slice(len(rows) // 2, None)):
        yield from _halved(decode, rows[part], source[part])


def _fitting(
    decode: Callable[[list[int], np.ndarray], Any], rows: list[int], source: np.ndarray
) -> Any | None:
    """What is found for a batch; None if it does not fit in memory and can be halved."""
    try:
        return decode(rows, source)
    except Exception as error:
        if len(rows) == 1 or not lacks_memory(error):
            raise
        return None


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    ids = np.full((len(rows), max(map(len, rows))), PAD, np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids


def load_model(
    uri: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    search: SearchSettings | None = None,
    batch_size: int | None = None,
) -> Translator:
    """Load a MODEL folder for use from Python, or several as an ensemble.

    Args:
        uri: path or URI of the folder, e.g. ``runs/x/model``; or a list of them, models of the
            same vocabularies, whose mean probabilities are searched.
        search: default settings of the search.
        batch_size: sentences decoded together; None goes by tokens.

    Raises:
        UnusableInput: no model, another version, changed contents, or models that do not go
            together.
    """
    names = [uri] if isinstance(uri, str | os.PathLike) else list(uri)
    return Translator(load_bundles([Location(name) for name in names]), search, batch_size)

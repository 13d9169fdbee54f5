"""Text in, text out: a model with its vocabularies and a search."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from nmt import bundle as bundles
from nmt.bundle import Bundle
from nmt.configuration import nearest, validated
from nmt.errors import UnusableInput
from nmt.inference import plotting
from nmt.inference.decoding import Decoder
from nmt.inference.row_filter import CleanedText, RowFilter, cleaning_of
from nmt.inference.source_checks import lacks_tag
from nmt.inference.texts import sentences
from nmt.inference.translation import Score, Translation
from nmt.reject_reasons import RejectReason
from nmt.runtime import has_gpu
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.text_limits import in_words
from nmt.vocabulary.base import EOS

__all__ = ["Score", "Translation", "Translator", "load_model"]


class Translator:
    """Translate with a loaded model.

    Threads may share one, and each gets the translations that it would get alone. Other processes
    load the model themselves: it cannot be pickled or copied.

    Args:
        bundle: the model with its vocabularies.
        search: default settings of the search.
        batch_size: sentences decoded together; None goes by tokens, see `nmt.inference.batching`.
            Texts are sorted by length for that, and the results put back in order.

    Attributes:
        row_filter: says which texts can be translated.
        forced_filter: says which texts `force` and `score` take.
        reference_filter: says which references they take.
        decoder: decodes what they accept.
    """

    def __init__(
        self, bundle: Bundle, search: SearchSettings | None = None, batch_size: int | None = None
    ) -> None:
        self.bundle = bundle
        self.search_settings = search = search or SearchSettings()
        cleaning = cleaning_of(bundle.info)
        self.row_filter = RowFilter.of(bundle.source_vocabulary, cleaning, search)
        limits = search.max_source_length, search.max_characters
        self.reference_filter = RowFilter(bundle.target_vocabulary, cleaning, *limits)
        self.forced_filter = RowFilter(bundle.source_vocabulary, cleaning, *limits)
        self.decoder = Decoder(bundle, search, batch_size)

    def __repr__(self) -> str:
        direction = self.bundle.info.direction
        languages = f"{direction.source or '?'} → {direction.target or '?'}"
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

    @property
    def lacks_tag(self) -> str | None:
        """What to say where texts get no tag; see `nmt.inference.source_checks.lacks_tag`."""
        return lacks_tag(self.bundle.info, self.bundle.source_vocabulary.tags)

    def clean(self, text: str) -> str:
        """The text as the model sees it: cleaned as the training data were."""
        return self.row_filter.clean(text)

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
        row_filter = RowFilter.of(self.bundle.source_vocabulary, self.row_filter.cleaning, settings)
        split = settings.too_long == "split" and settings.max_split_length == row_filter.longest
        limit = "max_split_length" if split else "max_source_length"
        remedy = f"search.{limit}={row_filter.longest}; split it or raise the limit"
        sources = [
            _accepted(f"sentence {row}", text, row_filter, remedy) for row, text in enumerate(texts)
        ]
        translations = dict(self.decoder.decode(sources, settings))
        return [translations[row] for row in range(len(sources))]

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
        pairs = self._pairs(texts, references)
        translations = dict(self.decoder.decode_along(*pairs))
        return [translations[row] for row in range(len(pairs[0]))]

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
        sources, targets = self._pairs(texts, references)
        end = self.bundle.target_vocabulary.tokens([EOS])
        scores = [Score(-float("inf") if target.cleaned else 0.0, [], []) for target in targets]
        for row, forced in self.decoder.forced(sources, targets):
            likely = forced.log_probabilities
            scores[row] = Score(
                float(likely.mean()), [*forced.target.tokens, *end], likely.tolist()
            )
        return scores

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
        return plotting.plot_attention(self, text, path, reference, words, options)

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
        return plotting.plot_attentions(self, texts, path, words, options)

    def _settings(self, options: Mapping[str, Any]) -> SearchSettings:
        values = {key: value for key, value in options.items() if value is not None}
        for key in values:
            if key not in SearchSettings.model_fields:
                hint = nearest(key, SearchSettings.model_fields)
                raise UnusableInput(f"the search has no setting '{key}'; {hint}")
        loaded = self.search_settings.model_dump()
        for key in ("runtime", "precision"):
            if values.get(key, loaded[key]) != loaded[key]:
                raise UnusableInput(
                    f"{key} is {loaded[key]} since the model was loaded; load it with "
                    f"load_model(…, SearchSettings({key}='{values[key]}'))"
                )
        return validated(SearchSettings, {**loaded, **values}, "{}")

    def _pairs(
        self, texts: Iterable[str], references: Iterable[str]
    ) -> tuple[list[CleanedText], list[CleanedText]]:
        """Texts and their references, as many."""
        texts, references = sentences(texts), sentences(references, "reference")
        if len(texts) != len(references):
            raise UnusableInput(
                f"{len(texts)} texts, but {len(references)} references; give one for each"
            )
        limit = f"search.max_source_length={self.search_settings.max_source_length}"
        sides = (
            ("sentence", texts, self.forced_filter, f"{limit}; split it or raise the limit"),
            (
                *("reference", references, self.reference_filter),
                f"{limit}; leave it out or raise the limit",
            ),
        )
        sources, targets = (
            [_accepted(f"{name} {row}", text, own, remedy) for row, text in enumerate(side)]
            for name, side, own, remedy in sides
        )
        return sources, targets


def _accepted(name: str, text: str, row_filter: RowFilter, limit: str) -> CleanedText:
    """A cleaned text.

    Args:
        name: of the text, for the error.
        text: as it was given.
        row_filter: of this side.
        limit: what says how many tokens it may have, and what to do, for the error.

    Raises:
        UnusableInput: it is too much to be cleaned or translated.
    """
    row, reason = row_filter.judge(text)
    if reason == RejectReason.TOO_LONG and row.segment is not None:
        raise UnusableInput(f"{name} has {len(row.segment.ids)} tokens, more than {limit}")
    if reason:
        problem = in_words(reason, text, row_filter.characters, "search.max_characters")
        raise UnusableInput(f"{name} {problem}")
    return row


def load_model(
    uri: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    search: SearchSettings | None = None,
    batch_size: int | None = None,
    threads: int = 0,
) -> Translator:
    """Load a MODEL folder for use from Python, or several as an ensemble.

    Args:
        uri: path or URI of the folder, e.g. ``runs/x/model``; or a list of them, models of the
            same vocabularies, whose mean probabilities are searched.
        search: default settings of the search.
        batch_size: sentences decoded together; None goes by tokens.
        threads: of ONNX Runtime; 0 is all cores. TensorFlow's are set for the whole process.

    Raises:
        UnusableInput: no model, another version, changed contents, or models that do not go
            together.
    """
    names = [uri] if isinstance(uri, str | os.PathLike) else list(uri)
    locations = [Location(name) for name in names]
    search = search or SearchSettings()
    ids = [bundles.describe(location).model_id for location in locations]
    runtime = bundles.runtime_for(locations, ids, search, has_gpu())
    bundle = bundles.load_all(locations, runtime, search.precision, threads)
    return Translator(bundle, search.model_copy(update={"runtime": runtime}), batch_size)

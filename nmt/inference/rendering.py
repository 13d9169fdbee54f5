"""Hypotheses as text, with the tokens and the attention that people look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nmt.bundle import Bundle
from nmt.evaluation.measures import unknown
from nmt.inference.row_filter import CleanedText, capitals
from nmt.inference.translation import Translation
from nmt.inference.unknown_words import read_dictionary, replace_unknown
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.vocabulary.base import EOS, UNK, Segmented


class Part(NamedTuple):
    """What was searched.

    Attributes:
        source: the text that it is a part of, mostly all of it.
        segment: the tokens that were searched.
        settings: of the search.
    """

    source: CleanedText
    segment: Segmented
    settings: SearchSettings


class Renderer:
    """Makes translations of what a search returns.

    Args:
        bundle: the model with its vocabularies.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._dictionaries: dict[str | None, Mapping[str, str]] = {None: {}}

    def dictionary(self, name: str | None) -> Mapping[str, str]:
        """The dictionary of that name, read once; an empty one for None."""
        if name not in self._dictionaries:
            self._dictionaries[name] = read_dictionary(Location(name or ""))
        return self._dictionaries[name]

    def blocks(
        self, weights: np.ndarray, target_length: int, source: CleanedText, segment: Segmented
    ) -> tuple[np.ndarray, ...] | None:
        """One sentence's attention, without padding, the tag, and the end of either sentence."""
        if not self._bundle.model.attends:
            return None
        first = len(source.tag)
        return (weights[:target_length, first : first + len(segment.ids)],)

    def ranked(self, part: Part, *fields: np.ndarray) -> Translation:
        """`render` with what the search compared it by."""
        return replace(self.render(part, *fields), ranking=float(fields[4]))

    def render(
        self,
        part: Part,
        ids: np.ndarray,
        log_probability: np.ndarray,
        length: np.ndarray,
        weights: np.ndarray,
        *_: np.ndarray,
    ) -> Translation:
        """A hypothesis as text; the arrays are the first fields of `Hypotheses`."""
        vocabulary, segment = self._bundle.target_vocabulary, part.segment
        chosen = ids[:length].tolist()
        ended = bool(chosen) and chosen[-1] == EOS
        chosen = chosen[:-1] if ended else chosen
        blocks = self.blocks(weights, len(chosen), part.source, segment)
        tokens = vocabulary.tokens(chosen)
        flags = () if ended else ("truncated",)
        replaced = None
        if UNK in chosen and blocks is not None and part.settings.replace_unknown:
            raw = part.source.raw_words
            sources = [raw[words.start] for words in segment.words]
            dictionary = self.dictionary(part.settings.dictionary)
            replaced = replace_unknown(chosen, tokens, blocks[0], sources, dictionary)
        if replaced:
            text, places = replaced
            flags = (*flags, "unk_replaced")
        else:
            text, places = vocabulary.decode(chosen), vocabulary.token_words(chosen)
            flags = (*flags, "unk") if unknown(tokens) else flags
        if part.source.recased:
            text = capitals(text, part.source.cleaning.target_language)
            flags = (*flags, "recased")
        return Translation(
            text=text,
            score=float(log_probability / max(1, length)),
            tokens=tokens,
            source_tokens=segment.tokens,
            blocks=blocks,
            source_words=segment.words,
            target_words=places,
            flags=flags,
        )

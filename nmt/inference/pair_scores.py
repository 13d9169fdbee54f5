"""How probable a model finds the pairs of a corpus: the scores behind `nmt prepare`'s filter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nmt.inference.row_filter import CleanedText
from nmt.inference.translator import Translator, load_model
from nmt.model_folder import describe
from nmt.storage.location import Location


class ModelPairScorer:
    """Scores pairs by forced decoding.

    Args:
        translator: the model.
    """

    def __init__(self, translator: Translator) -> None:
        self._translator = translator

    def __call__(self, sources: Sequence[str], targets: Sequence[str]) -> np.ndarray:
        """Mean log-probability of each target given its source.

        Args:
            sources: texts in the model's source language.
            targets: their translations.

        Returns:
            Nats a token, the end of the sentence counted, float32, shape (pairs,). NaN where a side
            has no token, more than ``search.max_source_length``, or does not fit into memory.
        """
        scores = np.full(len(sources), np.nan, np.float32)
        kept: list[int] = []
        pairs: list[tuple[CleanedText, CleanedText]] = []
        filters = self._translator.forced_filter, self._translator.reference_filter
        for row, texts in enumerate(zip(sources, targets, strict=True)):
            source, target = (own.judge(text) for own, text in zip(filters, texts, strict=True))
            if not (source[1] or target[1]) and target[0].cleaned:
                kept.append(row)
                pairs.append((source[0], target[0]))

        forced = self._translator.decoder.forced(
            [source for source, _ in pairs],
            [target for _, target in pairs],
            lambda _, __: None,  # it keeps NaN
        )
        for place, along in forced:
            scores[kept[place]] = along.log_probabilities.mean()
        return scores


def open_scorer(location: Location) -> ModelPairScorer:
    """Load a MODEL, once in each process.

    Raises:
        UnusableInput: no model, or a changed one.
    """
    return _load(location, describe(location).model_id)


@lru_cache(maxsize=2)  # one in each direction
def _load(location: Location, model_id: str) -> ModelPairScorer:
    return ModelPairScorer(load_model(str(location)))

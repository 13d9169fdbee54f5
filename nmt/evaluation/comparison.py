"""Two systems on the same sentences: the largest differences, and how they searched."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from nmt.changes import changed, describe_changes
from nmt.evaluation.outputs import FinishedOutput
from nmt.evaluation.translations import Translations
from nmt.tables.lookups import places_in
from nmt.tables.values import written

LISTED = 50  # sentences a report shows, at most so many where either system is the better one


def paired(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the ids that both have.

    Args:
        ids: of one system's sentences, each once.
        others: of the other's; equal if written alike, see `nmt.tables.values`.

    Returns:
        The positions in `ids`, ascending, and those of the same ids in `others`.
    """
    one, other = written(ids), written(others)
    if one.type != other.type:
        one, other = one.cast(pa.large_string()), other.cast(pa.large_string())
    places = places_in(one, other)
    here = np.flatnonzero(places >= 0)
    return here, places[here]


def searched_otherwise(own: Translations, baseline: Translations) -> str | None:
    """What to say where two outputs differ in more than their models: other settings of the search
    were used. None where all are the same, or where nobody knows."""
    if not isinstance(own, FinishedOutput) or not isinstance(baseline, FinishedOutput):
        return None
    before, after = (
        output.manifest.settings.search.model_dump(exclude={"runtime"})
        for output in (baseline, own)
    )
    if not (changes := changed(before, after, "search.")):
        return None
    listed = describe_changes(changes, {"search.": "search."})
    return f"the baseline was made with another search (baseline → this): {listed}"


def extremes(difference: np.ndarray) -> np.ndarray:
    """Positions of the `LISTED` least and the `LISTED` greatest differences, by ascending
    difference; of equal ones the least are the first, the greatest the last. The extremes
    of a whole are among those of its parts."""
    order = np.argsort(difference, kind="stable")
    return np.concatenate([order[:LISTED], order[max(LISTED, len(order) - LISTED) :]])


def most_different(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The sentences whose scores differ most, largest difference first.

    Args:
        own: a score of each sentence, shape (sentences,).
        other: that of the other system's translation of the same sentence.

    Returns:
        Positions: up to `LISTED` where the one is better, and as many where the other is.
    """
    difference = own - other
    picked = extremes(difference)
    picked = picked[difference[picked] != 0]
    return picked[np.argsort(-np.abs(difference[picked]), kind="stable")]

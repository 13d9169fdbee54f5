"""Training pairs whose source stands in valid or test, found in one reading of all units.

Each unit stores fingerprints: ``held-…`` of its sources in valid and test, ``sources-…`` of those
in train that may leak. One piece reads each of these files once, and stores for each unit the rows
that leak, ``leaks-…``. It needs 8 bytes of memory for each source in valid and test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.corpus.pair_filter import standardiser
from nmt.corpus.repeated import fingerprints, letters_of
from nmt.corpus.staged import array_bytes, read_arrays
from nmt.corpus.stages import Plan, Unit

EXACT, NEAR = "exact", "near"  # what is compared: sources as the model sees them, or their letters


def leak_kind(plan: Plan, unit: Unit) -> str | None:
    """What of the training sources of a unit must not stand in valid or test; None if cleaning has
    seen to it."""
    if unit.role != "train":
        return None
    if plan.corpora[unit.corpus].thresholds.get("near_leak"):
        return NEAR
    return EXACT if plan.by_document else None


def store_sources(plan: Plan, unit: Unit, table: pa.Table, undecided: np.ndarray) -> None:
    """Store the fingerprints of the sources of a unit.

    Args:
        plan: the preparation.
        unit: the pairs.
        table: the pairs, cleaned.
        undecided: for each of them whether it is not rejected so far.
    """
    is_train = pc.equal(table["split"], "train").to_numpy()
    held = table["source"].filter(pa.array(~is_train)).to_pylist()
    keys = {kind: fingerprints(map(_form(plan, kind), held)) for kind in (EXACT, NEAR)}
    (plan.staging / unit.name("held")).write_bytes(array_bytes(**keys))
    if (kind := leak_kind(plan, unit)) is not None:
        rows = np.flatnonzero(is_train & undecided).astype(np.int32)
        sources = table["source"].take(pa.array(rows)).to_pylist()
        data = array_bytes(rows=rows, keys=fingerprints(map(_form(plan, kind), sources)))
        (plan.staging / unit.name("sources")).write_bytes(data)


def find_leaks(plan: Plan, units: Sequence[Unit]) -> None:
    """Store for each unit which of its rows leak; one that cannot has no file.

    Args:
        plan: the preparation.
        units: those of all roles.
    """
    training = {unit: kind for unit in units if (kind := leak_kind(plan, unit))}
    parts: dict[str, list[np.ndarray]] = {kind: [] for kind in training.values()}
    for unit in units:
        file = plan.staging / unit.name("held")
        arrays = read_arrays(file, unit.count, EXACT, NEAR)
        for kind, some in parts.items():
            some.append(arrays[kind])
    held = {kind: np.unique(np.concatenate(some)) for kind, some in parts.items()}
    for unit, kind in training.items():
        arrays = read_arrays(plan.staging / unit.name("sources"), unit.count, "rows", "keys")
        rows = arrays["rows"][_are_in(arrays["keys"], held[kind])]
        (plan.staging / unit.name("leaks")).write_bytes(array_bytes(rows=rows))


def read_leaks(plan: Plan, unit: Unit) -> np.ndarray:
    """The rows of a unit that leak, among those of its cleaned pairs."""
    if leak_kind(plan, unit) is None:
        return np.zeros(0, np.int32)
    return read_arrays(plan.staging / unit.name("leaks"), unit.count, "rows")["rows"]


def _form(plan: Plan, kind: str) -> Callable[[str], str]:
    """What is compared of a source."""
    return letters_of if kind == NEAR else standardiser(plan.settings)


def _are_in(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """For each key whether it is among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(keys), bool)
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys

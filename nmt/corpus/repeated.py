"""Fingerprints of texts; and the stage that finds pairs that occurred before, in one range of
fingerprints after another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from nmt.corpus.staged import array_bytes, read_arrays
from nmt.corpus.stages import Plan, Unit
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location

_NO_LETTERS = re.compile(r"[\W\d_]+")

_RANGE = 2_000_000  # fingerprints that are looked at together: some 60 MB
_KINDS = ("exact", "near")  # how a pair repeats another


def letters_of(text: str) -> str:
    """What counts where near repetitions are looked for: the letters of a text, lower-cased.

    Blanks, punctuation and digits do not. A text without letters counts whole.
    """
    return _NO_LETTERS.sub("", text.lower()) or text


def fingerprints(texts: Iterable[str]) -> np.ndarray:
    """A fingerprint of each text, uint64: equal texts have equal ones, others hardly ever."""
    digests = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in texts
    )
    return np.frombuffer(digests, np.uint64)


def pair_fingerprints(sources: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """A fingerprint of each pair, uint64."""
    # No cleaned text has a line break, which would be a blank.
    return fingerprints(f"{a}\n{b}" for a, b in zip(sources, targets, strict=True))


def ranges(pairs: int) -> range:
    """Into how many ranges the fingerprints of so many pairs are divided."""
    return range(max(1, -(-pairs // _RANGE)))


def find_repeated(plan: Plan, units: Sequence[Unit], count: int, number: int) -> None:
    """Find the pairs that occurred before, of one range of fingerprints.

    Args:
        plan: the preparation.
        units: those of all corpora, in order.
        count: into how many ranges the fingerprints are divided.
        number: of the range.
    """
    repeated: dict[int, dict[str, np.ndarray]] = {unit.number: {} for unit in units}
    for name in _KINDS:
        keys, owners, places = [], [], []
        for unit in units:
            arrays = read_pairs(plan, unit)
            chosen = np.flatnonzero(arrays[name] % np.uint64(count) == number)
            keys.append(arrays[name][chosen])
            places.append(arrays[f"{name}_rows"][chosen])
            owners.append(len(chosen))
        again = ~_firsts(np.concatenate([np.zeros(0, np.uint64), *keys]))
        ends = np.cumsum(np.array(owners, np.int64))[:-1]
        for unit, rows, own in zip(units, places, np.split(again, ends), strict=False):
            repeated[unit.number][name] = rows[own]
    for unit in units:
        _repeated_file(plan, unit, number).write_bytes(array_bytes(**repeated[unit.number]))


def _firsts(keys: np.ndarray) -> np.ndarray:
    """Which of some fingerprints are the first of their value."""
    first = np.zeros(len(keys), bool)
    first[np.unique(keys, return_index=True)[1]] = True
    return first


def _repeated_file(plan: Plan, unit: Unit, number: int) -> Location:
    return plan.staging / f"{unit.name('repeated')}-{number:05d}"


def write_pairs(
    plan: Plan,
    unit: Unit,
    rows: np.ndarray,
    sources: Sequence[str],
    targets: Sequence[str],
    exact: bool,
    near: bool,
) -> None:
    """Store the fingerprints of the pairs of a unit that are left, each once, with the rows of
    those that repeat another of the unit: so equal pairs do not fill one range.

    Args:
        plan: the preparation.
        unit: the unit.
        rows: the place of each of these pairs in the unit.
        sources: their sources.
        targets: their targets.
        exact: whether equal pairs are looked for.
        near: whether pairs with equal letters are.
    """
    none = np.zeros(0, np.uint64)
    letters = ([*map(letters_of, side)] for side in (sources, targets))
    keys = {
        "exact": pair_fingerprints(sources, targets) if exact else none,
        "near": pair_fingerprints(*letters) if near else none,
    }
    arrays = {}
    for name, values in keys.items():
        first, own = _firsts(values), rows[: len(values)]
        arrays[name], arrays[f"{name}_rows"] = values[first], own[first]
        arrays[f"{name}_again"] = own[~first]
    content = array_bytes(**arrays)
    (plan.staging / unit.name("pairs")).write_bytes(content)


def read_pairs(plan: Plan, unit: Unit) -> dict[str, np.ndarray]:
    """The different fingerprints ``exact`` and ``near`` of the pairs of a unit, the ``_rows`` that
    have them first, and those that have them ``_again``."""
    names = (f"{name}{end}" for name in _KINDS for end in ("", "_rows", "_again"))
    return read_arrays(plan.staging / unit.name("pairs"), unit.count, *names)


def read_repeated(plan: Plan, unit: Unit, count: int) -> dict[RejectReason, np.ndarray]:
    """The rows of a unit that repeat others of it, or that `find_repeated` found in all ranges, by
    the reason to reject them; a pair that repeats another exactly has that reason alone."""
    arrays = read_pairs(plan, unit)
    repeated: dict[str, list[np.ndarray]] = {name: [arrays[f"{name}_again"]] for name in _KINDS}
    for number in range(count):
        arrays = read_arrays(_repeated_file(plan, unit, number), unit.count, *_KINDS)
        for name in _KINDS:
            repeated[name].append(arrays[name])
    exact, near = (np.unique(np.concatenate(repeated[name])) for name in _KINDS)
    return {
        RejectReason.DUPLICATE: exact,
        RejectReason.NEAR_DUPLICATE: np.setdiff1d(near, exact),
    }

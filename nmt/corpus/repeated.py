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

_NO_LETTERS = re.compile(r"[\W\d_]+")

_RANGE = 2_000_000  # fingerprints that are looked at together: some 60 MB
EXACT, NEAR = 1, 2  # how a pair repeats another


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
    repeated: list[tuple[np.ndarray, ...]] = []
    for kind, name in ((EXACT, "exact"), (NEAR, "near")):
        keys, owners, places = [], [], []
        for unit in units:
            arrays = read_pairs(plan, unit)
            chosen = np.flatnonzero(arrays[name] % np.uint64(count) == number)
            keys.append(arrays[name][chosen])
            places.append(arrays["rows"][chosen])
            owners.append(np.full(len(chosen), unit.number, np.int32))
        joined = np.concatenate([np.zeros(0, np.uint64), *keys])
        again = np.ones(len(joined), bool)
        again[np.unique(joined, return_index=True)[1]] = False
        unit_numbers, rows = (
            np.concatenate([np.zeros(0, np.int32), *parts])[again] for parts in (owners, places)
        )
        repeated.append((unit_numbers, rows, np.full(len(rows), kind, np.uint8)))
    names = ("units", "rows", "kinds")
    joined_parts = (np.concatenate(parts) for parts in zip(*repeated, strict=True))
    file = plan.staging / f"repeated-{number:05d}"
    file.write_bytes(array_bytes(**dict(zip(names, joined_parts, strict=True))))


def write_pairs(
    plan: Plan,
    unit: Unit,
    rows: np.ndarray,
    sources: Sequence[str],
    targets: Sequence[str],
    exact: bool,
    near: bool,
) -> None:
    """Store the fingerprints of the pairs of a unit that are left.

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
    content = array_bytes(
        rows=rows,
        exact=pair_fingerprints(sources, targets) if exact else none,
        near=pair_fingerprints(*letters) if near else none,
    )
    (plan.staging / unit.name("pairs")).write_bytes(content)


def read_pairs(plan: Plan, unit: Unit) -> dict[str, np.ndarray]:
    """The fingerprints ``exact`` and ``near`` of the pairs of a unit, and their ``rows``."""
    return read_arrays(plan.staging / unit.name("pairs"), unit.count, "rows", "exact", "near")


def read_repeated(
    plan: Plan, units: Sequence[Unit], unit: Unit, count: int
) -> dict[RejectReason, np.ndarray]:
    """The rows of a unit that `find_repeated` found in all ranges, by the reason to reject them;
    a pair that repeats another exactly has that reason alone."""
    most = 2 * sum(one.count for one in units)
    kinds = np.zeros(unit.count, np.uint8)
    for number in range(count):
        file = plan.staging / f"repeated-{number:05d}"
        arrays = read_arrays(file, most, "units", "rows", "kinds")
        for kind in (NEAR, EXACT):
            chosen = (arrays["units"] == unit.number) & (arrays["kinds"] == kind)
            kinds[arrays["rows"][chosen]] = kind
    reasons = {EXACT: RejectReason.DUPLICATE, NEAR: RejectReason.NEAR_DUPLICATE}
    return {reason: np.flatnonzero(kinds == kind) for kind, reason in reasons.items()}

"""Fingerprints by which repeated texts are found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

_NO_LETTERS = re.compile(r"[\W\d_]+")


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

"""Small corpora for the tests of this folder and of its neighbours."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.settings import DataSettings
from nmt.shards import Dataset
from nmt.storage.location import Location

_SUBJECTS = ("dog", "cat", "bird", "Child", "old man", "farmer", "queen")
_VERBS = ("sees", "likes", "hears", "buys", "finds")

# Lines of all odd kinds by name. The first ones cannot be translated, for these reasons.
REJECTED_LINES = ["broken_utf8", *["too_many_characters"] * 2, "too_long", "too_many_marks"]
ODD_LINES = {
    "broken UTF-8": b"caf\xe9 \xff",
    "no blank": b"x" * 1_000_000,
    "words": b"word " * 200_000,
    "tokens": "ab ж".encode() * 10_000,
    "marks": ("e" + "\u0301\u0323" * 10_000).encode(),
    "controls": b"A \x00\x01\x07\x1b dog.",
    "only controls": b"\x01\x02",
    "blank": " \u3000\t\u00a0".encode(),
    "empty": b"",
    "Chinese": "狗在睡觉。".encode(),
    "Arabic": "الكلب نائم".encode(),
    "emoji": "🐕‍🦺 💤".encode(),
    "combining": ("a" + "\u0301" * 30).encode(),
    "separators": "a\u2028b\u2029c\x85d".encode(),
    "specials": b"<s> </s> [UNK] <unk> \xe2\x96\x81",
    "html": b"<script>alert(1)</script>",
}


def pair_lines(count: int, seed: int = 1) -> list[bytes]:
    """Lines ``source<TAB>target`` in which sources come back, as in real corpora."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        subject, verb, thing = rng.choice(_SUBJECTS), rng.choice(_VERBS), rng.choice(_SUBJECTS)
        amount = rng.randrange(30)
        source = f"The {subject} {verb} {amount} {thing}s."
        target = f"{amount} {thing}en, die {subject} {verb} {number % 7}!"
        lines.append(f"{source}\t{target}".encode())
    return lines


def write_lines(path: Path, lines: Iterable[bytes]) -> Location:
    """A text file of these lines."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return Location(path)


def aligned(folder: Path, name: str, lines: list[bytes]) -> tuple[Location, Location]:
    sides = [line.split(b"\t") for line in lines]
    return (
        write_lines(folder / f"{name}.en", (side[0] for side in sides)),
        write_lines(folder / f"{name}.de", (side[1] for side in sides)),
    )


def make(folder: Path, settings: dict[str, Any] | None = None, **request: Any) -> Dataset:
    """Prepare a corpus into a folder; ``settings`` are those of the group data.

    ``valid`` and ``test`` are pairs of files.
    Vocabularies are too small for 256 bytes, unless a test wants these.
    """
    small = {"vocab_size": 200, "byte_fallback": False}
    chosen = DataSettings.model_validate({**small, **(settings or {})})
    for split in ("valid", "test"):
        if split in request:
            sides = (f"{split}_source", f"{split}_target")
            request |= zip(sides, request.pop(split), strict=True)
    return prepare(PrepareRequest(Location(folder), chosen, **request))


def rows(dataset: Dataset, split: str) -> list[dict[str, Any]]:
    """All rows of a split."""
    return [row for table in dataset.read(split) for row in table.to_pylist()]

"""What reads sentence pairs out of files: a stream of raw rows.

Rows are bytes: what is broken in one row (a missing column, bytes that are no UTF-8) is found
later and rejected with a reason. What makes a whole file unusable is found by `inspect`, before
anything is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from nmt.formats.detection import Accepted, detect
from nmt.storage.location import Location

SIDES = ("source", "target")
COLUMN_OPTIONS = ("--source-column", "--target-column")
LONGEST_DOCUMENT = 1000  # bytes of a value of --split-by
Sides = tuple[str, str]  # names for source and target


class RawRow(NamedTuple):
    """One pair as it stands in its file; None for a side that is not there.

    Of a side that is longer than may be the end may be missing; it is longer all the same.

    Attributes:
        line: its number in the file, from 1.
        source, target: the sides.
        document: what decides on the pair's split in the place of its source, as `document_of`
            gives it; None where nothing does.
    """

    line: int
    source: bytes | None
    target: bytes | None
    document: bytes | None = None


class Inspection(NamedTuple):
    """What there is in a corpus."""

    rows: int
    text_bytes: int


class PairReader(ABC):
    """A corpus of sentence pairs that can be read again and again."""

    locations: tuple[Location, ...]
    accepted: Accepted

    @abstractmethod
    def inspect(self) -> Inspection:
        """Read everything once and count it.

        Raises:
            UnusableInput: missing, empty, damaged, of another format, or of unequal lengths.
        """

    @abstractmethod
    def rows(self) -> Iterator[RawRow]:
        """The pairs in order, in flat memory; lines are counted from 1."""

    def identify(self) -> list[dict[str, JsonValue]]:
        """Name, size and SHA-256 of each file, for the dataset's record."""
        for location in self.locations:
            detect(location, self.accepted)
        return [
            {"name": file.name, "bytes": file.info().size, "sha256": file.sha256()}
            for file in self.locations
        ]


def document_of(value: bytes | None) -> bytes | None:
    """The value of the column `--split-by`, for comparisons; None where there is none.

    Outer blanks go. Values whose first 1,000 bytes are the same count as the same.
    """
    return (value or b"").strip()[:LONGEST_DOCUMENT] or None

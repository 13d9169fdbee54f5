"""Text files that go with a corpus line by line: references, gold alignments."""

from __future__ import annotations

from nmt.corpus.formats import LINES
from nmt.corpus.text_files import read_lines
from nmt.errors import UnusableInput
from nmt.storage import Location


def read_aligned(name: str, rows: int, what: str = "references") -> list[str]:
    """Read a file of one line a row, .gz or not.

    Args:
        name: the file.
        rows: rows of the input.
        what: what it holds, for error messages.

    Raises:
        UnusableInput: missing, of another format, or of another number of lines.
    """
    location = Location(name)
    lines = read_lines(location, LINES)
    if len(lines) != rows:
        raise UnusableInput(
            f"{location} has {len(lines):,} lines but the input has {rows:,} rows; {what} must be "
            "line-aligned with the input"
        )
    return [line.decode("utf-8", "replace") for line in lines]

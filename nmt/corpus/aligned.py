"""Text files that go with a corpus line by line: references, gold alignments."""

from __future__ import annotations

from nmt.errors import UnusableInput
from nmt.formats.detection import LINES
from nmt.formats.text_files import read_lines
from nmt.storage.location import Location
from nmt.text_limits import MOST_CHARACTERS, most_bytes


def read_aligned(
    name: str, rows: int, what: str = "references", most: int = MOST_CHARACTERS
) -> list[str]:
    """Read a file of one line a row, .gz or not.

    Args:
        name: the file.
        rows: rows of the input.
        what: what it holds, for error messages.
        most: characters of a line that count; a longer one may be cut off, and is still longer.

    Raises:
        UnusableInput: missing, of another format, or of another number of lines.
    """
    location = Location(name)
    lines = read_lines(location, LINES, rows + 1, most_bytes(most))
    if len(lines) != rows:
        count = f"{len(lines):,} lines" if len(lines) < rows else "more lines"
        raise UnusableInput(
            f"{location} has {count} but the input has {rows:,} rows; {what} must be line-aligned "
            "with the input"
        )
    return [line.decode("utf-8", "replace") for line in lines]

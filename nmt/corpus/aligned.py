"""Text files that go with a corpus line by line: references, gold alignments."""

from __future__ import annotations

from itertools import islice

from nmt.errors import UnusableInput
from nmt.formats.file_list import FileList
from nmt.text_limits import MOST_CHARACTERS, most_bytes


def read_aligned(
    files: FileList, rows: int, what: str = "references", most: int = MOST_CHARACTERS
) -> list[str]:
    """Read files of one line a row, one after the other.

    Args:
        files: of text.
        rows: rows of the input.
        what: what they hold, for error messages.
        most: characters of a line that count; a longer one may be cut off, and is still longer.

    Raises:
        UnusableInput: damaged, or of another number of lines.
    """
    lines = [line for _, line in islice(files.lines(most_bytes(most)), rows + 1)]
    if len(lines) != rows:
        count = f"{len(lines):,} lines" if len(lines) < rows else "more lines"
        has = "has" if len(files.parts) == 1 else f"has in its {len(files.parts):,} files"
        raise UnusableInput(
            f"{files.location} {has} {count} but the input has {rows:,} rows; {what} must be "
            "line-aligned with the input"
        )
    return [line.decode("utf-8", "replace") for line in lines]

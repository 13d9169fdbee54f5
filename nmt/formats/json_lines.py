"""JSON Lines: a JSON object (RFC 8259) on each line, its keys the columns.

A line of blanks is no row. A line that is no object, or that `nmt.json_text.parse_json` refuses
(NaN, a key twice, an integer of more than 20 characters, deep nesting), is a malformed row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Any

from nmt.formats.rows import LONGEST_ROW, TOO_LONG, Row, RowFormat, bare, whole_lines
from nmt.json_text import parse_json
from nmt.storage.location import Location
from nmt.text_limits import MalformedRow


class JsonLines(RowFormat):
    """See this module."""

    name = "jsonl"
    words = "JSON Lines"
    endings = ("jsonl", "ndjson")

    def rows(self, file: IO[bytes], location: Location, start: int = 0) -> Iterator[Row]:
        """See `RowFormat.rows`."""
        count = 0
        for number, line in enumerate(whole_lines(file, LONGEST_ROW)):
            line = bare(line, number)
            if not line.strip():
                continue
            count += 1
            if count > start:
                yield _row(number + 1, line)


def _row(number: int, line: bytes) -> Row:
    if len(line) > LONGEST_ROW:
        return Row(number, {}, MalformedRow(line, TOO_LONG))
    try:
        text, is_utf8 = line.decode("utf-8"), True
    except UnicodeDecodeError:
        text, is_utf8 = line.decode("utf-8", "replace"), False
    value: Any = None
    with contextlib.suppress(ValueError):
        value = parse_json(text)
    if not isinstance(value, dict):
        return Row(number, {}, MalformedRow(line, "no JSON object") if is_utf8 else line)
    return Row(number, value, None if is_utf8 else line)

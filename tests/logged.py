"""What the log says: its lines without time, level and job."""

from __future__ import annotations

import re

_LINE = re.compile(r"\S+Z (?P<level>[A-Z]+) [\w-]+: (?P<message>.*)")


def messages(lines: str, level: str | None = None) -> list[str]:
    """The messages of lines that a job has logged; those of one level, or all."""
    matches = [_LINE.fullmatch(line) for line in lines.splitlines()]
    return [match["message"] for match in matches if match and level in (None, match["level"])]

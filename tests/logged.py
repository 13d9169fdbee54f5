"""What is logged: messages without time, level and job."""

from __future__ import annotations

import logging
import re

_LINE = re.compile(r"\S+Z (?P<level>[A-Z]+) [\w-]+: (?P<message>.*)")


def messages(lines: str, level: str | None = None) -> list[str]:
    """The messages of lines that a job has logged; those of one level, or all."""
    matches = [_LINE.fullmatch(line) for line in lines.splitlines()]
    return [match["message"] for match in matches if match and level in (None, match["level"])]


class Recorder(logging.Handler):
    """Keeps the messages that the package logs from now on, in this process."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        logging.getLogger("nmt").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

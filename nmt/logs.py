"""Where the lines of a job go: time, level and job before each, in text or as JSON.

Modules write to ``logging.getLogger(__name__)``. A command calls `configure` once.
"""

from __future__ import annotations

import datetime
import logging
import os
import sys
from typing import Literal

from rich.console import Console

from nmt.json_text import json_text
from nmt.printable import printable

Format = Literal["text", "json"]
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LEVEL_VARIABLE, FORMAT_VARIABLE = "NMT_LOG_LEVEL", "NMT_LOG_FORMAT"

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


_LONGEST_JOB = 20  # characters
_job = "nmt"  # the name of the command that runs


def configure(level: str | None = None, form: str | None = None, job: str | None = None) -> None:
    """Send what the package logs to standard error.

    A terminal gets the messages alone, with ``warning:`` and ``error:`` before what is one.
    Elsewhere each line has time (UTC), level and job. Control characters are escaped and secrets
    are left out everywhere; see `printable`.

    Args:
        level: the lowest that is shown, of `LEVELS`; None is NMT_LOG_LEVEL, else INFO.
        form: ``text`` or ``json``, one object per line; None is NMT_LOG_FORMAT, else text.
        job: the name of the command, as ``train``; None keeps the one before.
    """
    global _job
    _job = printable(job)[:_LONGEST_JOB] if job else _job
    form = form or os.environ.get(FORMAT_VARIABLE) or "text"
    logger = logging.getLogger("nmt")
    level = (level or os.environ.get(LEVEL_VARIABLE) or "INFO").upper()
    logger.setLevel(level if level in LEVELS else "INFO")
    logger.handlers = [_Handler(_Json() if form == "json" else _Text())]
    logger.propagate = False


class _Handler(logging.Handler):
    """Writes above the progress bars, to what standard error is at that moment."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            console.print(self.format(record))
        except Exception:
            self.handleError(record)


def _utc(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = printable(record.getMessage())
        if sys.stderr.isatty():
            prefix = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        else:
            prefix = f"{_utc(record):%Y-%m-%dT%H:%M:%SZ} {record.levelname} {_job}: "
        return prefix + message


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json_text(
            {
                "time": _utc(record).isoformat(timespec="milliseconds"),
                "level": record.levelname,
                "job": _job,
                "logger": record.name,
                "message": printable(record.getMessage()),
            }
        )

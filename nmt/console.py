"""Results on standard output, and progress: bars in a terminal, lines of the log elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from nmt.logs import console
from nmt.printable import printable

_PLAIN_SECONDS = 10.0  # between two plain lines of one activity

_ROOM = 100  # columns of a terminal that hold all there is to show

log = logging.getLogger(__name__)


def echo(text: str) -> None:
    """Print one line of result on standard output, for people and scripts; see `printable`."""
    print(printable(text), flush=True)


class Activity:
    """A piece of work that is under way; made by `activity`."""

    def __init__(self, title: str, total: int | None, bar: Progress | None) -> None:
        self._title, self._total, self._bar = title, total, bar
        self._task = bar.add_task(printable(title), total=total, detail="") if bar else None
        self._shown = time.monotonic()
        self.done = 0

    def update(self, done: int, detail: str = "", total: int | None = None) -> None:
        """Say that `done` units of the total are finished; `detail` is shown beside it."""
        self.done = done
        self._total = total or self._total
        if self._bar is not None and self._task is not None:
            self._bar.update(
                self._task, completed=done, total=self._total, detail=printable(detail)
            )
        elif time.monotonic() - self._shown >= _PLAIN_SECONDS:
            self._shown = time.monotonic()
            log.info(f"{self._title}: {self._fraction()}{'  ' + detail if detail else ''}")

    def advance(self, count: int = 1, detail: str = "") -> None:
        """Say that `count` more units are finished."""
        self.update(self.done + count, detail)

    def _fraction(self) -> str:
        if not self._total:
            return f"{self.done:,}"
        return f"{self.done:,}/{self._total:,} ({100 * self.done / self._total:.0f} %)"


@contextmanager
def activity(title: str, total: int | None = None, is_part: bool = False) -> Iterator[Activity]:
    """Show work under way, with a bar where standard error is a terminal.

    Args:
        title: of the work.
        total: its units, if they are known.
        is_part: of other work, which says itself how long it took.
    """
    start = time.monotonic()
    if sys.stderr.isatty():
        # Where there is little room the count gives way, for the bar tells it, too.
        count = [TextColumn("{task.completed:,.0f}")] if console.width >= _ROOM else []
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            *count,
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            yield Activity(title, total, bar)
    else:
        yield Activity(title, total, None)
    if not is_part:
        log.info(f"{title}: done in {time.monotonic() - start:.1f} s")


@contextmanager
def silenced() -> Iterator[None]:
    """Drop what native code writes to standard error; for imports and starts that must talk."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)

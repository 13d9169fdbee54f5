"""Rows that their batch or their process does not survive: found, and set aside.

An exception is seen where it happens: the rows are halved until the row is alone that causes it.
A process that is killed says nothing, and Ray hands its unit to the next one, without end. So
attempts are written down in the output before they are made. A unit that was begun three times is
done batch by batch, a batch that was begun twice row by row, and a row that was begun twice is
given up. What else kills processes (a node that is taken away, a driver that is stopped) may spend
attempts, too; that costs time, and only where it strikes the same row twice a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from nmt import records
from nmt.errors import JobFailed, UnusableInput
from nmt.inference.out_of_memory import lacks_memory
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location

UNIT_ATTEMPTS = 3  # at a unit in one piece
_SPAN_ATTEMPTS = 2  # at a batch, and at a row
_MOST_ATTEMPTS = 60  # at a unit in all
_HOPELESS = 20  # rows of which each fails alone, and none succeeds: they are not to blame
_BATCH = 64

T = TypeVar("T")
R = TypeVar("R")


class Attempts:
    """How often a unit and its parts were begun; one more with this.

    Args:
        file: where that is written down.
        name: of the unit, for the error.

    Raises:
        JobFailed: too often.
    """

    def __init__(self, file: Location, name: str = "") -> None:
        self._file = file
        known = records.read(file, records.Attempts) if file.is_file() else {}
        self.begun: int = known.get("begun", 0) + 1
        self._spans: dict[str, int] = known.get("spans", {})
        if self.begun > _MOST_ATTEMPTS:
            raise JobFailed(
                f"{name}: its process died {_MOST_ATTEMPTS} times; see Ray's logs for the cause, "
                "leave these rows out, or give the actors more memory, then run it again"
            )
        self._write()

    def spent(self, span: str) -> bool:
        """Whether these rows were begun as often as they may be."""
        return self._spans.get(span, 0) >= _SPAN_ATTEMPTS

    def begin(self, span: str) -> None:
        """Write down that these rows are begun."""
        self._spans[span] = self._spans.get(span, 0) + 1
        self._write()

    def end(self, span: str) -> None:
        """Write down that they are done: they kill nothing."""
        del self._spans[span]
        self._write()

    def forgive(self) -> None:
        """Take this attempt back: it failed, but its process lives."""
        self.begun -= 1
        self._write()

    def clear(self) -> None:
        """Forget them: the unit is done."""
        self._file.delete()

    @contextmanager
    def made(self) -> Iterator[None]:
        """Around an attempt: it is forgiven where it raises."""
        try:
            yield
        except Exception:
            self.forgive()
            raise

    def _write(self) -> None:
        self._file.write_json({"begun": self.begun, "spans": self._spans})


def surviving(
    texts: Sequence[T],
    translate: Callable[[Sequence[T]], Sequence[R]],
    attempts: Attempts,
    step: str = "",
) -> tuple[list[R], dict[int, RejectReason]]:
    """Translate the texts that can be translated.

    Args:
        texts: of one unit.
        translate: gives a result for each.
        attempts: at the unit, this one included.
        step: sets its rows apart in `attempts` where a unit is gone through more than once.

    Returns:
        The results of all texts but some, in order; and for the positions of these why not.

    Raises:
        UnusableInput, JobFailed: as `translate` raised it; JobFailed also where it raised
            anything else for every text.
    """
    search = _Search(texts, translate)
    if attempts.begun <= UNIT_ATTEMPTS:
        search.halve(0, len(texts))
    else:
        for start in range(0, len(texts), _BATCH):
            _carefully(search, attempts, step, start, min(start + _BATCH, len(texts)))
    return [search.results[i] for i in sorted(search.results)], search.lost


def _carefully(search: _Search, attempts: Attempts, step: str, start: int, stop: int) -> None:
    """Do some rows, written down beforehand; one by one where they were begun too often."""
    span = f"{step}{start}-{stop}"
    if not attempts.spent(span):
        attempts.begin(span)
        search.halve(start, stop)
        attempts.end(span)
    elif stop - start == 1:
        search.lost[start] = RejectReason.CRASHED
    else:
        for row in range(start, stop):
            _carefully(search, attempts, step, row, row + 1)


class _Search:
    """For the rows that raise exceptions, by halves."""

    def __init__(
        self, texts: Sequence[Any], translate: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> None:
        self._texts, self._translate = texts, translate
        self.results: dict[int, Any] = {}
        self.lost: dict[int, RejectReason] = {}

    def halve(self, start: int, stop: int) -> None:
        # Only once the error is gone: its frames hold what was too much for the memory.
        if not self._done(start, stop):
            middle = (start + stop) // 2
            self.halve(start, middle)
            self.halve(middle, stop)

    def _done(self, start: int, stop: int) -> bool:
        """Do rows at once; False if they have to be halved."""
        try:
            found = self._translate(self._texts[start:stop])
        except (UnusableInput, JobFailed):
            raise
        except Exception as error:
            if stop - start > 1:
                return False
            self.lost[start] = (
                RejectReason.OUT_OF_MEMORY if lacks_memory(error) else RejectReason.FAILED
            )
            if len(self.lost) >= min(_HOPELESS, len(self._texts)) > 1 and not self.results:
                raise JobFailed(
                    f"no row can be translated ({type(error).__name__}: {str(error)[:200]})"
                ) from error
        else:
            self.results.update(enumerate(found, start))
        return True

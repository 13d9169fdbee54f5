"""Rows that their batch or their process does not survive are set aside.

An exception is seen where it happens: `nmt.inference.batching` halves the batch until the row is
alone that causes it.
A process that is killed says nothing, and Ray hands its unit to the next one, without end. So
attempts are counted in the output before they begin. A unit that was begun three times, or that
ran out of memory, is done batch by batch, a batch that was begun twice row by row, and a row that
was begun twice is given up. An attempt that was lost with its node does not count.
What else kills processes (a driver that is stopped) may spend attempts; that costs time, and only
where it strikes the same row twice a row. A process that hangs is ended by itself after
``--unit-timeout``.

Nobody says why a process died. But a node that went away is not among Ray's living ones, and the
kernel counts the processes that it ends for lack of memory. (Ray's own memory monitor ends
processes before the kernel has to; such a death looks like a crash.)
"""

from __future__ import annotations

import faulthandler
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nmt import records
from nmt.errors import JobFailed, NoTranslation
from nmt.inference.batching import Failed, lacks_memory
from nmt.records.output import AttemptsRecord
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location

_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
_KILLS = re.compile(r"^oom_kill (\d+)$", re.M)

log = logging.getLogger(__name__)

UNIT_ATTEMPTS = 3  # at a unit in one piece
_SPAN_ATTEMPTS = 2  # at a batch, and at a row
_MOST_ATTEMPTS = 60  # at a unit in all
_HOPELESS = 20  # rows of which each fails alone, and none succeeds: they are not to blame
_BATCH = 64
_MEMORY, _FAILED = RejectReason.OUT_OF_MEMORY, RejectReason.FAILED

T = TypeVar("T")
R = TypeVar("R")


class Death(StrEnum):
    """The cause of a process's death."""

    NODE_LOST = "its node was lost"
    OUT_OF_MEMORY = "out of memory"
    CRASH = "it crashed or was killed"


class Place(NamedTuple):
    """Where and when a process works.

    Attributes:
        node: Ray's id of its node; empty outside of Ray.
        memory_kills: processes that the kernel had ended there for lack of memory.
    """

    node: str
    memory_kills: int


def here() -> Place:
    """The place of this process, now."""
    ray = sys.modules.get("ray")
    joined = ray is not None and ray.is_initialized()
    node = ray.get_runtime_context().get_node_id() if joined and ray is not None else ""
    return Place(node, _memory_kills())


def cause_of(before: Place) -> Death:
    """Why the process has died that worked at a place; called by the one that takes over."""
    now = here()
    if before.node == now.node:
        return Death.OUT_OF_MEMORY if now.memory_kills > before.memory_kills else Death.CRASH
    if not (before.node and now.node):  # one of them outside of Ray
        return Death.CRASH
    alive = {node["NodeID"] for node in sys.modules["ray"].nodes() if node["Alive"]}
    return Death.CRASH if before.node in alive else Death.NODE_LOST


def _memory_kills() -> int:
    for file in _COUNTERS:
        if file.is_file() and (kills := _KILLS.search(file.read_text())):
            return int(kills[1])
    return 0


@contextmanager
def ending_within(seconds: float | None) -> Iterator[None]:
    """End this process where the block takes longer, whatever it hangs in; None is no limit.

    Ray replaces the actor, and its unit is done again as after any death.
    """
    if seconds is None:
        yield
        return
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


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
        record = records.read(file, AttemptsRecord) if file.is_file() else AttemptsRecord()
        self.begun, self._spans = record.begun + 1, dict(record.spans)
        self._without_memory, self._current = {*record.without_memory}, ""
        self._place = here()
        if record.running:
            self._learn(record, name)
        if self.begun > _MOST_ATTEMPTS:
            raise JobFailed(
                f"{name}: its process died {_MOST_ATTEMPTS} times; see Ray's logs for the cause, "
                "leave these rows out, or give the actors more memory, then run it again"
            )
        self._write()

    def _learn(self, record: AttemptsRecord, name: str) -> None:
        """Take note of why the attempt before has ended."""
        death = cause_of(Place(record.node, record.memory_kills))
        log.warning(f"{name}: the process that translated them died ({death}); they are begun anew")
        if death == Death.NODE_LOST:
            self.begun -= 1
            if self._spans.get(record.current):
                self._spans[record.current] -= 1
        elif death == Death.OUT_OF_MEMORY:
            self.begun = max(self.begun, UNIT_ATTEMPTS + 1)
            self._without_memory.add(record.current)
        else:
            self._without_memory.discard(record.current)

    def reason(self, span: str) -> RejectReason:
        """Why a row is given up."""
        return _MEMORY if span in self._without_memory else RejectReason.CRASHED

    def spent(self, span: str) -> bool:
        """Whether these rows were begun as often as they may be."""
        return self._spans.get(span, 0) >= _SPAN_ATTEMPTS

    def begin(self, span: str) -> None:
        """Write down that these rows are begun."""
        self._spans[span] = self._spans.get(span, 0) + 1
        self._current = span
        self._write()

    def end(self, span: str) -> None:
        """Write down that they are done: they kill nothing."""
        del self._spans[span]
        self._current = ""
        self._write()

    def forgive(self) -> None:
        """Take this attempt back: it failed, but its process lives."""
        self.begun -= 1
        self._write(running=False)

    def clear(self) -> None:
        """Forget them: the unit is done."""
        self._file.delete()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Around an attempt: it is forgiven where it raises."""
        try:
            yield
        except Exception:
            self.forgive()
            raise

    def _write(self, running: bool = True) -> None:
        self._file.write_json(
            AttemptsRecord(
                begun=self.begun,
                spans=self._spans,
                running=running,
                current=self._current,
                without_memory=sorted(self._without_memory),
                **self._place._asdict(),
            )
        )


def decode_surviving(
    items: Sequence[T],
    decode: Callable[[Sequence[T], Failed], Iterable[tuple[int, R]]],
    attempts: Attempts,
    step: str = "",
    beside: int = 0,
) -> tuple[list[R], dict[int, RejectReason]]:
    """Decode the items that can be decoded.

    Args:
        items: of one unit.
        decode: yields positions and results, and calls `Failed` for items that raise alone.
        attempts: at the unit, this one included.
        step: sets its rows apart in `attempts` where a unit is gone through more than once.
        beside: results that the unit has besides: then a few items that fail are to blame.

    Returns:
        The results of all items but some, in order; and for the positions of these why not.

    Raises:
        UnusableInput, JobFailed: as `decode` raised it; JobFailed also where every item failed.
    """
    decoding = _Decoding(items, decode, beside)
    if attempts.begun <= UNIT_ATTEMPTS:
        decoding.run(0, len(items))
    else:
        for start in range(0, len(items), _BATCH):
            _carefully(decoding, attempts, step, start, min(start + _BATCH, len(items)))
    return [decoding.results[i] for i in sorted(decoding.results)], decoding.lost


def _carefully(decoding: _Decoding, attempts: Attempts, step: str, start: int, stop: int) -> None:
    """Do some rows, written down beforehand; one by one where they were begun too often."""
    span = f"{step}{start}-{stop}"
    if not attempts.spent(span):
        attempts.begin(span)
        decoding.run(start, stop)
        attempts.end(span)
    elif stop - start == 1:
        decoding.lost[start] = attempts.reason(span)
    else:
        for row in range(start, stop):
            _carefully(decoding, attempts, step, row, row + 1)


class _Decoding:
    """The items of a unit: results, and why others have none."""

    def __init__(
        self,
        items: Sequence[Any],
        decode: Callable[[Sequence[Any], Failed], Iterable[tuple[int, Any]]],
        beside: int,
    ) -> None:
        self._items, self._decode = items, decode
        self._hopeless = min(_HOPELESS, len(items) + beside)
        self.results: dict[int, Any] = {}
        self.lost: dict[int, RejectReason] = {}

    def run(self, start: int, stop: int) -> None:
        """Decode some of the items."""

        def failed(position: int, error: Exception) -> None:
            self.lost[start + position] = _reason(error)
            blameless = sum(why in (_MEMORY, _FAILED) for why in self.lost.values())
            if blameless >= self._hopeless > 1 and not self.results:
                raise JobFailed(
                    f"no row can be translated ({type(error).__name__}: {str(error)[:200]})"
                ) from error

        for position, result in self._decode(self._items[start:stop], failed):
            self.results[start + position] = result


def _reason(error: Exception) -> RejectReason:
    if isinstance(error, NoTranslation):
        return error.reason
    return _MEMORY if lacks_memory(error) else _FAILED

"""Reading ahead of training: row groups concurrently, the next window while this one is used."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

import pyarrow as pa

READERS = 32  # row groups that are read at once: those of an object store take 100 ms and more
WINDOWS = 3  # in memory: one in use, one cut into batches, one being read

_Item = TypeVar("_Item")


class Rows(Protocol):
    """Rows of a file."""

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns of them."""


def read_in_order(parts: Iterable[Rows], columns: Sequence[str], ahead: int) -> Iterator[pa.Table]:
    """Read parts of files concurrently; their tables come in order.

    Args:
        parts: to be read.
        columns: the columns wanted.
        ahead: parts that are being read, or were read and not used yet, at most.
    """
    pool = ThreadPoolExecutor(min(READERS, ahead), "reader")
    pending: deque[Future[pa.Table]] = deque()
    try:
        for part in parts:
            pending.append(pool.submit(part.read, columns))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def prefetch(items: Iterator[_Item], size: int = 8) -> Generator[_Item, None, None]:
    """Prepare up to `size` items in a thread; an exception there is raised here."""
    ready: queue.SimpleQueue = queue.SimpleQueue()
    places, stopped, end = threading.Semaphore(size), threading.Event(), object()

    def work() -> None:
        try:
            while places.acquire() and not stopped.is_set():
                item = next(items, end)
                ready.put((item, None))
                if item is end:
                    return
        except BaseException as error:
            ready.put((end, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            places.release()
            yield item
    finally:
        stopped.set()
        places.release()

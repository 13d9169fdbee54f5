"""Functions of large values, done as Ray tasks or, for small work, in this process.

Unlike in `nmt.cluster.parallel_map`, a function's results may be the arguments of others. Between
Ray tasks they lie in Ray's object store, which spills them to disk, and not in the driver.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nmt.cluster import connection
from nmt.storage.retry import wait_for_stores

_CALLS_OF_CORE = 2
Value = Any  # a value, or what stands for it until a task is given it


class Tasks:
    """Does functions; they and their arguments must be picklable.

    Args:
        ray: the ``ray`` module of a driver; None does everything here and at once.
    """

    def __init__(self, ray: Any | None) -> None:
        self._ray = ray

    def share(self, value: Any) -> Value:
        """Something that many tasks are given; sent once to each machine."""
        return value if self._ray is None else self._ray.put(value)

    def submit(self, function: Callable[..., Any], *arguments: Value) -> Value:
        """Do a function some time."""
        if self._ray is None:
            return function(*arguments)
        return self._ray.remote(_patient).remote(function, *arguments)

    def submit_parts(
        self, parts: int, function: Callable[..., Iterable[Any]], *arguments: Value
    ) -> list[Value]:
        """Do a function that yields so many values, each of which is one of its own."""
        if self._ray is None:
            return list(function(*arguments))
        if parts == 1:
            return [self._ray.remote(_only).remote(function, *arguments)]
        return self._ray.remote(_each).options(num_returns=parts).remote(function, *arguments)

    def each(
        self, function: Callable[..., Any], calls: Iterable[tuple[Value, ...]], title: str
    ) -> Iterator[Any]:
        """A function's results in the order of its calls; few of them wait for their turn.

        Args:
            function: what is done.
            calls: the arguments of each call.
            title: of the work, for errors.

        Raises:
            UnusableInput, JobFailed: see `results`.
        """
        waiting: deque[Value] = deque()
        for arguments in calls:
            waiting.append(self.submit(function, *arguments))
            if len(waiting) >= self._ahead:
                yield from self.results([waiting.popleft()], title)
        while waiting:
            yield from self.results([waiting.popleft()], title)

    @property
    def _ahead(self) -> int:
        """Calls that are made before the result of the first is waited for."""
        if self._ray is None:
            return 1
        return int(_CALLS_OF_CORE * self._ray.cluster_resources().get("CPU", 1)) + 1

    def results(self, values: Iterable[Value], title: str) -> Iterator[Any]:
        """The results as they are done, in any order.

        Args:
            values: what `submit` returned.
            title: of the work, for errors.

        Raises:
            UnusableInput, JobFailed: as a function raised it; JobFailed also where the cluster
                failed.
        """
        waiting = list(values)
        if self._ray is None:
            yield from waiting
            return
        from ray.exceptions import RayError

        try:
            while waiting:
                done, waiting = self._ray.wait(waiting, fetch_local=False)
                for value in done:
                    yield self._ray.get(value)
        except RayError as error:
            raise connection.explained(error, title) from error


def _patient(function: Callable[..., Any], *arguments: Any) -> Any:
    """A function's value, from a process that waits for a store that is away."""
    wait_for_stores()
    return function(*arguments)


def _each(function: Callable[..., Iterable[Any]], *arguments: Any) -> Iterator[Any]:
    """A function's values, each put into the object store before the next is made."""
    wait_for_stores()
    yield from function(*arguments)


def _only(function: Callable[..., Iterable[Any]], *arguments: Any) -> Any:
    """A function's one value."""
    wait_for_stores()
    (value,) = function(*arguments)
    return value

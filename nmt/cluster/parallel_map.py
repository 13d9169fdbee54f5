"""Independent units of work, done in this process or spread over a Ray cluster.

A unit's function is pure: it reads what the unit names, writes files of fixed names, and
returns a small result. So a unit may be done twice, and both ways give the same files.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from nmt.cluster import connection
from nmt.console import activity
from nmt.errors import JobFailed, UnusableInput
from nmt.storage.retry import wait_for_stores

U = TypeVar("U")
R = TypeVar("R")


def run_units(
    function: Callable[[U], R], units: Iterable[U], *, distributed: bool, title: str
) -> list[R]:
    """Do every unit.

    Args:
        function: does one unit; it and the units must be picklable.
        units: what to do; may be produced on the way if not distributed.
        distributed: as a Ray Data job (Ray must have been started) instead of in this process.
        title: what is shown while it runs.

    Returns:
        The results in the order of the units.

    Raises:
        UnusableInput, JobFailed: as the function raised it.
    """
    units = list(units)
    with activity(title, total=len(units)) as shown:
        results: dict[int, R] = {}
        answers = (
            stream_units(function, units, title=title)
            if distributed and units
            else ((number, function(unit)) for number, unit in enumerate(units))
        )
        for number, answer in answers:
            results[number] = answer
            shown.advance()
    return [results[number] for number in range(len(units))]


@dataclass(frozen=True)
class ActorPool:
    """Actors that keep something costly, such as a model, between units.

    Attributes:
        make: called once in each actor with `arguments`; returns the unit's function.
        arguments: what it is called with.
        least: actors to begin with.
        most: actors at most.
        cpus: cores of each.
        gpus: GPUs of each; less than 1 where actors share one.
    """

    make: Callable[..., Callable[[Any], Any]]
    arguments: tuple[Any, ...]
    least: int
    most: int
    cpus: int
    gpus: float = 0.0


def stream_units(
    work: Callable[[U], R] | ActorPool, units: Sequence[U], *, title: str
) -> Iterator[tuple[int, R]]:
    """Do units as a Ray Data job; Ray must have been started.

    Args:
        work: the unit's function, run in Ray tasks; or a pool of actors.
        units: what to do.
        title: of the work, for errors.

    Yields:
        Number and result of each unit, as they are done.

    Raises:
        UnusableInput, JobFailed: as the function raised it; JobFailed also where the cluster
            failed.
    """
    from ray.data import ActorPoolStrategy, from_items
    from ray.exceptions import RayError

    connection.quiet_data()
    rows = [{"number": number, "unit": pickle.dumps(unit)} for number, unit in enumerate(units)]
    dataset: Any = from_items(rows, override_num_blocks=len(rows))
    if isinstance(work, ActorPool):
        dataset = dataset.map(
            _Actor,
            fn_constructor_args=(work.make, work.arguments, title),
            compute=ActorPoolStrategy(min_size=work.least, max_size=work.most),
            num_cpus=work.cpus,
            **({"num_gpus": work.gpus} if work.gpus else {}),
        )
    else:
        dataset = dataset.map(lambda row: _answer(work, row, title))
    done = 0
    try:
        for row in dataset.iter_rows():
            succeeded, value = pickle.loads(row["answer"])
            if not succeeded:
                raise value
            done += 1
            yield row["number"], value
    except RayError as error:
        raise connection.explained(error, title) from error
    if done != len(units):
        raise JobFailed(f"{title}: {len(units) - done} units gave no result; run it again")


class _Actor:
    """What an actor of the pool runs."""

    def __init__(
        self, make: Callable[..., Callable[[Any], Any]], arguments: tuple, title: str
    ) -> None:
        wait_for_stores()
        self._title = title
        try:
            self._function = make(*arguments)
        except Exception as error:
            self._function = partial(_raise, error)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return _answer(self._function, row, self._title)


def _raise(error: Exception, _: Any) -> Any:
    raise error


def _answer(function: Callable[[Any], Any], row: dict[str, Any], title: str) -> dict[str, Any]:
    wait_for_stores()
    try:
        answer = (True, function(pickle.loads(row["unit"])))
    except Exception as error:  # Ray would wrap it beyond recognition
        if not isinstance(error, UnusableInput | JobFailed):
            traceback.print_exc()  # into Ray's logs
        answer = (False, connection.explained(error, title))
    return {"number": row["number"], "answer": pickle.dumps(answer)}

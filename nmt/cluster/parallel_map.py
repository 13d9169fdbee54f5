"""Independent units of work, done in this process or spread over a Ray cluster.

A unit's function is pure: it reads what the unit names, writes files of fixed names, and
returns a small result. So a unit may be done twice, and both ways give the same rows.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from nmt.cluster import connection
from nmt.cluster.resources import Share
from nmt.console import activity
from nmt.errors import ChangedFile, JobFailed, NotStored, StoreAway, UnusableInput
from nmt.storage.retry import wait_for_stores

log = logging.getLogger(__name__)

_ATTEMPTS = 3  # at a unit, where a store was away or forbade something
_TOGETHER = 16  # small units in a task
_FEWEST = 3  # failures in a row after which it is not tried again

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
        with closing(answers):
            for number, answer in answers:
                results[number] = answer
                shown.advance()
    return [results[number] for number in range(len(units))]


def spread(
    function: Callable[[U], R], units: Sequence[U], *, title: str
) -> Generator[R, None, None]:
    """Do small units, several in each Ray task; Ray must have been started.

    Args:
        function: does one unit; it and the units must be picklable.
        units: what to do.
        title: of the work, for errors and the display.

    Yields:
        The results, in any order.

    Raises:
        UnusableInput, JobFailed: see `stream_units`.
    """
    tasks = [units[start : start + _TOGETHER] for start in range(0, len(units), _TOGETHER)]
    with (
        activity(title, total=len(units)) as shown,
        closing(stream_units(partial(_each, function), tasks, title=title)) as answers,
    ):
        for _, results in answers:
            shown.advance(len(results))
            yield from results


def _each(function: Callable[[U], R], units: Sequence[U]) -> list[R]:
    return [function(unit) for unit in units]


@dataclass(frozen=True)
class ActorPool:
    """Actors that keep something costly, such as a model, between units.

    Attributes:
        make: called once in each actor with `arguments`; returns the unit's function.
        arguments: what it is called with.
        least: actors to begin with.
        most: actors at most.
        share: what each of them gets.
    """

    make: Callable[..., Callable[[Any], Any]]
    arguments: tuple[Any, ...]
    least: int
    most: int
    share: Share


def stream_units(
    work: Callable[[U], R] | ActorPool, units: Sequence[U], *, title: str
) -> Generator[tuple[int, R], None, None]:
    """Do units as a Ray Data job; Ray must have been started.

    A unit whose actor found a store away, or forbidden, is done again at the end, by new actors.

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
    waiting: list[tuple[int, U]] = list(enumerate(units))
    for last in (*[False] * (_ATTEMPTS - 1), True):
        again, in_a_row = [], 0
        patience = 0 if last or not isinstance(work, ActorPool) else max(work.most, _FEWEST)
        with closing(_answers(work, waiting, title)) as answers:
            for number, succeeded, value in answers:
                if succeeded:
                    in_a_row = 0
                    yield number, value
                elif in_a_row < patience and _may_be_the_actors(value):
                    # Where all fail it is no single actor that is to blame.
                    in_a_row += 1
                    again.append((number, units[number]))
                    if len(again) == 1:
                        log.warning(f"{title}: {value}; another actor tries again")
                else:
                    raise value
        if not again:
            return
        waiting = again


def _may_be_the_actors(error: Exception) -> bool:
    """Whether an error may come of the node of an actor: its network, clock or credentials."""
    return isinstance(error, StoreAway | NotStored | UnusableInput) and not isinstance(
        error, ChangedFile
    )


def _answers(
    work: Callable[[U], R] | ActorPool, units: Sequence[tuple[int, U]], title: str
) -> Generator[tuple[int, bool, Any], None, None]:
    """For each unit its number, whether it succeeded, and the result or the error."""
    from ray.data import ActorPoolStrategy, from_items
    from ray.exceptions import RayError

    connection.quiet_data()
    rows = [{"number": number, "unit": pickle.dumps(unit)} for number, unit in units]
    dataset: Any = from_items(rows, override_num_blocks=len(rows))
    if isinstance(work, ActorPool):
        dataset = dataset.map(
            _Actor,
            fn_constructor_args=(work.make, work.arguments, title),
            compute=ActorPoolStrategy(min_size=work.least, max_size=work.most),
            num_cpus=work.share.cpus,
            **({"num_gpus": work.share.gpus} if work.share.gpus else {}),
        )
    else:
        dataset = dataset.map(lambda row: _answer(work, row, title))
    done = 0
    try:
        # Ray Data works on in a thread until it is closed, and would start a Ray of its own.
        with closing(iter(dataset.iter_rows())) as answers:
            for row in answers:
                done += 1
                yield row["number"], *pickle.loads(row["answer"])
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

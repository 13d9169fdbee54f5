"""Workers that measure at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nmt.benchmark.meter import Meter, Work
from nmt.cluster import connection, resources

_FAREWELL = 10.0  # seconds that a worker has to clear up


@contextmanager
def crew(ray: Any, room: Any, share: resources.Share, work: Work) -> Iterator[Callable[..., list]]:
    """Start a worker in every part of the room, each in a process that is fresh, and end them.

    Args:
        ray: the ``ray`` module of a driver.
        room: what `resources.room` reserved.
        share: what each worker gets.
        work: what they measure.

    Yields:
        A function that lets all of them do a method of `Meter`, given by its name and arguments,
        and returns their answers.

    Raises:
        UnusableInput, JobFailed: as a worker raised it, here and in that function; JobFailed also
            where a worker died.
    """
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    shared = ray.put(work)
    make = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus)(Meter)
    places = [PlacementGroupSchedulingStrategy(room, part) for part in range(room.bundle_count)]
    meters = [make.options(scheduling_strategy=place).remote(shared) for place in places]

    def ask(measure: str, *arguments: Any) -> list[Any]:
        try:
            return ray.get([getattr(meter, measure).remote(*arguments) for meter in meters])
        except RayError as error:
            raise connection.explained(error, "measuring") from error

    try:
        ask("start")
        yield ask
    finally:
        # One that still measures is not waited for any longer.
        ray.wait([m.close.remote() for m in meters], num_returns=len(meters), timeout=_FAREWELL)
        for meter in meters:
            ray.kill(meter)

"""Workers that measure at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nmt.benchmark.measurement import Measurement, Workload
from nmt.cluster import connection, resources

_CLOSE_SECONDS = 10.0  # that a worker has to clean up


@contextmanager
def start_workers(
    ray: Any, room: Any, share: resources.Share, workload: Workload
) -> Iterator[Callable[..., list]]:
    """Start a worker in every part of the room, each in a new process, and end them.

    Args:
        ray: the ``ray`` module of a driver.
        room: what `resources.room` reserved.
        share: the resources of each worker.
        workload: what they measure.

    Yields:
        A function that calls a method of `Measurement` on all workers, by its name and arguments,
        and returns their results.

    Raises:
        UnusableInput, JobFailed: as a worker raised it, here and in that function; JobFailed also
            if a worker died.
    """
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    shared = ray.put(workload)
    make = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus)(Measurement)
    places = [PlacementGroupSchedulingStrategy(room, part) for part in range(room.bundle_count)]
    workers = [make.options(scheduling_strategy=place).remote(shared) for place in places]

    def call(name: str, *arguments: Any) -> list[Any]:
        try:
            return ray.get([getattr(worker, name).remote(*arguments) for worker in workers])
        except RayError as error:
            raise connection.explained(error, "measuring") from error

    try:
        call("start")
        yield call
    finally:
        # Do not wait longer for one that still measures.
        ray.wait(
            [each.close.remote() for each in workers],
            num_returns=len(workers),
            timeout=_CLOSE_SECONDS,
        )
        for worker in workers:
            ray.kill(worker)

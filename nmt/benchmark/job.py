"""`nmt benchmark`: measure this machine or a cluster, by workers that measure at the same time."""

from __future__ import annotations

import logging
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmt.benchmark.measurement import Measurement, Workload
from nmt.benchmark.request import BenchmarkRequest, check, check_splits
from nmt.benchmark.table import summarize
from nmt.cluster import connection, resources
from nmt.console import activity
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.records.benchmark import (
    BenchmarkReport,
    Conditions,
    PlanEstimates,
    StartUp,
    WorkerMeasurements,
)
from nmt.report.numbers import counted
from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.version import __version__

_CLOSE_SECONDS = 10.0  # that a worker has to clean up

log = logging.getLogger(__name__)

_DEMO = 20_000  # pairs of the built-in grammar, where no dataset is named
_TRAINING = ("training", "reading", "products")


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


def benchmark(request: BenchmarkRequest) -> BenchmarkReport:
    """Measure; returns the report.

    Every worker measures the same at the same time, each with its share of the cores, or its GPU.
    Training is that of independent workers: they exchange no gradients. Decoding needs a
    trained model, because one with random weights never ends its sentences. It has processes of
    its own, so that its start and memory are those of a process that decodes.

    Raises:
        UnusableInput: dataset, model or output cannot be used, or this machine has too few GPUs.
        JobFailed: the cluster had no room, or failed.
    """
    check(request)
    data: str | dict[str, bytes]
    if request.data is None:
        dataset, data = _demo(request.settings)
    else:
        dataset, data = Dataset.open(request.data), str(request.data)
    check_splits(request, dataset)
    before = time.monotonic()
    ray = connection.connect(request.address)
    connected = time.monotonic() - before
    own, count = connection.is_own(request.address), request.workers
    share = resources.share(ray.nodes(), (count, count), int(request.use_gpu), own=own)
    log.info(f"measuring on {counted(count, 'worker')} with {share.describe()} each")
    workload = Workload(
        data=data,
        settings=request.settings,
        threads=share.threads,
        steps=request.steps,
        sentences=request.sentences,
        batch_size=request.batch_size,
        use_gpu=request.use_gpu,
    )
    workers, started = _measure(ray, share, workload, request)
    summary = summarize(workers)
    report = BenchmarkReport(
        **summary._asdict(),
        start_up=StartUp(ray_seconds=connected, worker_seconds=started),
        conditions=_conditions(request, share, dataset),
    )
    if request.plan is None:
        return report
    plan = PlanEstimates(
        **request.plan._asdict(),
        device="GPU" if request.use_gpu else "worker",
        estimates=request.plan.estimate(summary.worker),
    )
    return report.model_copy(update={"plan": plan})


def _demo(settings: Settings) -> tuple[Dataset, dict[str, bytes]]:
    """A DATASET of the built-in grammar, and its files, for workers that may be anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        output = Location(Path(folder) / "demo")
        data = settings.data.model_copy(update={"vocab_size": min(3000, settings.data.vocab_size)})
        dataset = prepare(PrepareRequest(output, data, demo=_DEMO))
        files = {
            "/".join(file.parts_below(output)): file.read_bytes()
            for file in output.files(recursive=True)
        }
    return dataset, files


def _measure(
    ray: Any, share: resources.Share, workload: Workload, request: BenchmarkRequest
) -> tuple[list[WorkerMeasurements], dict[str, float]]:
    """The measurements of each worker, and the seconds of the start of each kind of workers."""
    beams = request.beams if request.model is not None else ()
    model, started = str(request.model), {}
    calls: dict[str, list[tuple[Any, ...]]] = {"training": [(name,) for name in _TRAINING]}
    if beams:
        calls["decoding"] = [("decoding", model, beam) for beam in beams]
    results: dict[tuple[Any, ...], list[Any]] = {}
    with (
        resources.room(ray, share, request.workers) as room,
        activity("measuring", sum(map(len, calls.values()))) as display,
    ):
        for kind, some in calls.items():
            before = time.monotonic()
            with start_workers(ray, room, share, workload) as call_all:
                started[kind] = time.monotonic() - before
                for call in some:
                    results[call] = call_all(*call)
                    display.advance()
    workers = [
        WorkerMeasurements(
            **{name: results[(name,)][number] for name in _TRAINING},
            decoding={str(beam): results["decoding", model, beam][number] for beam in beams},
        )
        for number in range(request.workers)
    ]
    return workers, started


def _conditions(request: BenchmarkRequest, share: resources.Share, dataset: Dataset) -> Conditions:
    settings = request.settings
    return Conditions(
        threads_per_worker=share.threads,
        gpus_per_worker=int(share.gpus),
        data=str(request.data) if request.data else f"built-in grammar, {_DEMO:,} pairs",
        train_pairs=dataset.rows("train"),
        model=str(request.model) if request.model else "random weights",
        architecture=settings.model.model_dump(mode="json"),
        training=settings.training.model_dump(mode="json"),
        training_from=request.origin,
        search=settings.search.model_dump(mode="json"),
        steps=request.steps,
        sentences=request.sentences,
        batch_size=request.batch_size,
        versions={
            "nmt": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "ray", "pyarrow")},
        },
    )

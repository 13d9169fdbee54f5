"""`nmt benchmark`: measure this machine or a cluster."""

from __future__ import annotations

import logging
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmt.benchmark.measurement import Workload
from nmt.benchmark.request import BenchmarkRequest, check, check_splits
from nmt.benchmark.table import summarize
from nmt.benchmark.workers import start_workers
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

log = logging.getLogger(__name__)

_DEMO = 20_000  # pairs of the built-in grammar, where no dataset is named
_TRAINING = ("training", "reading", "products")


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

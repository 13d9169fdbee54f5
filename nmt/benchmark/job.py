"""`jobs/benchmark.py`: measure this machine or a cluster."""

from __future__ import annotations

import logging
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmt.benchmark.crew import crew
from nmt.benchmark.figures import figures
from nmt.benchmark.meter import Work
from nmt.benchmark.request import BenchmarkRequest, check, check_splits
from nmt.cluster import connection, resources
from nmt.console import activity
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.report.numbers import counted
from nmt.settings import Settings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.version import __version__

log = logging.getLogger(__name__)

_DEMO = 20_000  # pairs of the built-in grammar, where no dataset is named
_TRAINING = ("training", "reading", "products")


def benchmark(request: BenchmarkRequest) -> dict[str, Any]:
    """Measure; returns the report.

    Every worker measures the same at the same time, each with its share of the cores, or its GPU.
    Training is that of independent workers: they exchange no gradients. Decoding is measured only
    where a trained model is named: one with random weights would never end its sentences. It has
    processes of its own, so that its start and memory are those of a process that decodes.

    Returns:
        What `figures` makes of the measurements; ``start_up``, the seconds until Ray and the
        workers had started; ``conditions``; and the ``plan``, if one was asked for.

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
    work = Work(
        data=data,
        settings=request.settings,
        threads=share.threads,
        steps=request.steps,
        sentences=request.sentences,
        batch_size=request.batch_size,
        use_gpu=request.use_gpu,
    )
    workers, started = _measure(ray, share, work, request)
    report = {
        **figures(workers),
        "start_up": {"ray_seconds": connected, "worker_seconds": started},
        "conditions": _conditions(request, share, dataset),
    }
    if request.plan is not None:
        report["plan"] = {
            **request.plan._asdict(),
            "device": "GPU" if request.use_gpu else "worker",
            "estimates": request.plan.estimate(report["worker"]),
        }
    return report


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
    ray: Any, share: resources.Share, work: Work, request: BenchmarkRequest
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """What each worker measured, and how long the workers took to start, for each kind of work."""
    beams = request.beams if request.model is not None else ()
    model, started = str(request.model), {}
    calls: dict[str, list[tuple[Any, ...]]] = {"training": [(name,) for name in _TRAINING]}
    if beams:
        calls["decoding"] = [("decoding", model, beam) for beam in beams]
    answers: dict[tuple[Any, ...], list[Any]] = {}
    with (
        resources.room(ray, share, request.workers) as room,
        activity("measuring", sum(map(len, calls.values()))) as shown,
    ):
        for kind, some in calls.items():
            before = time.monotonic()
            with crew(ray, room, share, work) as ask:
                started[kind] = time.monotonic() - before
                for call in some:
                    answers[call] = ask(*call)
                    shown.advance()
    workers = [
        {
            **{name: answers[(name,)][number] for name in _TRAINING},
            "decoding": {str(beam): answers["decoding", model, beam][number] for beam in beams},
        }
        for number in range(request.workers)
    ]
    return workers, started


def _conditions(
    request: BenchmarkRequest, share: resources.Share, dataset: Dataset
) -> dict[str, Any]:
    settings = request.settings
    return {
        "threads_per_worker": share.threads,
        "gpus_per_worker": share.gpus,
        "data": str(request.data) if request.data else f"built-in grammar, {_DEMO:,} pairs",
        "train_pairs": dataset.rows("train"),
        "model": str(request.model) if request.model else "random weights",
        "architecture": settings.model.model_dump(),
        "training": settings.training.model_dump(),
        "training_from": request.origin,
        "search": settings.search.model_dump(),
        "steps": request.steps,
        "sentences": request.sentences,
        "batch_size": request.batch_size,
        "versions": {
            "nmt": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("tensorflow", "keras", "ray", "pyarrow")},
        },
    }

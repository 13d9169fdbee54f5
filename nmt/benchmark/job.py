"""`jobs/benchmark.py`: measure this machine or a cluster."""

from __future__ import annotations

import platform
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmt import bundle, cluster
from nmt.benchmark.meter import Meter, Work
from nmt.benchmark.plan import Plan
from nmt.console import activity, say
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.settings import ModelSettings, Settings
from nmt.shards.dataset import Dataset
from nmt.storage import Location
from nmt.version import __version__

_DEMO = 20_000  # pairs of the built-in grammar, where no dataset is named
_MEASURES = ("peak", "reading", "training", "memory")


@dataclass(frozen=True)
class BenchmarkRequest:
    """What `jobs/benchmark.py` was asked for; see its options."""

    settings: Settings
    data: Location | None = None
    model: Location | None = None
    workers: int = 1
    steps: int = 100
    sentences: int = 1000
    beams: tuple[int, ...] = (1, 5)
    batch_size: int = 64
    plan: Plan | None = None
    address: str | None = None


def benchmark(request: BenchmarkRequest) -> dict[str, Any]:
    """Measure; returns the report.

    Every worker measures the same at the same time, each with its share of the cores, so their
    sum is what the cluster does. Decoding is measured only where a trained model is named: one
    with random weights would never end its sentences.

    Raises:
        UnusableInput: dataset or model cannot be used, or the machine has too few cores.
        JobFailed: the cluster failed.
    """
    settings = request.settings
    if request.model is not None:
        architecture = ModelSettings.model_validate(bundle.check(request.model)["architecture"])
        settings = settings.model_copy(update={"model": architecture})
    with tempfile.TemporaryDirectory() as folder:
        data = request.data or _demo(Path(folder), settings)
        dataset = Dataset.open(data)
        started = time.monotonic()
        ray = cluster.connect(request.address)
        connected = time.monotonic()
        share = cluster.share(
            ray.nodes(), (request.workers, request.workers), own=cluster.is_own(request.address)
        )
        work = Work(
            data=str(data),
            model=str(request.model) if request.model is not None else None,
            settings=settings,
            threads=share.threads,
            steps=request.steps,
            sentences=request.sentences,
            beams=request.beams,
            batch_size=request.batch_size,
        )
        say(f"{request.workers} worker(s) with {share.describe()} each")
        make = ray.remote(num_cpus=share.cpus)(Meter)
        meters = [make.remote(work) for _ in range(request.workers)]
        with activity("starting the workers"):
            ray.get([meter.ready.remote() for meter in meters])
        ready = time.monotonic()
        workers = _measure(ray, meters, work)
    report: dict[str, Any] = {
        "workers": workers,
        "cluster": _sum(workers),
        "start_up": {
            "ray_seconds": connected - started,
            "worker_seconds": ready - connected,
        },
        "conditions": {
            "threads_per_worker": share.threads,
            "data": str(request.data) if request.data else f"built-in grammar, {_DEMO:,} pairs",
            "train_pairs": dataset.rows("train"),
            "model": str(request.model) if request.model else "random weights",
            "architecture": settings.model.model_dump(),
            "batch_tokens": settings.training.batch_tokens,
            "steps": request.steps,
            "sentences": request.sentences,
            "batch_size": request.batch_size,
            "versions": {
                "nmt": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", "ray", "pyarrow")},
            },
        },
    }
    if request.plan is not None:
        report["plan"] = {
            **request.plan._asdict(),
            "estimates": request.plan.estimate(workers[0]),
        }
    return report


def _demo(folder: Path, settings: Settings) -> Location:
    output = Location(folder / "demo")
    data = settings.data.model_copy(update={"vocab_size": min(3000, settings.data.vocab_size)})
    prepare(PrepareRequest(output, data, demo=_DEMO))
    return output


def _measure(ray: Any, meters: list[Any], work: Work) -> list[dict[str, Any]]:
    """Each measure on all workers at once, one measure after the other."""
    beams = work.beams if work.model is not None else ()
    found: list[dict[str, Any]] = [{"decoding": {}} for _ in meters]
    with activity("measuring", total=len(_MEASURES) + len(beams)) as shown:
        for beam in beams:
            answers = ray.get([meter.decoding.remote(beam) for meter in meters])
            for worker, answer in zip(found, answers, strict=True):
                worker["decoding"][str(beam)] = answer
            shown.advance()
        for name in _MEASURES:
            answers = ray.get([getattr(meter, name).remote() for meter in meters])
            for worker, answer in zip(found, answers, strict=True):
                worker[name] = answer
            shown.advance()
    for worker in found:
        worker["share_of_peak"] = worker["training"]["operations_per_second"] / worker["peak"]
    return found


def _sum(workers: list[dict[str, Any]]) -> dict[str, Any]:
    """Speeds of all workers together."""
    return {
        "training_tokens_per_second": sum(w["training"]["tokens_per_second"] for w in workers),
        "input_rows_per_second": sum(w["reading"]["rows_per_second"] for w in workers),
        "sentences_per_second": {
            beam: sum(w["decoding"][beam]["sentences_per_second"] for w in workers)
            for beam in workers[0]["decoding"]
        },
    }


def table(report: dict[str, Any]) -> list[tuple[str, str]]:
    """The report's main numbers as lines of a name and a value with its unit."""
    worker, whole = report["workers"][0], report["cluster"]
    training, reading = worker["training"], worker["reading"]
    lines = [
        ("matrix products, 2048³", f"{worker['peak'] / 1e9:,.1f} GFLOP/s a worker"),
        ("training", f"{training['tokens_per_second']:,.0f} target tokens/s a worker"),
        ("training, CPU time", f"{training['tokens_per_cpu_second']:,.0f} target tokens/CPU-s"),
        ("training, a step", f"{training['step_milliseconds']:,.1f} ms"),
        ("training, share of the peak", f"{100 * worker['share_of_peak']:.0f} %"),
        ("padding of training batches", f"{100 * reading['padding_share']:.1f} %"),
        ("input", f"{reading['rows_per_second']:,.0f} pairs/s a worker"),
    ]
    for beam, found in worker["decoding"].items():
        speed = f"{found['sentences_per_second']:,.1f} sentences/s a worker"
        lines.append((f"decoding, beam {beam}", speed))
    lines += [("training, all workers", f"{whole['training_tokens_per_second']:,.0f} tokens/s")]
    for beam, speed in whole["sentences_per_second"].items():
        lines.append((f"decoding, beam {beam}, all workers", f"{speed:,.1f} sentences/s"))
    start = report["start_up"]
    lines += [
        ("start of Ray", f"{start['ray_seconds']:.1f} s"),
        ("start of the workers, with TensorFlow", f"{start['worker_seconds']:.1f} s"),
        ("first training step", f"{training['first_step_seconds']:.1f} s"),
        ("memory of a worker", f"{worker['memory'] / 2**30:.2f} GiB"),
    ]
    for estimate in report.get("plan", {}).get("estimates", []):
        text = f"{estimate['hours']:,.2f} hours on a worker; {estimate['workers']} for a night"
        lines.append((f"plan: {estimate['work']}", text))
    return lines

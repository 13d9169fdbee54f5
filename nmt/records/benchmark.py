"""The measurements of a benchmark."""

from __future__ import annotations

from pydantic import JsonValue

from nmt.records.base import Count, Many, Named, Record

Measurements = Named[int | float]  # by names that end in their units


class WorkerMeasurements(Record):
    """The measurements of one worker; those of decoding by beam size."""

    training: Measurements
    reading: Measurements
    products: Measurements
    decoding: Named[Measurements] = {}


class StartUp(Record):
    """Seconds until Ray, and the workers of each kind, had started."""

    ray_seconds: float
    worker_seconds: Named[float]


class Conditions(Record):
    """What was measured, and on what."""

    threads_per_worker: Count
    gpus_per_worker: Count
    data: str
    train_pairs: Count
    model: str
    architecture: Named[JsonValue]
    training: Named[JsonValue]
    training_from: str
    search: Named[JsonValue]
    steps: Count
    sentences: Count
    batch_size: Count
    versions: Named[str]


class Estimate(Record):
    """Hours on one worker, and the workers that finish within a night."""

    work: str
    hours: float
    workers: Count


class PlanEstimates(Record):
    """Estimates for a corpus of so many rows with so many target tokens each."""

    rows: Count
    tokens: float
    device: str
    estimates: Many[Estimate]


class BenchmarkReport(Record):
    """``FILE.json`` of ``nmt benchmark --output``.

    Attributes:
        workers: of each worker.
        worker: their mean.
        cluster: of all workers together.
    """

    workers: Many[WorkerMeasurements]
    worker: WorkerMeasurements
    cluster: WorkerMeasurements
    start_up: StartUp
    conditions: Conditions
    plan: PlanEstimates | None = None

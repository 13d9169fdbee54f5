"""Measurements of all workers together, and the table that shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from nmt.benchmark.plan import NIGHT
from nmt.records.benchmark import (
    BenchmarkReport,
    Measurements,
    PlanEstimates,
    WorkerMeasurements,
)
from nmt.report.numbers import counted

# How the values of several workers are combined; all others by their mean.
_SUMS = {
    *("tokens_per_second", "sentences_per_second", "rows_per_second", "operations_per_second"),
    *("memory_bytes", "gpu_memory_bytes"),
}
_LONGEST = {"first_step_seconds", "first_sentence_seconds"}
_GIB = 2.0**-30
_NAME, _WORKER, _TOGETHER = 42, 27, 13  # columns of the table

Rule = Callable[[str], Callable[[Sequence[float]], float]]


class Summary(NamedTuple):
    """The measurements of each worker, their mean, and those of all together."""

    workers: list[WorkerMeasurements]
    worker: WorkerMeasurements
    cluster: WorkerMeasurements


def summarize(workers: Sequence[WorkerMeasurements]) -> Summary:
    """Combine what workers measured at the same time.

    For the cluster speeds and memory are added up, a start is the slowest one's, and anything else
    is the mean. Each training gets its ``share_of_peak``: its operations per second over those of
    ``products``. Workers exchange no gradients, so the cluster's training is that of independent
    workers, which is faster than one training on all of them.
    """
    together = _merged(workers, lambda _: mean), _merged(workers, _combination)
    return Summary([_with_peak(worker) for worker in workers], *map(_with_peak, together))


def _with_peak(values: WorkerMeasurements) -> WorkerMeasurements:
    share = values.training["operations_per_second"] / values.products["operations_per_second"]
    return values.model_copy(update={"training": values.training | {"share_of_peak": share}})


def _combination(name: str) -> Callable[[Sequence[float]], float]:
    return sum if name in _SUMS else max if name in _LONGEST else mean


def _merged(workers: Sequence[WorkerMeasurements], rule: Rule) -> WorkerMeasurements:
    """One worker's measurements from those of several, each number by the rule for its name."""

    def merge(values: Sequence[Measurements]) -> Measurements:
        return {name: rule(name)([each[name] for each in values]) for name in values[0]}

    return WorkerMeasurements(
        training=merge([worker.training for worker in workers]),
        reading=merge([worker.reading for worker in workers]),
        products=merge([worker.products for worker in workers]),
        decoding={
            beam: merge([worker.decoding[beam] for worker in workers])
            for beam in workers[0].decoding
        },
    )


class _Row(NamedTuple):
    """A line of the table.

    Attributes:
        name: what was measured, with its unit.
        values: selects the measurements of a worker.
        key: the number in them.
        scale: a factor for the unit.
        decimals: of the number.
    """

    name: str
    values: Callable[[WorkerMeasurements], Mapping[str, float]]
    key: str
    scale: float = 1.0
    decimals: int = 1

    def of(self, worker: WorkerMeasurements) -> float:
        """The number of a worker."""
        return self.scale * self.values(worker)[self.key]

    def show(self, number: float) -> str:
        """The number as text."""
        return f"{number:,.{self.decimals}f}"


def _training(worker: WorkerMeasurements) -> Measurements:
    return worker.training


def _reading(worker: WorkerMeasurements) -> Measurements:
    return worker.reading


def _rows(worker: WorkerMeasurements, precision: str) -> Iterator[_Row]:
    """The rows of the table, for what a worker like this has measured."""
    yield _Row("training, target tokens/s", _training, "tokens_per_second", 1, 0)
    yield _Row("training, tokens per CPU-second", _training, "tokens_per_cpu_second", 1, 0)
    yield _Row("training, ms per update", _training, "step_milliseconds")
    yield _Row("training, % of the peak", _training, "share_of_peak", 100)
    peak = f"peak: {worker.products['side']}² products in {precision}, GFLOP/s"
    yield _Row(peak, lambda worker: worker.products, "operations_per_second", 1e-9)
    yield _Row("input, pairs/s", _reading, "rows_per_second", 1, 0)
    for side in ("source", "target"):
        yield _Row(f"padding of {side} batches, %", _reading, f"{side}_padding_share", 100)
    searches = [
        (
            "greedy" if beam == "1" else f"beam {beam}",
            lambda worker, beam=beam: worker.decoding[beam],
        )
        for beam in worker.decoding
    ]
    for name, decoding in searches:
        yield _Row(f"decoding, {name}, sentences/s", decoding, "sentences_per_second")
        cpu = "sentences_per_cpu_second"
        yield _Row(f"decoding, {name}, sentences per CPU-second", decoding, cpu)
    yield _Row("first training step, s", _training, "first_step_seconds")
    for name, decoding in searches:
        yield _Row(f"first sentence, {name}, s", decoding, "first_sentence_seconds")
    for kind, key in (("memory", "memory_bytes"), ("GPU memory", "gpu_memory_bytes")):
        if key in worker.training:
            yield _Row(f"{kind} after training, GiB", _training, key, _GIB, 2)
            for name, decoding in searches:
                yield _Row(f"{kind} after decoding, {name}, GiB", decoding, key, _GIB, 2)


def table(report: BenchmarkReport) -> list[str]:
    """The lines that show a report to people.

    A worker's number is the mean; for several, with the smallest and the largest in brackets.
    """
    workers = report.workers
    lines = [_line("", "per worker", f"{len(workers)} together")]
    for row in _rows(report.worker, str(report.conditions.training["precision"])):
        worker = row.show(row.of(report.worker))
        if len(workers) > 1:
            least, *_, most = sorted(map(row.of, workers))
            worker += f" ({row.show(least)}–{row.show(most)})"
        lines.append(_line(row.name, worker, row.show(row.of(report.cluster))))
    lines.append(_line("start of Ray, s", "", f"{report.start_up.ray_seconds:.1f}"))
    for kind, seconds in report.start_up.worker_seconds.items():
        lines.append(_line(f"start of the workers for {kind}, s", "", f"{seconds:.1f}"))
    if len(workers) > 1:
        lines.append("training together: a sum of independent workers that exchange no gradients")
    lines.append(f"settings of the training: {report.conditions.training_from}")
    if report.plan is not None:
        lines += list(_plan(report.plan))
    return lines


def _plan(plan: PlanEstimates) -> Iterator[str]:
    for estimate in plan.estimates:
        yield (
            f"plan: {estimate.work}: {estimate.hours:,.2f} hours on a {plan.device}; "
            f"{counted(estimate.workers, plan.device)} for {NIGHT:g} hours"
        )


def _line(name: str, worker: str, together: str) -> str:
    return f"{name:<{_NAME}}{worker:>{_WORKER}}{together:>{_TOGETHER}}".rstrip()

"""What the workers measured, of one of them and of all together, and the table that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import mean
from typing import Any, NamedTuple

from nmt.benchmark.plan import NIGHT
from nmt.report.numbers import counted

# What the values of several workers make together; of all others it is their mean.
_SUMS = {
    *("tokens_per_second", "sentences_per_second", "rows_per_second", "operations_per_second"),
    *("memory_bytes", "gpu_memory_bytes"),
}
_LONGEST = {"first_step_seconds", "first_sentence_seconds"}
_GIB = 2.0**-30
_NAME, _WORKER, _TOGETHER = 42, 27, 13  # columns of the table


def figures(workers: list[dict[str, Any]]) -> dict[str, Any]:
    """Bring together what workers measured at the same time.

    Args:
        workers: of each worker the answers of `Meter` under ``training``, ``reading``,
            ``products`` and, by beam size, ``decoding``.

    Returns:
        ``workers``, as they are; ``worker``, their mean; and ``cluster``, all of them together:
        speeds and memory are added up, a start is the slowest one's, anything else is the mean.
        Each training has its ``share_of_peak``: its operations a second over those of
        ``products``. Workers exchange no gradients, so the cluster's training is that of
        independent workers, and more than one training on all of them would reach.
    """
    worker, cluster = _merged(workers, lambda _: mean), _merged(workers, _together)
    for values in (*workers, worker, cluster):
        training, peak = (values[key]["operations_per_second"] for key in ("training", "products"))
        values["training"]["share_of_peak"] = training / peak
    return {"workers": workers, "worker": worker, "cluster": cluster}


def _together(name: str) -> Callable[[Sequence[Any]], Any]:
    return sum if name in _SUMS else max if name in _LONGEST else mean


def _merged(
    values: list[dict[str, Any]], rule: Callable[[str], Callable[[Sequence[Any]], Any]]
) -> dict[str, Any]:
    """Nested mappings of one form as one, each number made of theirs by the rule for its name."""
    merged = {}
    for key, first in values[0].items():
        column = [value[key] for value in values]
        merged[key] = _merged(column, rule) if isinstance(first, dict) else rule(key)(column)
    return merged


class _Figure(NamedTuple):
    """A line of the table.

    Attributes:
        name: what was measured, with the unit in which it is shown.
        path: the keys under which a worker's values hold it.
        scale: what it is multiplied with.
        decimals: so many are shown.
    """

    name: str
    path: tuple[str, ...]
    scale: float = 1.0
    decimals: int = 1

    def of(self, values: Any) -> float:
        """The number in these values."""
        for key in self.path:
            values = values[key]
        return self.scale * values

    def show(self, number: float) -> str:
        """The number as text."""
        return f"{number:,.{self.decimals}f}"


def _shown(values: dict[str, Any], precision: str) -> Iterator[_Figure]:
    """The figures that there are in values of this form."""
    yield _Figure("training, target tokens/s", ("training", "tokens_per_second"), 1, 0)
    yield _Figure("training, tokens a CPU-second", ("training", "tokens_per_cpu_second"), 1, 0)
    yield _Figure("training, ms an update", ("training", "step_milliseconds"))
    yield _Figure("training, % of the peak", ("training", "share_of_peak"), 100)
    peak = f"peak: {values['products']['side']}² products in {precision}, GFLOP/s"
    yield _Figure(peak, ("products", "operations_per_second"), 1e-9)
    yield _Figure("input, pairs/s", ("reading", "rows_per_second"), 1, 0)
    for side in ("source", "target"):
        yield _Figure(f"padding of {side} batches, %", ("reading", f"{side}_padding_share"), 100)
    searches = {
        ("decoding", beam): "greedy" if beam == "1" else f"beam {beam}"
        for beam in values["decoding"]
    }
    for path, name in searches.items():
        yield _Figure(f"decoding, {name}, sentences/s", (*path, "sentences_per_second"))
        cpu = "sentences_per_cpu_second"
        yield _Figure(f"decoding, {name}, sentences a CPU-second", (*path, cpu))
    yield _Figure("first training step, s", ("training", "first_step_seconds"))
    for path, name in searches.items():
        yield _Figure(f"first sentence, {name}, s", (*path, "first_sentence_seconds"))
    for kind, of in (("memory", "memory_bytes"), ("GPU memory", "gpu_memory_bytes")):
        if of in values["training"]:
            yield _Figure(f"{kind} after training, GiB", ("training", of), _GIB, 2)
            for path, name in searches.items():
                yield _Figure(f"{kind} after decoding, {name}, GiB", (*path, of), _GIB, 2)


def table(report: dict[str, Any]) -> list[str]:
    """The lines that show a report of `nmt.benchmark.job.benchmark` to people.

    A worker's number is the mean, of several with the least and the most in brackets.
    """
    workers, conditions = report["workers"], report["conditions"]
    lines = [_line("", "a worker", f"{len(workers)} together")]
    for figure in _shown(report["worker"], conditions["training"]["precision"]):
        worker = figure.show(figure.of(report["worker"]))
        if len(workers) > 1:
            least, *_, most = sorted(map(figure.of, workers))
            worker += f" ({figure.show(least)}–{figure.show(most)})"
        lines.append(_line(figure.name, worker, figure.show(figure.of(report["cluster"]))))
    start = report["start_up"]
    lines.append(_line("start of Ray, s", "", f"{start['ray_seconds']:.1f}"))
    for what, seconds in start["worker_seconds"].items():
        lines.append(_line(f"start of the workers for {what}, s", "", f"{seconds:.1f}"))
    if len(workers) > 1:
        lines.append("training together: a sum of independent workers that exchange no gradients")
    lines.append(f"settings of the training: {conditions['training_from']}")
    if "plan" in report:
        lines += list(_plan(report["plan"]))
    return lines


def _plan(plan: dict[str, Any]) -> Iterator[str]:
    device = plan["device"]
    for estimate in plan["estimates"]:
        yield (
            f"plan: {estimate['work']}: {estimate['hours']:,.2f} hours on a {device}; "
            f"{counted(estimate['workers'], device)} for {NIGHT:g} hours"
        )


def _line(name: str, worker: str, together: str) -> str:
    return f"{name:<{_NAME}}{worker:>{_WORKER}}{together:>{_TOGETHER}}".rstrip()

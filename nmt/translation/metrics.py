"""What the processes of a job tell Prometheus, through Ray's own exporter on each node.

Ray puts ``ray_`` before the names and ``_total`` after those of counters.
"""

from __future__ import annotations

from functools import cache

from nmt.records.output import Counts

_SECONDS = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]


class Metrics:
    """What one process counts; made once in each, by `metrics`.

    Args:
        model_id: of the model; its first 12 characters are the tag ``model``.
        output: the OUT folder, the tag ``output``.
    """

    def __init__(self, model_id: str, output: str) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        tags = {"model": model_id[:12], "output": output}
        keys = tuple(tags)
        self._rows = Counter("nmt_rows", "Rows translated or rejected.", keys)
        self._rejected = Counter("nmt_rejected_rows", "Rows rejected.", (*keys, "reason"))
        self._tokens = Counter("nmt_target_tokens", "Target tokens written.", keys)
        self._repeated = Counter(
            "nmt_repeated_units", "Units begun again: a process died, or was replaced.", keys
        )
        self._left = Gauge("nmt_units_left", "Units that are not done.", keys)
        self._seconds = Histogram("nmt_unit_seconds", "Time of a unit.", _SECONDS, keys)
        for metric in (
            *(self._rows, self._rejected, self._tokens),
            *(self._repeated, self._left, self._seconds),
        ):
            metric.set_default_tags(tags)

    def count(self, counts: Counts) -> None:
        """Count the rows of a unit that is committed."""
        if counts.rows:  # Ray refuses to count by 0
            self._rows.inc(counts.rows)
        if counts.target_tokens:
            self._tokens.inc(counts.target_tokens)
        for reason, rows in counts.rejected_by_reason.items():
            self._rejected.inc(rows, {"reason": reason})

    def repeat(self) -> None:
        """Count a unit that was begun before."""
        self._repeated.inc()

    def show_left(self, units: int) -> None:
        """Tell how many units are not done."""
        self._left.set(units)

    def observe(self, seconds: float) -> None:
        """Record the seconds of a unit, or of what is decoded in one go for the cache."""
        self._seconds.observe(seconds)


@cache
def metrics(model_id: str, output: str) -> Metrics:
    """This process's metrics of a job."""
    return Metrics(model_id, output)

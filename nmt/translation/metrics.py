"""What actors and tasks tell Prometheus, through Ray's own exporter on each node.

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
    """

    def __init__(self, model_id: str) -> None:
        from ray.util.metrics import Counter, Histogram

        tags, keys = {"model": model_id[:12]}, ("model",)
        self._counters = {
            "rows": Counter("nmt_rows", "Rows translated or rejected.", keys),
            "rejected": Counter("nmt_rejected_rows", "Rows rejected.", keys),
            "target_tokens": Counter("nmt_target_tokens", "Target tokens written.", keys),
        }
        self._seconds = Histogram("nmt_unit_seconds", "Time of a unit.", _SECONDS, keys)
        for metric in (*self._counters.values(), self._seconds):
            metric.set_default_tags(tags)

    def count(self, counts: Counts) -> None:
        """Count the rows of a unit that is committed."""
        for name, counter in self._counters.items():
            if count := getattr(counts, name):  # Ray refuses to count by 0
                counter.inc(count)

    def observe(self, seconds: float) -> None:
        """Record the seconds of a unit, or of what is decoded in one go for the cache."""
        self._seconds.observe(seconds)


@cache
def metrics(model_id: str) -> Metrics:
    """This process's metrics."""
    return Metrics(model_id)

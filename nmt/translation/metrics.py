"""What an actor tells Prometheus, through Ray's own exporter on each node.

Ray puts ``ray_`` before the names and ``_total`` after those of counters.
"""

from __future__ import annotations

from typing import Any

_SECONDS = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]


class Metrics:
    """Counts the units of one actor.

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

    def add(self, record: dict[str, Any]) -> None:
        """Count a unit that is committed."""
        for name, counter in self._counters.items():
            if record["counts"][name]:  # Ray refuses to count by 0
                counter.inc(record["counts"][name])
        self._seconds.observe(record["seconds"])

"""The CPU time of a training, validations included, in one process with one thread and without Ray.

It prints the time and the greedy BLEU of each validation; the best model is in RUN/model.

    python benchmarks/time_to_quality.py DATASET RUN CONFIG [group.key=value …]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from nmt.cluster.connection import MALLOC
from nmt.training.state import TrainingState


class Clock:
    """The surroundings of the training loop; they only print."""

    def report(self, metrics: dict[str, Any], save: Callable[[Path], None]) -> None:
        """Write a checkpoint, which is timed as well, and print the CPU time so far."""
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder))
        bleu, spent = metrics.get("bleu", 0.0), time.process_time()
        print(f"step {metrics['step']}: BLEU {bleu:.2f}, {spent:,.0f} CPU-seconds")

    def broadcast(self, state: TrainingState) -> TrainingState:
        """One worker has the only state."""
        return state

    def should_stop(self) -> bool:
        """Never."""
        return False

    def show_progress(self, done: int, total: int, detail: str) -> None:
        """Nobody watches."""

    def log_metrics(self, step: int, values: dict[str, float]) -> None:
        """RUN/metrics.jsonl holds them."""

    def heartbeat(self, step: int) -> None:
        """Nobody waits."""

    def expect_long_phase(self) -> None:
        """Nobody waits."""


def main() -> None:
    """Train."""
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(1, 1, False)
    from nmt.configuration import resolve
    from nmt.shards.dataset import Dataset
    from nmt.storage.location import Location
    from nmt.training.loop import Training

    data, run, config, *assignments = sys.argv[1:]
    written = yaml.safe_load(Path(config).read_text("utf-8"))
    settings = resolve(preset="small", config=written, assignments=assignments)
    datasets = [Dataset.open(Location(data))]
    Training(datasets, settings, Location(run), Replicas(), Clock()).run()


if __name__ == "__main__":
    if MALLOC.items() <= os.environ.items():
        main()
    else:  # like Ray's workers
        command = [sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, env={**os.environ, **MALLOC}, check=False).returncode)

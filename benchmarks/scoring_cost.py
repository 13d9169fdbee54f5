"""What it costs to score a finished translation: CPU time of one thread per row, step by step.

Prints the time in which the metrics count in a sentence, those in which a sentence is resampled as
sacrebleu draws and by weights, and for both ways the interval of BLEU. Then the size of what a
block of rows gives back.

    python benchmarks/scoring_cost.py [--rows 100000]
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import argparse
import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nmt.evaluation.metrics import METRICS, Metrics
from nmt.evaluation.significance import (
    confidence,
    resampled_totals,
    weighted_totals,
)
from nmt.evaluation.totals import Collected

_DIFFERENT = 1000  # sentences; they are counted once and resampled many times over


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds of CPU, and the value."""
    start = time.process_time()
    value = function(*arguments)
    return time.process_time() - start, value


def sentence(number: int) -> str:
    """A sentence of eleven words."""
    return f"The dog number {number} sees {number % 97} cats near the old house."


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    pairs = [(sentence(n), [sentence(n + (n % 10 == 0))]) for n in range(_DIFFERENT)]
    for names in (*((name,) for name in METRICS), METRICS):
        seconds, statistics = timed(Metrics(names=names).count, pairs)
        print(f"count {', '.join(names)}: {1e6 * seconds / len(pairs):.0f} µs per row")
    metrics = Metrics()
    many = np.resize(statistics, (rows, metrics.width))
    numbers = np.arange(rows)
    for kind, function, arguments in (
        ("as sacrebleu draws", resampled_totals, (many,)),
        ("by weights", weighted_totals, (numbers, many)),
    ):
        seconds, totals = timed(function, *arguments)
        interval = confidence(np.array([metrics.score("BLEU", total) for total in totals]))
        print(f"resample {kind}: {1e6 * seconds / rows:.1f} µs per row; BLEU {interval}")
    for kind, keep in (("statistics", True), ("sums", False)):
        collected = Collected(metrics, keep=keep)
        collected.add(numbers, {1}, many)
        print(f"{kind} of {rows:,} rows: {len(pickle.dumps(collected)) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()

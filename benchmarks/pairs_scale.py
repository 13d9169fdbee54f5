"""What a training worker needs for a corpus of 10^8 pairs, by the slope over smaller ones.

For each size, in a process of its own: the time to open the dataset and hash its files, the bytes
of the index that the worker then holds, the time to the first batch, to the first batch after half
of an epoch (a training that continues), to plan a whole epoch, and the peak memory of the process.
Sizes are those of `benchmarks/synthetic_shards.py`, whose files are in the page cache.

    python benchmarks/pairs_scale.py FOLDER [--pairs 1000000,10000000,30000000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
from synthetic_shards import synthetic_dataset

from nmt.process import peak_bytes
from nmt.settings import TrainingSettings
from nmt.shards.batches import choose_shapes, count_batches, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

LARGE = 10**8
UNITS = {"open": "s", "index": "bytes", "first": "s", "resume": "s", "plan": "s", "peak": "bytes"}


def measure(folder: Path) -> dict[str, float]:
    """The numbers of one dataset."""
    training = TrainingSettings()
    values: dict[str, float] = {}
    tracemalloc.start()
    before, start = tracemalloc.get_traced_memory()[0], time.monotonic()
    dataset = Dataset.open(Location(folder))
    dataset.row_groups("train")
    values["open"] = time.monotonic() - start
    values["index"] = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    widths = dataset.widths()
    shapes = choose_shapes(widths, training.buckets, training.batch_tokens)
    batches = count_batches(widths, shapes)
    for name, skip in (("first", 0), ("resume", batches // 2), ("plan", batches)):
        start = time.monotonic()
        next(epoch_batches(dataset, shapes, training.seed, 0, training.window, skip), None)
        values[name] = time.monotonic() - start
    return {"pairs": dataset.rows("train"), **values, "peak": peak_bytes()}


def main() -> None:
    """Print a line per size, then the slopes and what they say of 10^8 pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", default="1000000,10000000,30000000")
    parser.add_argument("--measure", action="store_true", help="one dataset, in this process")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder)))
        return
    rows = []
    print("| pairs | " + " | ".join(f"{name}, {unit}" for name, unit in UNITS.items()) + " |")
    for pairs in map(int, options.pairs.split(",")):
        folder = options.folder / str(pairs)
        synthetic_dataset(folder, pairs)
        command = [sys.executable, __file__, str(folder), "--measure"]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
        print(_line(f"{rows[-1]['pairs']:,}", [rows[-1][name] for name in UNITS]), flush=True)
    sizes = [row["pairs"] for row in rows]
    lines = [np.polyfit(sizes, [row[name] for row in rows], 1) for name in UNITS]
    print(_line("per 10^6 pairs", [slope * 10**6 for slope, _ in lines]))
    print(_line(f"{LARGE:,}, by the slope", [slope * LARGE + base for slope, base in lines]))


def _line(title: str, values: list[float]) -> str:
    cells = [f"{value:,.2f}" if value < 1000 else f"{value:,.0f}" for value in values]
    return f"| {title} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()

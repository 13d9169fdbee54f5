"""The share of its time that a training waits for an object store, simulated.

Each row group takes --delay seconds to arrive and each step --step seconds, as those of a fast
device; both only sleep. Reading, planning and padding are those of a training.

    python benchmarks/waiting.py FOLDER [--pairs 500000] [--epochs 6] [--delay 0.1] [--step 0.015]

Prints steps, seconds and the share of waiting, in all and after the first step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa
from synthetic_shards import synthetic_dataset

from nmt.settings import TrainingSettings
from nmt.shards.batches import choose_shapes, epoch_batches
from nmt.shards.row_groups import RowGroup, prefetch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=500_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--delay", type=float, default=0.1)
    parser.add_argument("--step", type=float, default=0.015)
    parser.add_argument("--tokens", type=int, default=32_768)
    options = parser.parse_args()
    training = TrainingSettings(batch_tokens=options.tokens)
    dataset = synthetic_dataset(options.folder, options.pairs)
    shapes = choose_shapes(dataset.widths(), training.buckets, training.batch_tokens)
    dataset.row_groups("train")  # compares the files with dataset.json
    read = RowGroup.read

    def delayed(self: RowGroup, columns: Sequence[str] | None = None) -> pa.Table:
        time.sleep(options.delay)
        return read(self, columns)

    RowGroup.read = delayed  # type: ignore[method-assign]
    order = dataset, shapes, training.seed
    epochs = (epoch_batches(*order, epoch, training.window) for epoch in range(options.epochs))
    batches = prefetch(chain.from_iterable(epochs))
    begun, waits = time.monotonic(), []
    while True:
        before = time.monotonic()
        batch = next(batches, None)
        waits.append(time.monotonic() - before)
        if batch is None:
            break
        time.sleep(options.step)
    seconds = time.monotonic() - begun
    print(f"{len(waits) - 1} steps in {seconds:.1f} s, the first after {waits[0]:.2f} s")
    share, rest = sum(waits) / seconds, sum(waits[1:]) / seconds
    print(f"waiting {share:.1%}, after the first step {rest:.1%}")


if __name__ == "__main__":
    main()

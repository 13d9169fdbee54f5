"""Batches and padding of an epoch, and each worker's part of a validation.

    python benchmarks/batch_plan.py DATASET [--workers 1]

First, for sizes of a batch and of a window: batches planned (`count_batches`), batches made, and
the share of padding in what all workers make. Then, for numbers of workers: the largest part of the
validation that a worker has, in sentences, and its source tokens with padding over an equal part.
"""

from __future__ import annotations

import argparse

import numpy as np
import pyarrow as pa

from nmt.inference.batching import batches_by_length
from nmt.settings import TrainingSettings
from nmt.shards.batches import Ragged, choose_shapes, count_batches, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.validation import share_batches


def plans(dataset: Dataset, workers: int) -> None:
    """Print the table of batches and padding."""
    training, widths = TrainingSettings(), dataset.widths()
    print(f"{dataset.rows('train'):,} pairs, {workers} workers\n")
    print("| tokens per batch | window | planned | made | padding |")
    for tokens in (4_096, 65_536, 262_144, 1_048_576):
        shapes = choose_shapes(widths, training.buckets, tokens)
        for window in (10_000, training.window):
            used = cells = made = 0
            for rank in range(workers):
                order = shapes, training.seed, 0, window
                for batch in epoch_batches(dataset, *order, rank=rank, workers=workers):
                    used += np.count_nonzero(batch.target_outputs)
                    cells += batch.target_outputs.size
                    made += rank == 0
            planned, padding = count_batches(widths, shapes), 1 - used / cells
            print(f"| {tokens:,} | {window:,} | {planned} | {made} | {padding:.1%} |")


def shares(dataset: Dataset) -> None:
    """Print the table of the parts of a validation."""
    table = pa.concat_tables(dataset.read("valid", ["source_ids"]))
    count = min(table.num_rows, TrainingSettings().valid_sentences)
    rows = np.linspace(0, table.num_rows - 1, count).astype(np.int64)
    lengths = Ragged.of(table["source_ids"]).lengths[rows] + 1
    batches = list(batches_by_length(lengths.tolist()))
    costs = [len(batch) * int(lengths[batch].max()) for batch in batches]
    print(f"\nvalidation of {count:,} sentences in {len(batches)} batches\n")
    print("| workers | sentences of the largest part | its tokens over an equal part |")
    for workers in (1, 2, 3, 4, 8):
        parts = share_batches(costs, workers)
        sentences = max(sum(len(batches[number]) for number in part) for part in parts)
        tokens = max(sum(costs[number] for number in part) for part in parts)
        print(f"| {workers} | {sentences:,} | {tokens * workers / sum(costs):.2f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    dataset = Dataset.open(Location(options.dataset))
    plans(dataset, options.workers)
    shares(dataset)


if __name__ == "__main__":
    main()

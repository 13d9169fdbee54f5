"""Batches and padding of an epoch, and each worker's part of a validation.

    python benchmarks/batch_plan.py DATASET [--workers 1] [--model MODEL]

First, for sizes of a batch and of a window: batches planned (`count_batches`), batches made, and
the share of padding in what all workers make. Then, for numbers of workers: the largest part of the
validation over an equal part, in sentences and in tokens with padding. With a model, this process
computes the parts one after another, on one thread, and the last column is the same in seconds of
CPU.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa

from nmt.inference.batching import BATCH_TOKENS
from nmt.settings import SearchSettings, TrainingSettings
from nmt.shards.batches import Ragged, choose_shapes, count_batches, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.validation import even_batches, share_batches


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


def shares(dataset: Dataset, model: Location | None) -> None:
    """Print the table of the parts of a validation."""
    columns = ["source_ids", "target_ids"]
    table = pa.concat_tables(dataset.read("valid", columns))
    lengths = [Ragged.of(table[name]).lengths for name in columns]
    print("\n| sentences | workers | largest part, sentences | tokens | seconds |")
    for sentences in sorted({min(table.num_rows, most) for most in (500, 1000, 2000)}):
        rows = np.linspace(0, table.num_rows - 1, sentences).astype(np.int64)
        widths = np.maximum(*lengths)[rows] + 1
        batches = even_batches(widths.tolist(), BATCH_TOKENS)
        sizes = [float(len(batch)) for batch in batches]
        tokens = [float(len(batch) * widths[batch[-1]]) for batch in batches]
        seconds = _seconds(dataset, model, sentences, len(batches)) if model else []
        for workers in (1, 2, 3, 4, 8):
            costs = [_largest(cost, workers) for cost in (sizes, tokens, seconds) if cost]
            cells = " | ".join(f"{cost:.2f}" for cost in costs)
            print(f"| {sentences:,} | {workers} | {cells} |", flush=True)


def _largest(costs: list[float], workers: int) -> float:
    """The sum of the largest part of these batches over that of an equal part."""
    parts = [share_batches(len(costs), rank, workers) for rank in range(workers)]
    return max(sum(costs[number] for number in part) for part in parts) * workers / sum(costs)


def _seconds(dataset: Dataset, model: Location, sentences: int, batches: int) -> list[float]:
    """Seconds of CPU of each batch of a validation, on one thread, the least of three times."""
    import nmt.model  # noqa: F401  (first: it quiets TensorFlow)
    from nmt.training.strategy import Replicas, set_up_devices

    set_up_devices(1, 1, use_gpu=False)
    from nmt import bundle
    from nmt.inference.translator import Translator
    from nmt.training.validation import Validator

    loaded = bundle.load(model)
    search = SearchSettings().greedy(dataset.settings.max_length)
    translator = Translator(loaded, search, batch_size=sentences)
    validator = Validator(dataset, loaded.model, translator, sentences, "none", Replicas())

    def timed(number: int) -> float:
        start = time.process_time()
        validator.part(number, batches)  # of as many workers as batches, each has one
        return time.process_time() - start

    times = [[timed(number) for number in range(batches)] for _ in range(4)]
    least = np.min(times[1:], axis=0)  # the first time traces
    parts, start = [validator.part(0, 1)], time.process_time()
    validator.score(parts)
    print(f"all parts {least.sum():.2f} s, scoring {time.process_time() - start:.2f} s")
    return least.tolist()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--model", type=Location)
    options = parser.parse_args()
    dataset = Dataset.open(Location(options.dataset))
    plans(dataset, options.workers)
    shares(dataset, options.model)


if __name__ == "__main__":
    main()

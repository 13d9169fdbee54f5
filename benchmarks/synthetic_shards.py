"""A DATASET of any number of synthetic pairs, for scripts that measure reading.

Lengths are distributed as those of subtitles and captions (log-normal, 14 tokens on average), ids
uniformly. Ten files of 98,304 pairs are written; further ones are links to them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from nmt.shards.dataset import Dataset
from nmt.shards.schema import ROW_GROUP_ROWS, pairs_schema
from nmt.storage.location import Location

FILE_ROWS = 24 * ROW_GROUP_ROWS
_FILES = 10  # different ones


def synthetic_dataset(folder: Path, pairs: int) -> Dataset:
    """Write a dataset of as many pairs, rounded up to whole files, or open it if it is there."""
    if not (folder / "dataset.json").exists():
        demo = [sys.executable, "-m", "nmt", "prepare", "--demo", "5000", "--output", str(folder)]
        subprocess.run(demo, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _replace_pairs(folder, -(-pairs // FILE_ROWS))
    return Dataset.open(Location(folder))


def _replace_pairs(folder: Path, files: int) -> None:
    info = json.loads((folder / "dataset.json").read_text())
    sizes = [info["tokenizer"][side]["size"] for side in ("source", "target")]
    random = np.random.default_rng(1)
    entries, counted = [], []
    for number in range(min(files, _FILES)):
        table, lengths = _pairs(random, sizes)
        entry = Location(folder / f"train/part-{number:05d}.parquet").write_table(
            table, ROW_GROUP_ROWS
        )
        entries.append(entry.to_json())
        counted.append(lengths)
    lengths = Counter()
    listed = []
    for number in range(files):
        name = f"train/part-{number:05d}.parquet"
        if number >= _FILES:
            os.link(folder / f"train/part-{number % _FILES:05d}.parquet", folder / name)
        listed.append({"name": name, **entries[number % _FILES]})
        lengths.update(counted[number % _FILES])
    info["files"]["train"] = listed
    info["counts"]["train"] = files * FILE_ROWS
    info["lengths"] = {f"{s} {t}": count for (s, t), count in sorted(lengths.items())}
    (folder / "dataset.json").write_text(json.dumps(info))


def _pairs(random: np.random.Generator, sizes: list[int]) -> tuple[pa.Table, Counter]:
    source = np.exp(random.normal(np.log(13), 0.4, FILE_ROWS))
    target = source * random.normal(1.05, 0.15, FILE_ROWS)
    sides = [np.clip(np.round(side), 1, 100).astype(np.int64) for side in (source, target)]
    columns = [
        pa.ListArray.from_arrays(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
            random.integers(4, size, lengths.sum(), np.int32),
        )
        for lengths, size in zip(sides, sizes, strict=True)
    ]
    text = pa.array([""] * FILE_ROWS)
    schema = pairs_schema(alignment=False)
    table = pa.Table.from_arrays([np.arange(FILE_ROWS), text, text, *columns], schema=schema)
    return table, Counter(zip(*(lengths.tolist() for lengths in sides), strict=True))

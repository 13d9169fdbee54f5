"""Decoding in batches of 16 beside batches of 64 with ONNX Runtime, in turn, on one core.

MODEL has its graphs (`nmt export`); SOURCE is a text file, perhaps .gz. Prints for each search and
precision the sentences per CPU-second, text to text: medians of the rounds, their ratio, and that
of the fastest rounds, which other work on the machine disturbs least.

    taskset -c 1 python benchmarks/batch_sizes.py MODEL SOURCE [greedy] [beam]
"""

from __future__ import annotations

import gzip
import statistics
import sys
import time
from pathlib import Path

from nmt.inference.translator import Translator, load_model
from nmt.settings import SearchSettings

_SEARCHES = {"greedy": {"beam_size": 1}, "beam": {"beam_size": 5, "shortlist": 0}}
_SIZES = 64, 16
_ROUNDS = 5


def main(model: str, source: str, *searches: str) -> None:
    """Print the table."""
    data = Path(source).read_bytes()
    texts = (gzip.decompress(data) if source.endswith(".gz") else data).decode().splitlines()
    print("| search | precision | batches of 64 | of 16 | ratio | of the fastest |")
    print("|---|---|---:|---:|---:|---:|")
    for search in searches or _SEARCHES:
        for precision in ("float32", "int8"):
            settings = SearchSettings.model_validate(
                {"runtime": "onnx", "precision": precision, **_SEARCHES[search]}
            )
            translators = [load_model(model, settings, size, threads=1) for size in _SIZES]
            for translator in translators:
                translator.translate(texts[:200])
            rounds = [[_seconds(one, texts) for one in translators] for _ in range(_ROUNDS)]
            large, small = zip(*rounds, strict=True)
            medians = [statistics.median(seconds) for seconds in (large, small)]
            speeds = " | ".join(f"{len(texts) / seconds:,.0f}" for seconds in medians)
            ratio, fastest = medians[0] / medians[1], min(large) / min(small)
            print(
                f"| {search} | {precision} | {speeds} | {ratio:.2f} | {fastest:.2f} |", flush=True
            )


def _seconds(translator: Translator, texts: list[str]) -> float:
    start = time.process_time()
    translator.translate(texts)
    return time.process_time() - start


if __name__ == "__main__":
    main(*sys.argv[1:])

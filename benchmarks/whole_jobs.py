"""What whole jobs take beside their work, on this machine with a Ray of their own.

Prints the seconds from a command to its first result, which is the first unit that a translation
commits and the first step that a training reports; then translates ROWS sentences, greedy, with an
actor on each core, and prints how much of its time all else took: start-up, reading, Ray, writing,
report. Without ROWS it leaves that out.

    python benchmarks/whole_jobs.py DATASET MODEL [ROWS]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

_JOBS = Path(__file__).parents[1] / "jobs"


def start(job: str, *options: str | Path) -> subprocess.Popen:
    """Start a job in a session of its own, so that all of it can be ended."""
    return subprocess.Popen(
        [sys.executable, _JOBS / f"{job}.py", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def first_result(place: Path, pattern: str, job: str, *options: str) -> float:
    """Seconds until a job whose output is `place` has written a file there that fits."""
    begin = time.monotonic()
    process = start(job, "--output", place, *options)
    while not any(place.glob(pattern)):
        if process.poll() is not None:
            raise SystemExit(f"{job} ended with {process.returncode} and without {pattern}")
        time.sleep(0.05)
    seconds = time.monotonic() - begin
    process.send_signal(signal.SIGTERM)
    process.wait()
    return seconds


def own_part(place: Path, data: str, model: str, rows: int) -> None:
    """Translate so many training sentences, and print what the job itself took."""
    tables = Dataset.open(Location(data)).read("train", ["source"])
    texts = [text for table in tables for text in table["source"].to_pylist()]
    place.with_suffix(".txt").write_text("\n".join(islice(cycle(texts), rows)) + "\n", "utf-8")
    actors, begin = os.cpu_count() or 1, time.monotonic()
    options = ["--model", model, "--input", place.with_suffix(".txt"), "--actors", str(actors)]
    if start("translate", "--output", place, *options).wait():
        raise SystemExit("the translation failed")
    seconds = time.monotonic() - begin
    throughput = json.loads((place / "report/report.json").read_text("utf-8"))["throughput"]
    decoding = throughput["decode_seconds"]
    print(
        f"{rows:,} rows: {seconds:.1f} s × {actors} actors for {decoding:.1f} s of decoding; "
        f"all else is {100 * (seconds * actors / decoding - 1):.1f} %"
    )


def main() -> None:
    """Measure and print."""
    data, model, *rows = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = ["--model", model, "--input", f"{data}/test"]
        seconds = first_result(place / "out", "translations/*.parquet", "translate", *options)
        print(f"translation, first unit: {seconds:.1f} s", flush=True)
        options = ["--data", data, "--preset", "small", "--set", "training.report_every=1"]
        seconds = first_result(place / "run", "metrics.jsonl", "train", *options)
        print(f"training, first step: {seconds:.1f} s", flush=True)
        if rows:
            own_part(place / "all", data, model, int(rows[0]))


if __name__ == "__main__":
    main()

"""Seconds from a command to its first result, with a local Ray that the command starts.

For a translation that is the first unit committed, for a training the first step reported. The
output of both goes to a temporary folder.

    python docs/startup.py DATASET MODEL
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def first(place: Path, job: str, *options: str, result: str) -> float:
    """Start a job with its output in `place`, and wait until a file there matches `result`."""
    start = time.monotonic()
    command = [sys.executable, _ROOT / "jobs" / f"{job}.py", "--output", place, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(place.glob(result)):
        if process.poll() is not None:
            raise SystemExit(f"{job} ended with {process.returncode} and without {result}")
        time.sleep(0.1)
    seconds = time.monotonic() - start
    process.terminate()
    process.wait()
    return seconds


def main() -> None:
    """Measure and print."""
    data, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = "--model", model, "--input", f"{data}/test"
        seconds = first(place / "out", "translate", *given, result="translations/*.parquet")
        print(f"translation, first unit: {seconds:.1f} s")
        given = "--data", data, "--preset", "small", "--set", "training.report_every=1"
        seconds = first(place / "run", "train", *given, result="metrics.jsonl")
        print(f"training, first step: {seconds:.1f} s")


if __name__ == "__main__":
    main()

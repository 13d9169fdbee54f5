"""What `nmt prepare` needs for more and more pairs: peak memory, CPU time and pairs per CPU-second.

A corpus of each size is made of the pairs of a smaller one, told apart by a number in both sides,
and prepared in a process of its own.

    python benchmarks/prepare_memory.py FOLDER PAIRS [--sizes 500000,1000000] [--filters basic]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path

from corpus_filters import read

from nmt.storage.location import Location


def main() -> None:
    """Prepare each size, and print its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", type=Location)
    parser.add_argument("--sizes", default="250000,500000,1000000")
    parser.add_argument("--filters", default="basic")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    pairs, file = read(asked.pairs), asked.folder / "pairs.tsv"
    print(f"{'pairs':>12}{'MiB at most':>13}{'CPU-s':>9}{'pairs per CPU-s':>17}", flush=True)
    for size in map(int, asked.sizes.split(",")):
        with file.open("w", encoding="utf-8") as lines:
            for number, (source, target) in enumerate(islice(cycle(pairs), size)):
                lines.write(f"{source} {number}\t{target} {number}\n")
        output = asked.folder / "dataset"
        shutil.rmtree(output, ignore_errors=True)
        command = [sys.executable, "-m", "nmt", "prepare", "--pairs", str(file)]
        command += ["--source-language", "en", "--target-language", "de"]
        command += ["--filters", asked.filters, "--output", str(output)]
        child = subprocess.Popen(command)
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"nmt prepare ended with {os.waitstatus_to_exitcode(status)}")
        seconds, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        print(f"{size:>12,}{peak:>13,.0f}{seconds:>9.0f}{size / seconds:>17,.0f}", flush=True)


if __name__ == "__main__":
    main()

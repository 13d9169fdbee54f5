"""What `nmt prepare` needs for more and more pairs: memory of its processes, CPU time, and speed.

A corpus of each size is made of the pairs of a smaller one, told apart by a number in both sides,
and prepared on a local Ray. `driver` and `task` are the peaks of the command itself and of its
largest Ray task (resident sets), `all` is that of all its processes together, where memory that
they share counts once. CPU time is that of all of them.

    python benchmarks/prepare_scale.py FOLDER PAIRS [--sizes 1000000,3000000] [--filters basic]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from corpus_filters import read

from nmt.storage.location import Location

_EVERY = 0.5  # seconds between two looks
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    """What a command and the processes below it have needed so far, in MiB and seconds."""

    driver: float = 0
    task: float = 0
    together: float = 0
    seconds: dict[int, float] = field(default_factory=dict)

    def look(self, root: int) -> None:
        """Look at the processes that there are now."""
        together = 0.0
        for process in [root, *_below(root)]:
            with suppress(OSError):  # it has ended meanwhile
                files = Path("/proc", str(process))
                together += _mebibytes("Pss", (files / "smaps_rollup").read_text())
                peak = _mebibytes("VmHWM", (files / "status").read_text())
                title = (files / "cmdline").read_text()
                times = (files / "stat").read_text().rpartition(")")[2].split()
                self.seconds[process] = (int(times[11]) + int(times[12])) / _TICKS
                if process == root:
                    self.driver = max(self.driver, peak)
                elif title.startswith("ray::"):
                    self.task = max(self.task, peak)
        self.together = max(self.together, together)


def _mebibytes(name: str, text: str) -> float:
    found = re.search(rf"^{name}:\s*(\d+) kB$", text, re.M)
    return int(found[1]) / 1024 if found else 0.0


def _below(process: int) -> Iterator[int]:
    for task in Path("/proc", str(process), "task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                yield child
                yield from _below(child)


def main() -> None:
    """Prepare each size, and print its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", type=Location)
    parser.add_argument("--sizes", default="250000,1000000,3000000")
    parser.add_argument("--filters", default="basic")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    pairs, file = read(asked.pairs), asked.folder / "pairs.tsv"
    print(f"{'pairs':>12}{'driver':>9}{'task':>9}{'all':>9}{'CPU-s':>9}{'s':>8}", flush=True)
    for size in map(int, asked.sizes.split(",")):
        with file.open("w", encoding="utf-8") as lines:
            for number, (source, target) in enumerate(islice(cycle(pairs), size)):
                lines.write(f"{source} {number}\t{target} {number}\n")
        output = asked.folder / "dataset"
        shutil.rmtree(output, ignore_errors=True)
        command = [sys.executable, "-m", "nmt", "prepare", "--pairs", str(file)]
        command += ["--source-language", "en", "--target-language", "de", "--address", "local"]
        command += ["--filters", asked.filters, "--output", str(output)]
        begin, usage, child = time.monotonic(), Usage(), subprocess.Popen(command)
        while child.poll() is None:
            usage.look(child.pid)
            time.sleep(_EVERY)
        if child.returncode:
            raise SystemExit(f"nmt prepare ended with {child.returncode}")
        needed = (usage.driver, usage.task, usage.together, sum(usage.seconds.values()))
        line = "".join(f"{value:>9,.0f}" for value in needed)
        print(f"{size:>12,}{line}{time.monotonic() - begin:>8.0f}", flush=True)


if __name__ == "__main__":
    main()

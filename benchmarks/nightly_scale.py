"""Two nights with a cache: a large corpus, and the same with a few new sentences.

Translates sentences of the built-in grammar with `nmt translate --cache`, replaces a share of the
lines by new ones, and translates again. Prints per night its time, rows per second, the CPU time
and the memory of driver, actors and tasks, and the rows decoded, reused and repeated; then the
ratio of the times. The time of a job of a few rows is start-up, and is subtracted. CPU time says
more where other work shares the machine.

    python benchmarks/nightly_scale.py FOLDER --rows 1000000 [--model MODEL] [--new 0.02] [option …]

Without a MODEL it trains one of the preset `book` for --minutes. Other options go to
`nmt translate`. Run it again after an interruption: it then times only the rest of the interrupted
night, and says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from random import Random

import psutil

from nmt.grammar import generate

JOBS = Path(__file__).parents[1] / "jobs"
_EVERY = 0.5  # seconds between two looks at the CPU times
# Rows of the job that measures start-up: a unit for each core, so that as many actors start.
_UNIT = 256
_FEW = _UNIT * (os.cpu_count() or 1)


def run(job: str, *options: str) -> tuple[float, float]:
    """Run a job; returns the seconds, and those of CPU of driver, actors and tasks."""
    start, spent = time.monotonic(), dict[int, float]()
    process = psutil.Popen([sys.executable, str(JOBS / f"{job}.py"), *options])
    while process.poll() is None:
        time.sleep(_EVERY)
        with contextlib.suppress(psutil.Error):
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    if one == process or "".join(one.cmdline()).startswith("ray::"):
                        spent[one.pid] = sum(one.cpu_times()[:2])
    if process.returncode:
        raise SystemExit(f"{job} ended with status {process.returncode}")
    return time.monotonic() - start, sum(spent.values())


def model(folder: Path, minutes: float) -> Path:
    """Train a model of the book's size on demo sentences."""
    if not (folder / "run/model/model.json").exists():
        run("prepare", "--demo", "40000", "--output", str(folder / "dataset"))
        run("train", "--data", str(folder / "dataset"), "--output", str(folder / "run"),
            "--preset", "book", "--max-minutes", str(minutes))  # fmt: skip
    return folder / "run/model"


def sources(seed: int, count: int) -> list[bytes]:
    """Demo sentences of another seed than those of `prepare --demo`."""
    return [pair.source.encode() for pair in generate(seed, 0, count)]


def night(folder: Path, name: str, lines: list[bytes], options: list[str]) -> tuple[float, float]:
    """Translate lines; returns what `run` does, and stores it for the next run."""
    stored = folder / f"{name}.json"
    if not stored.exists():
        if (folder / name).exists():
            print(f"{name}: begun earlier; only what is left of it is timed")
        (folder / f"{name}.txt").write_bytes(b"\n".join(lines) + b"\n")
        seconds = run("translate", "--input", str(folder / f"{name}.txt"),
                      "--output", str(folder / name), *options)  # fmt: skip
        stored.write_text(json.dumps(seconds))
    return json.loads(stored.read_text())


def show(folder: Path, name: str, spent: tuple[float, float], few: tuple[float, float]) -> None:
    """Print the numbers of a night."""
    report = json.loads((folder / name / "report/report.json").read_text())
    counts, throughput = report["counts"], report["throughput"]
    peaks = {k.partition("_")[0]: v for k, v in throughput.items() if k.endswith("_peak_bytes")}
    seconds, startup, cpu = spent[0], few[0], spent[1] - few[1]
    memory = ", ".join(f"{name} {value / 2**20:,.0f} MiB" for name, value in peaks.items())
    print(f"{name}: {counts['rows']:,} rows in {seconds:.0f} s, {seconds - startup:.0f} s without "
          f"start-up: {counts['rows'] / (seconds - startup):,.0f} rows/s; of CPU {cpu:.0f} s, "
          f"{1e6 * cpu / counts['rows']:.0f} µs a row")  # fmt: skip
    print(f"  decoded {counts['decoded']:,}, reused {counts['reused']:,}, repeated "
          f"{counts['repeated']:,}; decoding took {throughput.get('decode_seconds', 0):,.0f} s of "
          f"actors, padding {throughput.get('padding', 0):.1%}")  # fmt: skip
    print(f"  peak memory: {memory}")


def main() -> None:
    """Do both nights and compare them."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--new", type=float, default=0.02)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--model")
    parser.add_argument("--rows-per-file", help="of both nights")
    given, options = parser.parse_known_args()
    folder: Path = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = given.model or str(model(folder, given.minutes))
    options = ["--model", chosen, *options]
    own = ["--cache", str(folder / "few"), "--rows-per-file", str(_UNIT)]
    few = night(folder, "startup", sources(4, _FEW), [*options, *own])
    if given.rows_per_file:
        options += ["--rows-per-file", given.rows_per_file]
    options += ["--cache", str(folder / "memory")]
    lines = sources(2, given.rows)
    first = night(folder, "first", lines, options)
    random = Random(1)
    for new in sources(3, round(given.new * given.rows)):
        lines[random.randrange(given.rows)] = new
    second = night(folder, "second", lines, options)
    print(f"start-up: {few[0]:.0f} s, of CPU {few[1]:.0f} s")
    show(folder, "first", first, few)
    show(folder, "second", second, few)
    ratios = [(b - start) / (a - start) for a, b, start in zip(first, second, few, strict=True)]
    print(f"ratio {ratios[0]:.3f}, of CPU {ratios[1]:.3f}")


if __name__ == "__main__":
    main()

"""What a translation job costs besides decoding, at different numbers of rows.

Runs whole jobs of `nmt translate` whose decoder answers at once, samples the memory of all their
processes, and counts their files. Prints per number of rows the seconds of each phase and the
largest resident sets; then, by the slope between the last two, what 10^9 rows would take.

    python benchmarks/whole_job_scale.py FOLDER --model MODEL [--rows 1000000 3000000] [--cache]
        [--scored]

The rows are different sentences in text files of at most a million lines. With --scored they are in
Parquet files and have references and domains: each job is scored, by groups, too, and a second job
is compared with the first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from nmt.inference.batching import Failed
from nmt.inference.row_filter import CleanedText
from nmt.inference.translation import Translation
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation import finalize, job
from nmt.translation.request import TranslateRequest
from nmt.translation.worker import DecodeActor

_FILE = 1_000_000  # rows
_EVERY = 1.0  # seconds between two samples of memory
_MIB = 1 << 20


class AnsweringActor(DecodeActor):
    """An actor with the job's model, whose decoder answers with the source."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._translator.decoder.decode = _answers  # type: ignore[method-assign]


def _answers(
    sources: Sequence[CleanedText], *, failed: Failed
) -> Iterator[tuple[int, Translation]]:
    for place, source in enumerate(sources):
        words = source.text.split()
        ranges = [range(number, number + 1) for number in range(len(words))]
        yield place, Translation(source.text, -0.5, words, words, None, ranges, ranges)


class Memory:
    """The largest resident sets of this process and of those that it has started, by kind."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        driver = psutil.Process()
        while not self._end.wait(_EVERY):
            sizes = {"driver": driver.memory_info().rss}
            for process in driver.children(recursive=True):
                try:
                    kind = _kind(process)
                    if kind:
                        sizes[kind] = max(sizes.get(kind, 0), process.memory_info().rss)
                except psutil.Error:
                    continue
            for kind, size in sizes.items():
                self.peaks[kind] = max(self.peaks.get(kind, 0), size)

    def stop(self) -> None:
        """Sample no more."""
        self._end.set()
        self._thread.join()


def _kind(process: psutil.Process) -> str | None:
    title = " ".join(process.cmdline()[:1])
    if not title.startswith("ray::"):
        return None
    return "actor" if "MapWorker" in title or "Actor" in title else "task"


def _sentence(number: int) -> str:
    return f"The dog number {number} sees {number % 97} cats near the old house."


def write_input(folder: Path, rows: int, scored: bool) -> None:
    """Different sentences; with references, every tenth of which is another, and domains."""
    folder.mkdir(parents=True)
    for start in range(0, rows, _FILE):
        numbers = range(start, min(rows, start + _FILE))
        if scored:
            columns = {
                "source": list(map(_sentence, numbers)),
                "reference": [_sentence(number + (number % 10 == 0)) for number in numbers],
                "domain": [f"domain {number % 7}" for number in numbers],
            }
            pq.write_table(pa.table(columns), folder / f"{start:012d}.parquet")
            continue
        with (folder / f"{start:012d}.txt").open("w") as file:
            file.writelines(f"{_sentence(number)}\n" for number in numbers)


def timed(phases: dict[str, float], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose seconds are added up."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        start = time.monotonic()
        try:
            return function(*arguments, **options)
        finally:
            phases[name] = phases.get(name, 0.0) + time.monotonic() - start

    return call


def measure(folder: Path, model: str, rows: int, cache: bool, scored: bool) -> dict[str, float]:
    """Run a job; returns the seconds of its phases and its memory in MiB."""
    shutil.rmtree(folder, ignore_errors=True)
    write_input(folder / "in", rows, scored)
    phases: dict[str, float] = {}
    patched = [(job, "inspect"), (job, "_decode"), (job, "close"), (finalize, "measure")]
    patched.append((finalize, "_verify"))
    for module, name in patched:
        setattr(module, name, timed(phases, name.strip("_"), getattr(module, name)))
    request = TranslateRequest(
        (Location(model),),
        str(folder / "in"),
        Location(folder / "out"),
        SearchSettings(),
        cache=Location(folder / "cache") if cache else None,
        heatmaps=0,
        **({"reference_column": "reference", "group_by": ("domain",)} if scored else {}),
    )
    memory, start = Memory(), time.monotonic()
    try:
        job.translate(request)
        phases["whole"] = time.monotonic() - start
        start = time.monotonic()
        job.translate(request)
        phases["again"] = time.monotonic() - start
        if scored:
            compared = replace(request, output=Location(folder / "out2"), baseline=request.output)
            more: dict[str, float] = {}
            finalize.measure = timed(more, "measure", finalize.measure.__wrapped__)
            job.translate(compared)
            phases["compared"] = more["measure"]
    finally:
        memory.stop()
        for module, name in patched:
            setattr(module, name, getattr(module, name).__wrapped__)
    files = sum(1 for path in (folder / "out").rglob("*") if path.is_file())
    peaks = {f"{kind}_mib": size / _MIB for kind, size in memory.peaks.items()}
    return {"rows": rows, "files": files, **phases, **peaks}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000])
    parser.add_argument("--cache", action="store_true")
    parser.add_argument("--scored", action="store_true")
    given = parser.parse_args()
    job.DecodeActor = AnsweringActor  # type: ignore[misc]
    print(f"{os.cpu_count()} cores; decoding answers at once{', with a cache' * given.cache}")
    results = []
    for rows in given.rows:
        folder = given.folder.absolute() / str(rows)
        results.append(measure(folder, given.model, rows, given.cache, given.scored))
        print("  ".join(f"{name} {value:,.1f}" for name, value in results[-1].items()), flush=True)
    if len(results) > 1:
        one, other = results[-2:]
        more = other["rows"] - one["rows"]
        for name in ("inspect", "decode", "close", "measure", "verify", "compared"):
            if name not in one:
                continue
            slope = (other[name] - one[name]) / more
            print(f"{name}: {1e6 * slope:.2f} µs per row, {slope * 1e9 / 3600:.1f} h at 10^9 rows")
        growth = (other["driver_mib"] - one["driver_mib"]) / more
        print(f"driver: {1e6 * growth:.2f} MiB per 10^6 rows")


if __name__ == "__main__":
    main()

"""The pipe `nmt translate --model MODEL` beside the decoding of the batch job, on the same lines.

Lines of the built-in grammar reach standard input through `zcat`, as fast as they are taken. The
batch job decodes units of 8,192 rows; here one process does it, without Ray, with as many threads.
What each takes for a single line is taken off, for that is loading the model. Prints the
CPU-seconds of each, their ratio, and the pipe's memory for each number of lines.

    python benchmarks/pipe.py MODEL [LINES [MORE_LINES]]
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

_ROUNDS = 2
_REPORT = """
import atexit, sys, time
from nmt.process import peak_bytes
atexit.register(lambda: print(f"{time.process_time():.2f}", peak_bytes(), file=sys.stderr))
"""
_PIPE = (
    _REPORT
    + """
from nmt.cli.application import main
main()
"""
)
_JOB = (
    _REPORT
    + """
import gzip
from nmt.inference.translator import load_model
translator = load_model(sys.argv[1])
lines = gzip.decompress(open(sys.argv[2], "rb").read()).splitlines()
for start in range(0, len(lines), 8192):
    filtered = translator.row_filter(lines[start : start + 8192])
    for _ in translator.decoder.decode(filtered.sources):
        pass
"""
)


def main(model: str, lines: int = 20_000, more: int = 200_000) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        one, some = _write(Path(name), 1), _write(Path(name), lines)
        pipe, job = [], []
        for _ in range(_ROUNDS):
            pipe.append(_pipe(model, some)[0] - _pipe(model, one)[0])
            job.append(_job(model, some) - _job(model, one))
        print(f"batch job, {lines:,} lines: {min(job):.1f} CPU-seconds, {lines / min(job):,.0f}/s")
        print(
            f"pipe,      {lines:,} lines: {min(pipe):.1f} CPU-seconds, {lines / min(pipe):,.0f}/s"
        )
        print(f"speed of the pipe over that of the job: {min(job) / min(pipe):.2f}")
        for count in filter(None, (lines, more)):
            peak = _pipe(model, _write(Path(name), count))[1]
            print(f"memory of the pipe, {count:,} lines: {peak / 2**20:.0f} MiB")


def _write(folder: Path, count: int) -> Path:
    from nmt.grammar import generate

    file = folder / f"{count}.gz"
    if not file.exists():
        text = "".join(f"{pair.source}\n" for pair in generate(7, 10**6, count))
        file.write_bytes(gzip.compress(text.encode()))
    return file


def _pipe(model: str, file: Path) -> tuple[float, int]:
    zcat = subprocess.Popen(["zcat", file], stdout=subprocess.PIPE)
    words = ["translate", "--model", model, "--log-level", "error"]
    return _measured(_PIPE, words, zcat.stdout)


def _job(model: str, file: Path) -> float:
    return _measured(_JOB, [model, str(file)], subprocess.DEVNULL)[0]


def _measured(code: str, words: list[str], stdin: IO[bytes] | int | None) -> tuple[float, int]:
    """CPU-seconds and bytes."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, peak = done.stderr.split()[-2:]
    return float(seconds), int(peak)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

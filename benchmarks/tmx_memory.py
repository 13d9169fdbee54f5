"""CPU time and peak memory of reading a large TMX file as `prepare` and as `translate` read it.

    python benchmarks/tmx_memory.py FOLDER [GIGABYTES]

writes a file of random words to FOLDER (1 GB takes a minute), reads it in a process for each job,
removes it, and prints a line a job.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nmt.process import peak_bytes

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
    '<tmx version="1.4"><header srclang="en" datatype="plaintext"/><body>\n'
)
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöü"


def write(path: Path, size: int) -> int:
    """Write a TMX file of about so many bytes; returns the number of its units."""
    rng = random.Random(1)
    words = ["".join(rng.choices(_LETTERS, k=rng.randint(2, 11))) for _ in range(30_000)]
    units = written = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        while written < size:
            source, target = (" ".join(rng.choices(words, k=rng.randint(5, 25))) for _ in "st")
            unit = (
                f'<tu tuid="{units}"><prop type="domain">news</prop>'
                f'<tuv xml:lang="en"><seg>{source}</seg></tuv>'
                f'<tuv xml:lang="de"><seg>{target}</seg></tuv></tu>\n'
            )
            file.write(unit)
            units, written = units + 1, written + len(unit.encode())
        file.write("</body></tmx>\n")
    return units


def read(job: str, name: str) -> int:
    """Read a file as a job does; returns the number of rows."""
    from nmt.corpus.readers import open_pairs
    from nmt.storage.location import Location
    from nmt.translation.input.corpus import inspect
    from nmt.translation.input.unit_rows import read_unit

    if job == "prepare":
        reader = open_pairs(Location(name), languages=("en", "de"))
        reader.inspect()
        return sum(1 for _ in reader.rows())
    corpus = inspect(name, "en", "tuid")
    rows = (read_unit(unit, corpus.text_column, corpus.id_column) for unit in corpus.units())
    return sum(len(unit.texts) for unit in rows)


def main() -> None:
    if sys.argv[1] in ("prepare", "translate"):
        rows = read(*sys.argv[1:3])
        seconds, memory = time.process_time(), peak_bytes() >> 20
        print(f"{sys.argv[1]:<10}{rows:>12,} rows {seconds:>8.0f} CPU-seconds {memory:>6,} MiB")
        return
    gigabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        path = Path(folder) / "large.tmx"
        units = write(path, int(gigabytes * 1e9))
        print(f"{path.stat().st_size:,} bytes, {units:,} units", flush=True)
        for job in ("prepare", "translate"):
            subprocess.run([sys.executable, __file__, job, str(path)], check=True)


if __name__ == "__main__":
    main()

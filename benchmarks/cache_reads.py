"""What a job reads of a large cache, and what it holds of it.

Writes caches of different sizes, as jobs write them, and looks keys up in each, range after range
as the tasks of a job do, in a process of its own. Prints per cache and number of known keys the
bytes of the cache and of what was read, the CPU seconds, and by how much the peak resident set of
the process grew. As many unknown keys as known ones are looked up with them.

    python benchmarks/cache_reads.py FOLDER [--entries N …] [--known N …] [--merged]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from nmt.grammar import generate
from nmt.inference.translation import Translation
from nmt.process import peak_bytes
from nmt.storage.location import Location
from nmt.translation.cache import rows_file
from nmt.translation.cache.keys import between, halves_of, keys_of, range_bounds
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache
from nmt.translation.cache.upkeep import merge
from nmt.translation.results_table import result_row, result_schema, stored_schema

_LOT = 500_000  # entries that are stored together, about as many as `settle` takes
_SENTENCES = 50_000  # different results
_DAY = 20_000
_COLUMNS = Columns(stored_schema(1, alignments=True))
_MIB = 1 << 20


def results() -> pa.Table:
    """Results such as a model of words gives them."""
    schema, random = result_schema(1, alignments=True), np.random.default_rng(1)
    rows = []
    for pair in generate(1, 0, _SENTENCES):
        words, source = pair.target.split(), pair.source.split()
        attention = random.dirichlet(np.ones(len(source)), len(words)).astype(np.float32)
        ranges = [range(n, n + 1) for n in range(len(source))]
        targets = [range(n, n + 1) for n in range(len(words))]
        one = Translation(
            pair.target, -random.exponential(), words, source, (attention,), ranges, targets
        )
        rows.append(result_row(one, schema))
    return pa.Table.from_pylist(rows, schema)


def write(folder: Path, entries: int) -> None:
    """A cache of so many entries; their keys are those of the numbers from 0."""
    cache, some = Cache(Location(folder), _DAY), results()
    for start in range(0, entries, _LOT):
        numbers = np.arange(start, min(entries, start + _LOT))
        rows = some.take(pa.array(numbers % len(some)))
        keys = keys_of(map(str, numbers.tolist()))
        cache.add("0123456789abcdef", stamped(rows.add_column(0, "key", keys), _DAY))


def look_up(folder: Path, entries: int, known: int) -> dict[str, float]:
    """Look keys up in this process."""
    cache = Cache(Location(folder), _DAY)
    stored = range(0, entries, entries // known)[:known]
    keys = keys_of(map(str, [*stored, *range(-known, 0)]))
    halves = halves_of(keys)
    order = np.argsort(halves[:, 0], kind="stable")
    keys, halves = keys.take(pa.array(order)), halves[order]
    read, real = [0], rows_file.RowsFile._read

    def counted(self: rows_file.RowsFile, start: int, end: int) -> None:
        read[0] += end - start
        real(self, start, end)

    rows_file.RowsFile._read = counted  # type: ignore[method-assign]
    files = cache.files()
    cache.find(keys[:1], _COLUMNS, "", files)  # imports, and starts what parses footers
    read[0], before, start, found = 0, peak_bytes(), time.process_time(), 0
    ranges = cache.ranges(files)
    for number in range(ranges):
        some = keys[between(halves, range_bounds(number, ranges))]
        found += len(cache.find(some, _COLUMNS, "", files)[0])
    assert found == known
    size = sum(file.size for file in files)
    return {
        "size": size / _MIB,
        "files": len(files),
        "ranges": ranges,
        "read": read[0] / _MIB,
        "seconds": time.process_time() - start,
        "memory": (peak_bytes() - before) / _MIB,
    }


def main() -> None:
    """Write the caches, and measure in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--known", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--alone", action="store_true", help="measure in this process")
    parser.add_argument("--merged", action="store_true", help="merge the files of each cache first")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(look_up(given.folder, given.entries[0], given.known[0])))
        return
    for entries in given.entries:
        folder = given.folder / str(entries)
        if not folder.exists():
            write(folder, entries)
        cache = Cache(Location(folder), _DAY)
        if given.merged:
            merge(cache, cache.files(), _COLUMNS)
        for known in given.known:
            command = [sys.executable, __file__, str(folder), "--alone"]
            command += ["--entries", str(entries), "--known", str(known)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            values = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{entries:,} entries, {known:,} known: cache {values['size']:,.0f} MiB in "
                f"{values['files']} files, {values['ranges']} ranges; read {values['read']:,.0f} "
                f"MiB, {values['seconds']:.1f} s of CPU, {values['memory']:,.0f} MiB of memory",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Corpora to translate, for the tests of what a job reads."""

import gzip
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.unit_rows import read_unit


def lines(count: int, first: int = 0) -> list[bytes]:
    return [
        f"Satz {number} ".encode() + b"x" * (number % 40) for number in range(first, first + count)
    ]


def text(path: Path, rows: list[bytes], end: bytes = b"\n") -> Path:
    data = b"".join(row + end for row in rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def look(name: object, id_column: str | None = None) -> InputCorpus:
    return inspect(str(name), "source", id_column)


def read(corpus: InputCorpus) -> list[tuple[object, object]]:
    """All (id, text) in the order of the units, after a look at the units themselves."""
    units = corpus.units()
    assert [unit.number for unit in units] == list(range(len(units)))
    assert sum(unit.rows for unit in units) == corpus.rows
    assert all(0 < unit.rows <= 8192 for unit in units)
    assert units[0].first == 0
    assert all(before.first + before.rows == after.first for before, after in pairwise(units))
    assert len({unit.part for unit in units}) == len(units)
    found = []
    for unit in units:
        rows = read_unit(unit, "source", corpus.id_column)
        assert len(rows.ids) == len(rows.texts) == unit.rows
        assert rows.others.num_rows in (0, unit.rows)
        found += zip(rows.ids.to_pylist(), rows.texts, strict=True)
    return found


def parquet(path: Path, columns: dict[str, object], group: int = 100) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path

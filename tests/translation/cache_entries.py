"""Entries of a cache, whose translations are their texts in capitals."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from nmt.translation.cache.keys import KEY, keys_of
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache, Stored
from nmt.translation.cache.upkeep import merge, to_merge

DAY = 20_000
SCHEMA = pa.schema([pa.field("translation", pa.string(), nullable=False)])
COLUMNS = Columns(SCHEMA)


def entries(*texts: str, day: int = DAY) -> pa.Table:
    table = pa.table({"key": keys_of(texts), "translation": [t.upper() for t in texts]})
    return stamped(table.cast(pa.schema([("key", KEY), ("translation", pa.string())])), day)


def found(cache: Cache, texts: Iterable[str], columns: Columns = COLUMNS) -> dict[str, str]:
    """The translations that a cache has of different texts."""
    texts = list(texts)
    by_key = dict(zip(keys_of(texts).to_pylist(), texts, strict=True))
    rows, _ = cache.find(keys_of(texts), columns, "")
    keys, values = (rows.column(name).to_pylist() for name in ("key", "translation"))
    return {by_key[key]: value for key, value in zip(keys, values, strict=True)}


def expected(texts: Iterable[str]) -> dict[str, str]:
    return {text: text.upper() for text in texts}


def age(folder: Path, days: float) -> None:
    for file in folder.rglob("*"):
        then = file.stat().st_mtime - days * 86400
        os.utime(file, (then, then))


def merge_all(cache: Cache, many: int = 16, columns: Columns = COLUMNS) -> list[list[Stored]]:
    folders = to_merge(cache.files(), many)
    for some in folders:
        merge(cache, some, columns)
    return folders


def parquet(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))

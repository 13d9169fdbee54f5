"""Whoever can write to a cache can give its files any rows, under names that are right."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cached_jobs import assert_same
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation.cache import files
from nmt.translation.cache.keys import KEY, keys_of, partitions_of
from nmt.translation.cache.plan import _LOST
from nmt.translation.cache.store import Cache
from nmt.translation.known import known_schema
from nmt.translation.results_table import stored_schema
from nmt.translation.scratch import Scratch
from nmt.translation.verify.part import value_problems

TEXTS = ["a b", "c d e", "f"]
PROBLEMS = partial(value_problems, longest=1000, n_best=2)
SCHEMA = stored_schema(2, alignments=True)
OLD = 86400 * 3


def results() -> pa.Table:
    count, tokens = len(TEXTS), [text.split() for text in TEXTS]
    best = [{"translation": text, "score": -1.0, "ranking": -1.0} for text in TEXTS]
    columns = {
        "key": keys_of(TEXTS),
        "translation": TEXTS,
        "score": [-1.0] * count,
        "source_tokens": tokens,
        "target_tokens": tokens,
        "attention_entropy": [0.5] * count,
        "coverage": [0.5] * count,
        "flags": pa.array([[]] * count, pa.list_(pa.string())),
        "alternatives": [[one, one] for one in best],
        "alignment": ["0-0"] * count,
        "unknown": [0] * count,
        "target_words": list(map(len, tokens)),
        "looping": [False] * count,
    }
    fields = [("key", KEY), *zip(SCHEMA.names, SCHEMA.types, strict=True)]
    return pa.table(columns, pa.schema(fields))


def having(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """One row has another value in a column."""

    def change(table: pa.Table) -> pa.Table:
        place, kind = table.column_names.index(name), table.schema.field(name).type
        values = [*table.column(name).to_pylist()[:-1], value]
        return table.set_column(place, name, pa.array(values, kind))

    return change


ONE = {"translation": "x", "score": -1.0, "ranking": -1.0}
CHANGES = {
    "a key that is none": having("key", None),
    "a score": having("score", -1e300),
    "an entropy": having("attention_entropy", 1e300),
    "words": having("target_words", -5),
    "more words than characters": having("target_words", 2**31 - 1),
    "unknown words": having("unknown", 7),
    "a long translation": having("translation", "x" * 1001),
    "many tokens": having("target_tokens", ["x"] * 1001),
    "long links": having("alignment", "9999999999999-3"),
    "many alternatives": having("alternatives", [ONE] * 3),
    "an alternative that is none": having("alternatives", [ONE, None]),
    "an alternative without text": having("alternatives", [{**ONE, "translation": None}]),
    "an alternative without number": having("alternatives", [{**ONE, "score": float("nan")}]),
    "a long alternative": having("alternatives", [{**ONE, "translation": "x" * 1001}]),
}


def test_sound_rows_are_taken(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path), 1)
    cache.add(0, "a", results())
    assert len(cache.read(0, SCHEMA, "a", PROBLEMS)[0]) == 3
    assert cache.damaged() == []


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_no_job_makes_are_set_aside(tmp_path: Path, change: str) -> None:
    cache = Cache(Location(tmp_path), 1)
    cache.add(0, "a", CHANGES[change](results()))
    cache.add(0, "b", results())
    assert len(cache.read(0, SCHEMA, "a", PROBLEMS)[0]) == 3
    assert len(cache.damaged()) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_new_files_of_such_rows_are_set_aside(tmp_path: Path, change: str) -> None:
    cache = Cache(Location(tmp_path), 1)
    cache.add_new("a", CHANGES[change](results()))
    cache.settle(cache.new_files("a"), SCHEMA, PROBLEMS)
    assert len(cache.damaged()) == 1
    assert len(cache.read(0, SCHEMA, "a", PROBLEMS)[0]) == 0


def test_keys_that_are_none_stop_no_merging(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path), 1)
    for number in range(20):
        rows = results() if number else CHANGES["a key that is none"](results())
        file = cache.add(0, f"{number:x}", rows)
        os.utime(file.path, (1, 1))
    cache.merge(0, settled=OLD)
    assert len(cache.damaged()) == 1
    assert len(cache.read(0, SCHEMA, "a", PROBLEMS)[0]) == 3


@pytest.mark.parametrize(("kind", "sound"), [("lost", False), ("known", True)])
def test_what_is_lost_has_a_reason(tmp_path: Path, kind: str, sound: bool) -> None:
    scratch = Scratch(Location(tmp_path), "", lambda: None)
    schema = _LOST if kind == "lost" else known_schema(SCHEMA)
    columns = {name: pa.nulls(3, schema.field(name).type) for name in schema.names}
    scratch.write(kind, 0, pa.table({**columns, "key": keys_of(TEXTS)}, schema))
    if sound:
        assert len(scratch.read(kind, 0, schema)) == 3
    else:
        with pytest.raises(UnusableInput, match="damaged"):
            scratch.read(kind, 0, schema)


@pytest.mark.system
@pytest.mark.parametrize("links", ["0-0 999-3", "0-999"])
def test_links_of_words_that_are_not_there_are_made_anew(models, corpus, tmp_path, links) -> None:
    cache, options = tmp_path / "cache", {"alignments": True}
    translate(models[0], corpus, tmp_path / "first", cache=cache, **options)
    (generation,) = (folder for folder in cache.iterdir() if folder.is_dir())
    stored = Cache(Location(generation), 64)
    for file in sorted(generation.glob("*/*.parquet")):
        table = pq.read_table(file)
        place = table.column_names.index("alignment")
        table = table.set_column(place, "alignment", pa.array([links] * len(table)))
        file.unlink()
        (partition,) = {*partitions_of(table.column("key").combine_chunks(), 64).tolist()}
        stored.add(partition, "a", table)
    translate(models[0], corpus, tmp_path / "second", cache=cache, **options)
    assert_same(tmp_path / "first", tmp_path / "second")


def repeating(text: str, first: int, count: int = 40) -> pa.Table:
    """Rows of one long translation, which Parquet stores once."""
    texts = [f"{number}" for number in range(first, first + count)]
    return pa.table({"key": keys_of(texts), "translation": pa.array([text] * count)})


@pytest.mark.parametrize("first", ["read", "merge"])
def test_files_that_unpack_to_far_more_than_jobs_write_are_set_aside(
    tmp_path: Path, monkeypatch, first: str
) -> None:
    """What is held of a partition grows with the bytes that are stored, not with what they say."""
    monkeypatch.setattr(files, "_LITTLE", 1 << 20)
    cache, schema = Cache(Location(tmp_path), 1), pa.schema({"translation": pa.string()})
    honest = repeating("short", 0)
    cache.add(0, "0", honest)
    for number in range(20):
        cache.add(0, f"{number + 1:x}", repeating("a " * 10_000, 40 * (number + 1)))
    for file in tmp_path.rglob("*.parquet"):
        os.utime(file, (1, 1))
    stored = sum(file.stat().st_size for file in tmp_path.rglob("*.parquet"))
    assert stored < 200_000  # unpacked 16 MB
    if first == "merge":
        cache.merge(0, settled=OLD)
    rows, _ = cache.read(0, schema, "")
    assert 10 <= len(cache.damaged()) < 20
    assert rows.nbytes <= max(1 << 20, 200 * stored)
    assert {*honest.column("key").to_pylist()} <= {*rows.column("key").to_pylist()}

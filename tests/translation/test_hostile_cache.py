"""Whoever can write to a cache can give its files any rows, under names that are right."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cache_entries import parquet
from cached_jobs import assert_same
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation.cache import rows_file
from nmt.translation.cache.keys import KEY, keys_of, known_schema
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.plan import _LOST
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache
from nmt.translation.cache.upkeep import merge, remove_unused, settle
from nmt.translation.results_table import stored_schema
from nmt.translation.scratch import Scratch
from nmt.translation.verify.part import value_problems

TEXTS = sorted(["a b", "c d e", "f"], key=lambda text: keys_of([text])[0].as_py())
DAY = 20_000
PROBLEMS = partial(value_problems, longest=1000, n_best=2)
SCHEMA = stored_schema(2, alignments=True)
COLUMNS = Columns(SCHEMA, PROBLEMS)


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
    return stamped(pa.table(columns, pa.schema(fields)), DAY)


def put(cache: Cache, folder: str, run: str, rows: pa.Table) -> Location:
    """A file as whoever can write to the folder makes it."""
    data, name = rows_file.packed(rows)
    path = Path(cache.location.path) / folder / f"{run}-{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Location(path)


def having(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """One row has another value in a column."""

    def change(table: pa.Table) -> pa.Table:
        place, kind = table.column_names.index(name), table.schema.field(name).type
        values = [*table.column(name).to_pylist()[:-1], value]
        return table.set_column(place, name, pa.array(values, kind))

    return change


def of_type(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """A column has another type, and the same bytes."""

    def change(table: pa.Table) -> pa.Table:
        column = table.column(name).combine_chunks()
        column = column.view(kind) if kind == pa.date32() else column.cast(kind)
        return table.set_column(table.column_names.index(name), name, column)

    return change


def broken(name: str) -> Callable[[pa.Table], pa.Table]:
    """The tokens of a column are no UTF-8."""

    def change(table: pa.Table) -> pa.Table:
        tokens = pa.array([b"\xff\xfe"] * len(table)).view(pa.string())
        ends = pa.array(range(len(table) + 1), pa.int32())
        lists = pa.ListArray.from_arrays(ends, tokens)
        return table.set_column(table.column_names.index(name), name, lists)

    return change


ONE = {"translation": "x", "score": -1.0, "ranking": -1.0}
CHANGES = {
    "a key that is none": having("key", None),
    "keys in another order": lambda table: table.take([2, 0, 1]),
    "a day that is none": having("used", None),
    "a date for a day": of_type("used", pa.date32()),
    "views": of_type("translation", pa.string_view()),
    "tokens that are no UTF-8": broken("source_tokens"),
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
    cache = Cache(Location(tmp_path), DAY)
    cache.add("a", results())
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 3
    assert cache.damaged() == []


@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_no_job_makes_are_set_aside(tmp_path: Path, change: str) -> None:
    cache = Cache(Location(tmp_path), DAY)
    put(cache, "all", "a", CHANGES[change](results()))
    cache.add("b", results())
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 3
    assert len(cache.damaged()) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_new_files_of_such_rows_are_set_aside(tmp_path: Path, change: str) -> None:
    cache = Cache(Location(tmp_path), DAY)
    put(cache, "new", "a", CHANGES[change](results()))
    settle(cache, cache.new_files("a"), COLUMNS)
    assert len(cache.damaged()) == 1
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 0


def test_keys_that_are_none_stop_no_merging(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path), DAY)
    put(cache, "all", "0", CHANGES["a key that is none"](results()))
    cache.add("1", results())
    cache.add("2", results())
    merge(cache, cache.files(), COLUMNS)
    assert [file.file.name.partition("-")[0] for file in cache.files()] == ["merged"]
    assert len(cache.damaged()) == 1
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 3


DAYS = {
    "none": pa.array([None] * 3, pa.string()),
    "texts": pa.array(["yesterday"] * 3),
    "bytes": pa.array([b"\xff"] * 3).view(pa.string()),
    "dates": pa.array([2**31 - 1] * 3, pa.int32()).view(pa.date32()),
}


@pytest.mark.parametrize("days", DAYS)
def test_days_that_are_none_stop_no_pruning(tmp_path: Path, days: str) -> None:
    cache, place = Cache(Location(tmp_path), DAY), results().column_names.index("used")
    put(cache, "all", "a", results().set_column(place, "used", DAYS[days]))
    cache.add("b", stamped(results(), DAY - 99))
    assert remove_unused(cache, 10, dry_run=True) == 3
    assert remove_unused(cache, 10) == 3
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 0
    assert len(cache.damaged()) == 1


@pytest.mark.parametrize("name", ["a" * 200, "A", "a b", "é", "\x1b[31m"])
def test_a_name_that_no_job_gives_is_set_aside(tmp_path: Path, name: str) -> None:
    cache = Cache(Location(tmp_path), DAY)
    put(cache, "all", name, stamped(results(), DAY - 99))
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 0
    assert remove_unused(cache, 10) == 0
    assert len(cache.damaged()) == 1


def test_statistics_that_pyarrow_does_not_survive_are_set_aside(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path), DAY)
    file = put(cache, "all", "a", stamped(results(), DAY - 99))
    data, least = bytearray(file.read_bytes()), min(results().column("key").to_pylist())
    end = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    # A text of a size and its bytes, in Thrift: the text gets shorter, and another field begins.
    place = data.index(bytes([len(least)]) + least, end)
    data[place : place + 17] = bytes([13]) + least[:-3] + b"\x18\x01z"
    Path(file.path).unlink()
    path = Path(file.path).with_name(f"a-{rows_file.digest(data[end:])}.parquet")
    path.write_bytes(data)
    assert remove_unused(cache, 10) == 0
    assert len(cache.damaged()) == 1
    assert len(cache.find(keys_of(TEXTS), COLUMNS, "a")[0]) == 0


def test_a_day_before_all_days_is_old(tmp_path: Path) -> None:
    cache = Cache(Location(tmp_path), DAY)
    put(cache, "all", "a", stamped(results(), -(2**31)))
    assert remove_unused(cache, 10) == 3


def test_statistics_that_lie_lead_to_no_other_translation(tmp_path: Path, monkeypatch) -> None:
    """A file whose row groups are not where their keys say has nothing, or what is asked for."""
    cache = Cache(Location(tmp_path), DAY)
    cache.add("a", results())
    wide = np.array([0], np.uint64), np.array([2**64 - 1], np.uint64)
    narrow = np.array([5], np.uint64), np.array([6], np.uint64)
    real = rows_file.RowsFile._parse
    for (least, greatest), rows in ((wide, 3), (narrow, 0)):

        def lying(self, end, least=least, greatest=greatest):  # type: ignore[no-untyped-def]
            real(self, end)
            self.least, self.greatest = least, greatest

        monkeypatch.setattr(rows_file.RowsFile, "_parse", lying)
        found, _ = cache.find(keys_of([*TEXTS, "other"]), COLUMNS, "a")
        assert len(found) == rows
        assert {*found.column("translation").to_pylist()} <= {*TEXTS}


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
    stored = Cache(Location(generation))
    for file in parquet(generation):
        table = pq.read_table(file)
        place = table.column_names.index("alignment")
        table = table.set_column(place, "alignment", pa.array([links] * len(table)))
        file.unlink()
        stored.add("a", table)
    translate(models[0], corpus, tmp_path / "second", cache=cache, **options)
    assert_same(tmp_path / "first", tmp_path / "second")


def repeating(text: str, first: int, count: int = 40) -> pa.Table:
    """Rows of one long translation, which Parquet stores once."""
    texts = [f"{number}" for number in range(first, first + count)]
    rows = pa.table({"key": keys_of(texts), "translation": pa.array([text] * count)})
    return stamped(rows, DAY)


@pytest.mark.parametrize("first", ["find", "merge"])
def test_files_that_unpack_to_far_more_than_jobs_write_are_set_aside(
    tmp_path: Path, monkeypatch, first: str
) -> None:
    """What is held of a cache grows with the bytes that are stored, not with what they say."""
    monkeypatch.setattr(rows_file, "LITTLE", 1 << 20)
    monkeypatch.setattr(rows_file, "RATIO", 100)
    cache = Cache(Location(tmp_path), DAY)
    columns = Columns(pa.schema({"translation": pa.string()}))
    cache.add("0", repeating("short", 0))
    for number in range(20):
        cache.add(f"{number + 1:x}", repeating("a " * 10_000, 40 * (number + 1)))
    stored = sum(file.stat().st_size for file in parquet(tmp_path))
    assert stored < 100_000  # unpacked 16 MB
    if first == "merge":
        merge(cache, cache.files(), columns)
    rows, _ = cache.find(keys_of([f"{number}" for number in range(40 * 21)]), columns, "")
    assert 10 <= len(cache.damaged()) < 20
    assert rows.nbytes <= max(1 << 20, 100 * stored)
    assert rows.column("translation").to_pylist().count("short") == 40

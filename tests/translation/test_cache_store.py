"""A cache gives back what was put into it, whoever else is at work on it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cache_entries import COLUMNS, DAY, age, entries, expected, found, merge_all, parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation.cache import rows_file, store, upkeep
from nmt.translation.cache.keys import (
    KEY,
    between,
    bounds_of,
    bytes_of,
    distinct,
    halves_of,
    keys_of,
    matches,
    places,
    range_bounds,
)
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache

TOKENS = pa.list_(pa.string())
TEXTS = [f"sentence {number}" for number in range(300)]


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(Location(tmp_path), DAY)


def test_keys_are_spread_evenly_and_tell_texts_apart() -> None:
    texts = [f"sentence {n}" for n in range(20_000)] + ["", "Ü", "漢字"]
    keys = keys_of(texts)
    assert keys.type == KEY
    assert len(set(keys.to_pylist())) == len(texts)
    halves = np.sort(halves_of(keys)[:, :1], axis=0)
    for count in (1, 8, 64):
        parts = [between(halves, range_bounds(number, count)) for number in range(count)]
        assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
        assert (parts[0].start, parts[-1].stop) == (0, len(texts))
        mean = len(texts) / count
        assert all(abs(part.stop - part.start - mean) <= 6 * np.sqrt(mean) for part in parts)
    assert bytes_of(keys.slice(3, 2)).tobytes() == b"".join(keys.to_pylist()[3:5])


def test_digits_are_those_with_which_a_key_begins() -> None:
    keys = keys_of(TEXTS)
    for key, half in zip(keys.to_pylist(), halves_of(keys)[:, 0].tolist(), strict=True):
        for digits in (0, 1, 3, 8):
            least, greatest = bounds_of(key.hex()[:digits])
            assert least <= half <= greatest
            assert bounds_of(key.hex()[:digits] or "0")[0] <= least or not digits


def test_distinct_and_places_are_those_of_a_dictionary() -> None:
    random = np.random.default_rng(1)
    texts = [str(n) for n in random.integers(0, 60, 300)]
    keys = keys_of(texts)
    different, first, numbers = distinct(keys)
    assert [texts[i] for i in first] == list(dict.fromkeys(texts))
    assert different.take(pa.array(numbers)).equals(keys)
    among = keys_of([str(n) for n in range(30)] * 2)
    told = [int(t) if int(t) < 30 else -1 for t in texts]
    assert places(keys, among).tolist() == told
    empty = keys_of([])
    assert places(keys, empty).tolist() == [-1] * 300
    assert [len(part) for part in distinct(empty)] == [0, 0, 0]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
@settings(max_examples=30, deadline=None)
def test_matches_are_the_keys_in_common(one: set[int], other: set[int]) -> None:
    lists = [sorted(keys_of([str(n) for n in some]).to_pylist()) for some in (one, other)]
    arrays = [halves_of(pa.array(keys, KEY)) for keys in lists]
    left, right = matches(*arrays)
    assert [lists[0][i] for i in left] == [lists[1][i] for i in right]
    assert {lists[0][i] for i in left} == {*lists[0]} & {*lists[1]}


def test_a_cache_holds_what_was_added(cache: Cache, tmp_path) -> None:
    assert found(cache, "xyz") == {}
    cache.add("a", entries("x", "y"))
    cache.add("a", entries("y", "x"))  # the same file
    cache.add("b", entries("y", "z"))
    assert found(cache, "qzxy") == expected("xyz")
    assert len(parquet(tmp_path)) == 2
    for run, own in (("a", {"X", "Y"}), ("b", {"Y", "Z"}), ("c", set())):
        rows, mine = cache.find(keys_of("xyz"), COLUMNS, run)
        assert {*rows.filter(pa.array(mine)).column("translation").to_pylist()} == own


@given(
    st.lists(st.sets(st.integers(0, 99)), min_size=1, max_size=6),
    st.sets(st.integers(0, 120)),
    st.integers(1, 40),
)
@settings(max_examples=15, deadline=None)
def test_what_is_looked_for_is_what_was_added(tmp_path_factory, nights, wanted, group) -> None:
    """However the entries lie in files and row groups, and before and after they are merged."""
    folder = tmp_path_factory.mktemp("cache")
    cache = Cache(Location(folder), DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_file, "GROUP", group)
        patch.setattr(store, "_HELD", 60 * group)
        patch.setattr(upkeep, "_SMALL", 100 * group)
        for night in nights:
            cache.add("a", entries(*map(str, night)))
        there = expected(map(str, set().union(*nights) & wanted))
        assert found(cache, map(str, wanted)) == there
        age(folder, 2)
        merge_all(cache, many=2)
        assert found(cache, map(str, wanted)) == there


def test_no_more_is_read_than_the_row_groups_of_the_keys(cache, monkeypatch) -> None:
    monkeypatch.setattr(rows_file, "GROUP", 20)
    monkeypatch.setattr(rows_file, "_TAIL", 64)
    monkeypatch.setattr(rows_file, "_GAP", 0)
    cache.add("a", entries(*TEXTS))
    ((file, size),) = [(stored.file, stored.size) for stored in cache.files()]
    read: list[int] = []
    real = rows_file.RowsFile._read

    def counted(self, start: int, end: int) -> None:
        read.append(end - start)
        real(self, start, end)

    monkeypatch.setattr(rows_file.RowsFile, "_read", counted)
    rows_file.RowsFile(file)
    end, spans = sum(read), 15
    for some in (TEXTS[:1], TEXTS[:3], TEXTS):
        read.clear()
        assert found(cache, some) == expected(some)
        assert sum(read) - end <= 1.2 * len(some) * (size - end) / spans
    assert sum(read) <= size


def test_many_small_files_become_one(cache, tmp_path) -> None:
    texts = [[f"{night} {n}" for n in range(3)] + ["same"] for night in range(20)]
    for night in range(20):
        cache.add(f"{night}", entries(*texts[night]))
    everything = {text for some in texts for text in some}
    assert merge_all(cache) == []  # too young
    age(tmp_path, 2)
    cache.add("a", entries("new"))
    merge_all(cache)
    assert [file.name.split("-")[0] for file in parquet(tmp_path / "all")] == ["a", "merged"]
    assert found(cache, {*everything, "new"}) == expected({*everything, "new"})
    age(tmp_path, 2)
    merge_all(cache, many=2)
    (before,) = parquet(tmp_path)
    merge_all(cache, many=1)  # of one file the same is made, and it stays
    assert parquet(tmp_path) == [before]


def test_files_stay_small_and_lie_in_folders_of_their_keys(cache, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(store, "_HELD", 2000)
    monkeypatch.setattr(upkeep, "_SMALL", 3000)
    for round_ in range(3):
        for night in range(4):
            some = [f"{round_} {night} {n}" for n in range(50)]
            cache.add("a", entries(*some))
        age(tmp_path, 2)
        merge_all(cache, many=3)
    texts = [f"{r} {night} {n}" for r in range(3) for night in range(4) for n in range(50)]
    assert found(cache, texts) == expected(texts)
    folders = {file.parent.name for file in parquet(tmp_path)}
    assert len(folders) > 10
    for stored in cache.files():
        with rows_file.RowsFile(stored.file) as file:
            least, greatest = bounds_of(stored.digits)
            assert least <= file.least.min()
            assert file.greatest.max() <= greatest
            rows = [batch for batch, _ in file.batches([*range(len(file.least))])]
            assert sum(batch.nbytes for batch in rows) <= 2100


def test_ranges_follow_the_size_of_a_cache(cache) -> None:
    def ranges(megabytes: int) -> int:
        files = [store.Stored(Location("x"), "", 1 << 20, 0.0)] * megabytes
        return cache.ranges(files)

    assert [ranges(size) for size in (0, 500, 600, 2000, 10**5)] == [8, 8, 16, 32, 256]


def test_files_that_another_job_merges_are_looked_for_again(cache, tmp_path) -> None:
    for text in "xyz":
        cache.add(text, entries(text))
    age(tmp_path, 2)
    listed = cache.files()
    merge_all(Cache(Location(tmp_path), DAY), many=2)
    rows, _ = cache.find(keys_of("xyz"), COLUMNS, "", listed)
    assert len(rows) == 3
    upkeep.merge(cache, listed, COLUMNS)  # which another job has just done
    assert found(cache, "xyz") == expected("xyz")


def damages(whole: bytes) -> dict[str, bytes]:
    """What may become of a file."""
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    return {
        "empty": b"",
        "short": b"PAR1",
        "cut off": whole[: len(whole) // 2],
        "no Parquet": b"PAR1 no PAR1",
        "footer": whole[:-footer] + b"\xff" * (footer - 8) + whole[-8:],
        "pages": b"PAR1" + b"\0" * (len(whole) - footer - 4) + whole[-footer:],
        "a bit": whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],
    }


@pytest.mark.parametrize(
    "damage", ["empty", "short", "cut off", "no Parquet", "footer", "pages", "a bit"]
)
@pytest.mark.parametrize("first", ["find", "merge"])
def test_a_damaged_file_costs_its_rows_only(cache, tmp_path, damage, first) -> None:
    cache.add("a", entries("x"))
    (file,) = parquet(tmp_path)
    bad = damages(file.read_bytes())[damage]
    file.write_bytes(bad)
    cache.add("b", entries("y"))
    cache.add("b", entries("z"))
    assert cache.damaged() == []
    age(tmp_path, 2)
    if first == "find":
        assert found(cache, "xyz") == expected("yz")
    else:
        merge_all(cache, many=2)
    (aside,) = cache.damaged()
    assert aside.name == f"{file.name}.damaged"
    assert aside.read_bytes() == bad
    assert found(cache, "xyz") == expected("yz")
    cache.add("c", entries("x"))  # translated again
    age(tmp_path, 2)
    merge_all(cache, many=2)
    assert found(cache, "xyz") == expected("xyz")


WHOLE = pa.schema([pa.field("translation", pa.string(), False), pa.field("tokens", TOKENS, False)])
RESULTS = {
    "a null": {"translation": pa.array([None], pa.string())},
    "numbers": {"translation": pa.array([1])},
    "a null in a list": {"tokens": pa.array([[None]], TOKENS)},
    "lists of numbers": {"tokens": pa.array([[1]])},
    "what a check finds": {"translation": pa.array(["bad"])},
}


def problems(table: pa.Table) -> list[str]:
    return ["bad"] if "bad" in table.column("translation").to_pylist() else []


@pytest.mark.parametrize("what", RESULTS)
def test_rows_that_are_no_results_are_set_aside(cache, what) -> None:
    """Their file is named as whoever writes to the folder can name it."""

    def add(run: str, text: str, **columns: pa.Array) -> Location:
        sound = {"translation": pa.array([text.upper()]), "tokens": pa.array([[text]], TOKENS)}
        rows = pa.table({"key": keys_of([text]), **sound, **columns})
        (file,) = cache.add(run, stamped(rows, DAY))
        return file

    file = add("a", "x", **RESULTS[what])
    add("b", "y")
    assert found(cache, "xy", Columns(WHOLE, problems)) == expected("y")
    assert [aside.name for aside in cache.damaged()] == [f"{file.name}.damaged"]


def test_a_file_that_may_not_be_read_is_not_damaged(cache, monkeypatch) -> None:
    cache.add("a", entries("x"))

    def refuse(self: Location) -> None:
        raise UnusableInput("permission denied")

    monkeypatch.setattr(Location, "open", refuse)
    with pytest.raises(UnusableInput, match="permission denied"):
        found(cache, "x")
    assert cache.damaged() == []


def test_a_damaged_file_has_no_other_read_again(cache, tmp_path, monkeypatch) -> None:
    for number in range(9):
        cache.add(f"a{number}", entries(f"{number}"))
        (tmp_path / f"all/z{number}-ab.parquet").write_bytes(b"PAR1 nothing PAR1")
    opened, real = [], Location.open
    monkeypatch.setattr(Location, "open", lambda self: opened.append(self.name) or real(self))
    assert len(found(cache, "0123456789")) == 9
    assert len(cache.damaged()) == 9
    assert max(opened.count(name) for name in opened) == 1


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_what_is_no_file_is_named_at_once(cache, kind, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits for it to go away"))
    (added,) = cache.add("a", entries("x"))
    file = Path(added.path)
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/etc/passwd" if kind == "link" else "nothing")
    with pytest.raises(UnusableInput, match=rf"{file.name}: .*; remove it"):
        found(cache, "x")

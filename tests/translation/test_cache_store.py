"""A cache gives back what was put into it, whoever else is at work on it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.cli.jobs import PruneCacheRequest, prune_cache
from nmt.errors import UnusableInput
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache import files, store
from nmt.translation.cache.generations import depends_on, generations, open_generation, unused
from nmt.translation.cache.keys import KEY, bytes_of, distinct, keys_of, partitions_of, places
from nmt.translation.cache.store import Cache

SCHEMA = pa.schema({"translation": pa.string()})
GENERATION = depends_on("m", SearchSettings(), None, raw=False)
TOKENS = pa.list_(pa.string())


def rows(*texts: str) -> pa.Table:
    return pa.table({"key": keys_of(texts), "translation": pa.array([t.upper() for t in texts])})


def content(cache: Cache, partition: int = 0) -> dict[bytes, str]:
    table, _ = cache.read(partition, SCHEMA, "")
    keys, values = (table.column(name).to_pylist() for name in ("key", "translation"))
    return dict(zip(keys, values, strict=True))


def expected(*texts: str) -> dict[bytes, str]:
    return dict(zip(keys_of(texts).to_pylist(), [t.upper() for t in texts], strict=True))


def test_keys_are_spread_evenly_and_tell_texts_apart() -> None:
    texts = [f"sentence {n}" for n in range(20_000)] + ["", "Ü", "漢字"]
    keys = keys_of(texts)
    assert keys.type == KEY
    assert len(set(keys.to_pylist())) == len(texts)
    for count in (1, 7, 64):
        owners = partitions_of(keys, count)
        sizes = np.bincount(owners, minlength=count)
        assert len(sizes) == count
        mean = len(texts) / count
        assert (np.abs(sizes - mean) <= 6 * np.sqrt(mean)).all()
        part = keys.slice(500, 300)
        assert (partitions_of(part, count) == owners[500:800]).all()
    assert bytes_of(keys.slice(3, 2)).tobytes() == b"".join(keys.to_pylist()[3:5])


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


def test_a_partition_holds_what_was_added(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 4)
    assert content(cache) == {}
    cache.add(0, "a", rows("x", "y"))
    cache.add(0, "a", rows("x", "y"))  # again: the same file
    cache.add(0, "b", rows("y", "z"))
    cache.add(3, "b", rows("q"))
    assert content(cache) == expected("x", "y", "z")
    assert content(cache, 3) == expected("q")
    assert len(list(tmp_path.rglob("*.parquet"))) == 3
    table, own = cache.read(0, SCHEMA, "b")
    found = zip(table.column("translation").to_pylist(), own.tolist(), strict=True)
    assert sorted(found) == [("X", False), ("Y", False), ("Y", True), ("Z", True)]


def age(folder: Path, days: float) -> None:
    for file in folder.rglob("*"):
        then = file.stat().st_mtime - days * 86400
        os.utime(file, (then, then))


def test_many_small_files_become_one(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 1)
    for night in range(20):
        cache.add(0, f"night{night}", rows(*(f"{night} {n}" for n in range(3)), "same"))
    before = content(cache)
    cache.merge(0)
    assert len(list(tmp_path.rglob("*.parquet"))) == 20  # too young
    age(tmp_path, 2)
    cache.add(0, "tonight", rows("new"))
    cache.merge(0)
    names = sorted(file.name.split("-")[0] for file in tmp_path.rglob("*.parquet"))
    assert names == ["merged", "tonight"]
    assert content(cache) == {**before, **expected("new")}
    age(tmp_path, 2)
    cache.merge(0, many=2)
    cache.merge(0, many=1)  # of one file the same is made, and it stays
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert content(cache) == {**before, **expected("new")}


def test_files_are_not_merged_beyond_what_is_read(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path), 1)
    for night in range(20):
        cache.add(0, f"night{night}", rows(*(f"{night} {n}" for n in range(50))))
    before = content(cache)
    held = sum(pq.read_table(file).nbytes for file in tmp_path.rglob("*.parquet"))
    monkeypatch.setattr(files, "_HELD", held // 4 + 100)
    age(tmp_path, 2)
    cache.merge(0)
    merged = sorted(tmp_path.rglob("*.parquet"))
    assert 3 <= len(merged) <= 5
    assert content(cache) == before
    # Files that are large enough are not made again.
    monkeypatch.setattr(store, "_SMALL", min(file.stat().st_size for file in merged))
    cache.add(0, "tonight", rows("new"))
    age(tmp_path, 2)
    cache.merge(0, many=2)
    assert set(merged) < set(tmp_path.rglob("*.parquet"))


def test_files_that_another_job_merges_are_looked_for_again(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path), 1)
    for n in range(3):
        cache.add(0, f"n{n}", rows(str(n)))
    age(tmp_path, 2)
    listed = cache._files(0)
    answers = [listed]
    monkeypatch.setattr(
        Cache, "_files", lambda self, p: answers.pop() if answers else self._folder(p).files()
    )
    Cache(Location(tmp_path), 1).merge(0, many=2)
    answers.append(listed)
    assert len(content(cache)) == 3
    assert not answers


def damages(whole: bytes) -> dict[str, bytes]:
    """What may become of a file."""
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    return {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "no Parquet": b"PAR1 no PAR1",
        "footer": whole[:-footer] + b"\xff" * (footer - 8) + whole[-8:],
        "pages": b"PAR1" + b"\0" * (len(whole) - footer - 4) + whole[-footer:],
    }


@pytest.mark.parametrize("damage", ["empty", "cut off", "no Parquet", "footer", "pages"])
@pytest.mark.parametrize("first", ["read", "merge"])
def test_a_damaged_file_costs_its_rows_only(tmp_path, damage, first) -> None:
    cache = Cache(Location(tmp_path), 1)
    cache.add(0, "a", rows("x"))
    (file,) = tmp_path.rglob("*.parquet")
    bad = damages(file.read_bytes())[damage]
    file.write_bytes(bad)
    cache.add(0, "b", rows("y"))
    cache.add(0, "b", rows("z"))
    assert cache.damaged() == []
    age(tmp_path, 2)
    {
        "read": lambda: cache.read(0, SCHEMA, ""),
        "merge": lambda: cache.merge(0, many=2),
    }[first]()
    (aside,) = cache.damaged()
    assert aside.name == f"{file.name}.damaged"
    assert aside.read_bytes() == bad
    assert content(cache) == expected("y", "z")
    cache.add(0, "c", rows("x"))  # translated again
    age(tmp_path, 2)
    cache.merge(0, many=2)
    assert content(cache) == expected("x", "y", "z")


WHOLE = pa.schema([pa.field("translation", pa.string(), False), pa.field("tokens", TOKENS, False)])
RESULTS = {
    "a null": {"translation": pa.array([None], pa.string())},
    "numbers": {"translation": pa.array([1])},
    "a null in a list": {"tokens": pa.array([[None]], TOKENS)},
    "lists of numbers": {"tokens": pa.array([[1]])},
    "what a check finds": {"translation": pa.array(["bad"])},
}


@pytest.mark.parametrize("what", RESULTS)
def test_rows_that_are_no_results_are_set_aside(tmp_path, what) -> None:
    """Their keys are those of the file's name, as whoever writes to the folder can make them."""
    cache = Cache(Location(tmp_path), 1)

    def add(run: str, text: str, **columns: pa.Array) -> Location:
        sound = {"translation": pa.array([text.upper()]), "tokens": pa.array([[text]], TOKENS)}
        return cache.add(0, run, pa.table({"key": keys_of([text]), **sound, **columns}))

    def problems(table: pa.Table) -> list[str]:
        return ["bad"] if "bad" in table.column("translation").to_pylist() else []

    file = add("a", "x", **RESULTS[what])
    add("b", "y")
    found, _ = cache.read(0, WHOLE, "", problems)
    assert found.column("translation").to_pylist() == ["Y"]
    assert [aside.name for aside in cache.damaged()] == [f"{file.name}.damaged"]


def test_a_file_that_may_not_be_read_is_not_damaged(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path), 1)
    cache.add(0, "a", rows("x"))

    def refuse(self: Location) -> None:
        raise UnusableInput("permission denied")

    monkeypatch.setattr(Location, "open", refuse)
    with pytest.raises(UnusableInput, match="permission denied"):
        content(cache)
    assert cache.damaged() == []


def test_generations_are_listed_and_the_unused_found(tmp_path) -> None:
    location = Location(tmp_path / "cache")
    with pytest.raises(UnusableInput, match="no cache"):
        generations(location)
    search = SearchSettings()
    old, new = (depends_on(model, search, None, raw=False) for model in ("old", "new"))
    open_generation(location, old).add(0, "a", rows("x"))
    age(tmp_path, 40)
    cache = open_generation(location, new)
    cache.add(0, "a", rows("x"))
    cache.add(9, "a", rows("y"))
    assert open_generation(location, new).partitions == cache.partitions
    found = generations(location)
    assert [g.description.model_id for g in found] == ["new", "old"]
    assert [g.files for g in found] == [2, 1]
    assert all(g.bytes > 100 for g in found)
    assert unused(found, 30) == found[1:]
    open_generation(location, old)  # used again
    assert unused(generations(location), 30) == []
    found[1].delete()
    assert [g.description.model_id for g in generations(location)] == ["new"]


@pytest.mark.parametrize("seconds", [2**34, -(2**34)])
def test_a_file_may_be_of_any_time(tmp_path, seconds) -> None:
    """``touch -d 2300-01-01``: more nanoseconds than 64 bits hold."""
    cache = open_generation(Location(tmp_path), GENERATION)
    cache.add(0, "a", rows("x"))
    for file in tmp_path.rglob("*"):
        os.utime(file, (seconds, seconds))
    (generation,) = generations(Location(tmp_path))
    assert (generation in unused([generation], 30)) == (seconds < 0)
    assert content(cache)
    generation.delete()
    assert list(tmp_path.iterdir()) == []


def test_what_changes_no_translation_makes_no_new_generation() -> None:
    def same(raw: bool = False, **changes) -> bool:
        base = {"beam_size": changes.get("beam_size", 1), "shortlist": changes.get("shortlist", 0)}
        one = depends_on("m", SearchSettings.model_validate(base), "hash", raw)
        return one == depends_on("m", SearchSettings.model_validate(base | changes), "hash", raw)

    assert same(length_penalty=0.2)
    assert not same(length_penalty=0.2, beam_size=2)
    assert same(shortlist_common=7)
    assert not same(shortlist_common=7, shortlist=9)
    assert same(replace_unknown=False)
    assert not same(replace_unknown=False, raw=True)
    assert same(dictionary="elsewhere", raw=True)  # its contents count
    search = SearchSettings()
    assert depends_on("m", search, "a", True) != depends_on("m", search, "b", True)
    for name, value in (("max_length_ratio", 1.5), ("too_long", "reject"), ("min_length", 3)):
        assert not same(**{name: value})


@pytest.mark.parametrize("name", ["", "y" * 247 + ".parquet", "é" * 123 + ".parquet"])
def test_a_damaged_file_is_set_aside_whatever_lies_there(tmp_path, name) -> None:
    cache = Cache(Location(tmp_path), 1)
    file = Path(cache.add(0, "a", pa.table({"key": keys_of(["x"])})).path)
    if name:
        file = file.rename(file.parent / name)
    else:
        (file.parent / f"{file.name}.damaged").mkdir()
        file.write_bytes(b"x")
    assert content(cache) == {}
    (aside,) = cache.damaged()
    assert aside.parent.path == str(file.parent)
    assert not file.exists()
    (tmp_path / "cache").mkdir()
    one = open_generation(Location(tmp_path / "cache"), GENERATION)
    (Path(one.location.path) / "000").mkdir()
    Path(aside.path).rename(Path(one.location.path) / "000" / aside.name)
    (generation,) = generations(Location(tmp_path / "cache"))
    generation.delete()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_generation_that_a_link_keeps_is_still_one(tmp_path, capsys) -> None:
    one = open_generation(Location(tmp_path), GENERATION)
    for partition in (0, 1, 2):
        one.add(partition, "a", rows("x"))
    file = next(Path(one.location.path).glob("001/*"))
    file.unlink()
    file.symlink_to("/etc/passwd")
    request = PruneCacheRequest(Location(tmp_path), unused=0)
    with pytest.raises(UnusableInput, match=rf"{file.name}: a link"):
        prune_cache(request)
    assert capsys.readouterr().out == ""
    file.unlink()
    file.write_bytes(b"")
    prune_cache(request)
    assert "removed" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_has_no_other_read_again(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path), 1)
    for number in range(9):
        cache.add(0, f"a{number}", rows(f"{number}"))
        (tmp_path / f"000/z{number}-ab-cd.parquet").write_bytes(b"PAR1 nothing PAR1")
    opened, real = [], Location.open
    monkeypatch.setattr(Location, "open", lambda self: opened.append(self.name) or real(self))
    assert len(content(cache)) == 9
    assert len(cache.damaged()) == 9
    assert max(opened.count(name) for name in opened) <= 2  # a damaged one is looked at twice


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_what_is_no_file_is_named_at_once(tmp_path, kind, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits for it to go away"))
    cache = Cache(Location(tmp_path / "cache"), 1)
    file = Path(cache.add(0, "a", pa.table({"key": keys_of(["x"])})).path)
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/etc/passwd" if kind == "link" else "nothing")
    with pytest.raises(UnusableInput, match=rf"{file.name}: .*; remove it"):
        content(cache)

"""Generations of a cache are found, listed and removed; so are entries that nobody uses."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cache_entries import COLUMNS, DAY, age, entries, expected, found, merge_all, parquet
from effort import LINEAR, steps

from nmt.cli.jobs import ListCacheRequest, PruneCacheRequest, list_cache, prune_cache
from nmt.errors import UnusableInput
from nmt.records.cache import GenerationRecord
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache import rows_file
from nmt.translation.cache.generations import (
    Generation,
    _name,
    by_prefix,
    depends_on,
    differing_settings,
    generations,
    open_generation,
    unused,
)
from nmt.translation.cache.keys import keys_of
from nmt.translation.cache.last_use import LAG, days_of, is_due, is_unused
from nmt.translation.cache.store import Cache
from nmt.translation.cache.upkeep import merge, remove_unused, settle

GENERATION = depends_on("m", SearchSettings(), None, raw=False)
TEXTS = [f"sentence {number}" for number in range(60)]


def test_generations_are_listed_and_the_unused_found(tmp_path) -> None:
    location = Location(tmp_path / "cache")
    with pytest.raises(UnusableInput, match="no cache"):
        generations(location)
    search = SearchSettings()
    old, new = (depends_on(model, search, None, raw=False) for model in ("old", "new"))
    open_generation(location, old).add("a", entries("x"))
    age(tmp_path, 40)
    cache = open_generation(location, new)
    cache.add("a", entries("x"))
    cache.add("a", entries("y"))
    assert open_generation(location, new).location == cache.location
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
    cache.add("a", entries("x"))
    for file in tmp_path.rglob("*"):
        os.utime(file, (seconds, seconds))
    (generation,) = generations(Location(tmp_path))
    assert (generation in unused([generation], 30)) == (seconds < 0)
    assert found(cache, "x")
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
    cache = Cache(Location(tmp_path), DAY)
    (added,) = cache.add("a", entries("x"))
    file = Path(added.path)
    if name:
        file = file.rename(file.parent / name)
    else:
        (file.parent / f"{file.name}.damaged").mkdir()
        file.write_bytes(b"x")
    assert found(cache, "x") == {}
    (aside,) = cache.damaged()
    assert aside.parent.path == str(file.parent)
    assert not file.exists()
    (tmp_path / "cache").mkdir()
    one = open_generation(Location(tmp_path / "cache"), GENERATION)
    (Path(one.location.path) / "3f").mkdir()
    Path(aside.path).rename(Path(one.location.path) / "3f" / aside.name)
    (generation,) = generations(Location(tmp_path / "cache"))
    generation.delete()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_generation_that_a_link_keeps_is_still_one(tmp_path, capsys) -> None:
    one = open_generation(Location(tmp_path), GENERATION)
    for run in "abc":
        one.add(run, entries("x"))
    file = next(Path(one.location.path).glob("all/b-*"))
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


def test_entries_that_no_job_uses_are_removed(tmp_path) -> None:
    cache = Cache(Location(tmp_path), DAY)
    cache.add("a", entries(*TEXTS[:20], day=DAY - 200))
    cache.add("b", entries(*TEXTS[20:40], day=DAY - 100))
    cache.add("b", entries(*TEXTS[10:15], day=DAY - 1))
    (untouched,) = cache.add("c", entries(*TEXTS[40:]))
    assert remove_unused(cache, 90, dry_run=True) == 20
    assert found(cache, TEXTS) == expected(TEXTS)
    assert remove_unused(cache, 90) == 20
    assert found(cache, TEXTS) == expected(TEXTS[10:15] + TEXTS[20:])
    assert remove_unused(cache, 90) == 0
    later = Cache(Location(tmp_path), DAY + 90 + LAG)
    assert remove_unused(later, 90) == 20 + 5
    assert found(cache, TEXTS) == expected(TEXTS[40:])
    assert [Path(untouched.path)] == parquet(tmp_path)


@pytest.mark.parametrize("aged", [False, True])
def test_whoever_uses_an_entry_keeps_it(tmp_path, aged) -> None:
    """However often that is; also where files are merged."""
    for step in (6, 40):
        folder = tmp_path / f"{step}"
        cache = Cache(Location(folder), DAY)
        cache.add("a", entries(*TEXTS))
        stored = 0
        for day in range(DAY, DAY + 120, step):
            cache = Cache(Location(folder), day)
            rows, _ = cache.find(keys_of(TEXTS[:30]), COLUMNS, "b")
            assert len(rows) == 30
            keys = rows.column("key").combine_chunks()
            due = is_due(keys, days_of(rows, day), day)
            stored += int(due.sum())
            if due.any():
                cache.renew(rows.filter(pa.array(due)))
                settle(cache, cache.new_files("b"), COLUMNS)
            remove_unused(cache, step)
            if aged:
                age(folder, 2)
                merge_all(cache, many=3)
        assert stored <= 30 * 120 / 14
        assert found(cache, TEXTS) == expected(TEXTS[:30])


def test_a_clock_that_is_ahead_keeps_no_entry_for_ever(tmp_path) -> None:
    cache = Cache(Location(tmp_path), DAY)
    cache.add("a", entries("x", day=DAY + 9999))
    cache.add("a", entries("y"))
    age(tmp_path, 2)
    assert remove_unused(cache, 0) == 0
    merge_all(cache, many=2)
    assert remove_unused(Cache(Location(tmp_path), DAY + 40), 0) == 2
    assert not is_unused(np.array([DAY]), DAY - 9999, 0).any()


def test_prune_removes_what_no_job_has_used(tmp_path, capsys) -> None:
    one = open_generation(Location(tmp_path), GENERATION)
    one.add("a", entries("x", "y", day=one.day - 100))
    one.add("a", entries("z", day=one.day))
    request = PruneCacheRequest(Location(tmp_path), unused=50, dry_run=True)
    prune_cache(request)
    assert "2 translations would be removed" in capsys.readouterr().out
    assert found(one, "xyz") == expected("xyz")
    prune_cache(PruneCacheRequest(Location(tmp_path), unused=50))
    assert "2 translations removed" in capsys.readouterr().out
    assert found(one, "xyz") == expected("z")
    prune_cache(PruneCacheRequest(Location(tmp_path), unused=50))
    assert capsys.readouterr().out == ""


def test_generations_of_a_model_are_told_apart_by_their_settings(tmp_path, capsys) -> None:
    beams = [SearchSettings(beam_size=5, shortlist=size) for size in (0, 20)]
    keys = [depends_on("m", search, None, raw=False) for search in beams]
    keys.append(depends_on("other", SearchSettings(), None, raw=False))
    names = [open_generation(Location(tmp_path), key).location.name for key in keys]
    list_cache(ListCacheRequest(Location(tmp_path)))
    ends = {
        line[:32]: line.partition("  model ")[2] for line in capsys.readouterr().out.split("\n")
    }
    assert [ends[name] for name in names] == [
        "m  beam 5  shortlist 0",
        "m  beam 5  shortlist 20  shortlist_common 2000",
        "other  beam 1",
    ]


def test_generations_are_told_apart_in_steps_like_their_number() -> None:
    def stored(count: int) -> list[Generation]:
        search = {"beam_size": 1, **{f"k{number}": 1 for number in range(20)}}
        return [
            Generation(
                Location(f"/cache/{number}"),
                GenerationRecord.model_validate(
                    {"model_id": "m", "search": {**search, "z": number}}
                ),
                files=0,
                bytes=0,
                used=0.0,
            )
            for number in range(count)
        ]

    taken = []
    for count in (20, 160):
        number, differing = steps(partial(differing_settings, stored(count)))
        taken.append(number)
        assert differing["3"] == ["z 3"]
    assert taken[1] < LINEAR * taken[0] / 2


def test_the_beginning_of_a_name_is_enough_to_remove_a_generation(tmp_path, capsys) -> None:
    stored = [f"{digits}{'0' * 26}" for digits in ("abcdef", "abcd00")]
    found = [Generation(Location(tmp_path / name), None, 0, 0, 0.0) for name in stored]
    assert by_prefix(found, "abcde") is found[0]
    assert by_prefix(found, stored[1]) is found[1]
    for prefix, message in (
        ("abcd", f"several generations begin with abcd: {stored[0]}, {stored[1]}; give more"),
        ("ffff", rf"no generation ffff \(there are {stored[0]}, {stored[1]}\)"),
        ("", "generation '': give at least the first 4 characters"),
        ("abc", "generation 'abc': give at least the first 4 characters"),
    ):
        with pytest.raises(UnusableInput, match=message):
            by_prefix(found, prefix)
    one = open_generation(Location(tmp_path), GENERATION)
    request = PruneCacheRequest(Location(tmp_path), generations=(one.location.name[:6],))
    prune_cache(request)
    assert capsys.readouterr().out.endswith("  removed\n")
    assert not list(tmp_path.iterdir())


def test_a_generation_of_an_earlier_format_is_removed_as_a_whole(tmp_path, capsys) -> None:
    described = {**GENERATION.to_json(), "format_version": 3, "partitions": 64, "created": ""}
    record = GenerationRecord.model_validate(described)
    folder = tmp_path / _name(record)
    (folder / "017").mkdir(parents=True)
    Location(folder / "generation.json").write_json(record)
    (folder / "017/ab-cd-ef.parquet").write_bytes(b"of another layout")
    prune_cache(PruneCacheRequest(Location(tmp_path), unused=50))
    assert [file.name for file in parquet(tmp_path)] == ["ab-cd-ef.parquet"]
    assert found(open_generation(Location(tmp_path), GENERATION), "x") == {}
    prune_cache(PruneCacheRequest(Location(tmp_path), generations=(folder.name,)))
    assert f"{folder.name}  " in capsys.readouterr().out
    assert not folder.exists()


def test_a_cache_on_s3_is_read_in_parts_too(s3, monkeypatch) -> None:
    monkeypatch.setattr(rows_file, "GROUP", 10)
    monkeypatch.setattr(rows_file, "_TAIL", 64)
    cache = Cache(Location("s3://nmt/cache-in-parts"), DAY)
    cache.add("a", entries(*TEXTS[:40], day=DAY - 50))
    cache.add_new("b", entries(*TEXTS[30:]).drop_columns(["used"]))
    settle(cache, cache.new_files("b"), COLUMNS)
    assert found(cache, TEXTS[::7]) == expected(TEXTS[::7])
    listed = cache.files()
    with rows_file.RowsFile(listed[0].file) as opened:
        merge(cache, listed, COLUMNS)
        with pytest.raises(FileNotFoundError):  # so that the cache is listed anew
            list(opened.batches([*range(len(opened.least))]))
    assert len(cache.files()) == 1
    assert remove_unused(cache, 10) == 30
    assert found(cache, TEXTS) == expected(TEXTS[30:])

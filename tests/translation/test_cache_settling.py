"""What units have decoded moves to the partitions of a cache, and is in the cache at any moment."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from nmt.errors import UnusableInput
from nmt.records.cache import GenerationKey
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.generations import depends_on, generations, open_generation
from nmt.translation.cache.keys import keys_of
from nmt.translation.cache.store import Cache

SCHEMA = pa.schema([pa.field("translation", pa.string(), False)])
GENERATION: GenerationKey = depends_on("m", SearchSettings(), None, raw=False)
TEXTS = [f"sentence {n}" for n in range(50)]


def rows(*texts: str) -> pa.Table:
    return pa.table({"key": keys_of(texts), "translation": pa.array([t.upper() for t in texts])})


def content(cache: Cache, run: str = "a") -> dict[str, bool]:
    """The translations, and whether the run has made them."""
    found: dict[str, bool] = {}
    for partition in range(cache.partitions):
        table, own = cache.read(partition, SCHEMA, run)
        found.update(zip(table.column("translation").to_pylist(), own.tolist(), strict=True))
    return found


def problems(table: pa.Table) -> list[str]:
    return ["bad"] if "BAD" in table.column("translation").to_pylist() else []


def settle(cache: Cache, run: str = "a") -> None:
    cache.settle(cache.new_files(run), SCHEMA, problems)


def new(folder: Path) -> list[Path]:
    return sorted(folder.glob("new/*.parquet"))


def age(*files: Path) -> None:
    for file in files:
        then = file.stat().st_mtime - 2 * 86400
        os.utime(file, (then, then))


def test_new_files_become_one_of_each_partition(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 4)
    settle(cache)
    for start in range(0, 50, 10):
        cache.add_new("a", rows(*TEXTS[start : start + 10]))
    assert content(cache) == {}
    settle(cache)
    assert content(cache) == {text.upper(): True for text in TEXTS}
    assert new(tmp_path) == []
    assert len(list(tmp_path.rglob("*.parquet"))) == 4


def test_those_of_another_job_stay_until_they_are_old(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 4)
    cache.add_new("a", rows("x"))
    cache.add_new("b", rows("y"))
    settle(cache, "a")
    (file,) = new(tmp_path)
    assert content(cache) == {"X": True}
    age(file)
    settle(cache, "a")
    assert content(cache) == {"X": True, "Y": False}  # it is still the other's


def test_who_is_killed_in_between_loses_nothing(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path), 4)
    cache.add_new("a", rows(*TEXTS))
    for name in ("delete", "write_bytes"):

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Location, name, killed)
            with pytest.raises(KeyboardInterrupt):
                settle(cache)
        assert len(new(tmp_path)) == 1
    settle(cache)
    assert content(cache) == {text.upper(): True for text in TEXTS}
    assert new(tmp_path) == []


def test_another_job_may_be_first(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 4)
    cache.add_new("a", rows("x"))
    cache.add_new("a", rows("y"))
    files = cache.new_files("a")
    cache.settle(files[:1], SCHEMA, problems)
    cache.settle(files, SCHEMA, problems)
    assert content(cache) == {"X": True, "Y": True}


@pytest.mark.parametrize(
    "damage", ["no Parquet", "other columns", "a null", "what a check finds", "another name"]
)
def test_a_damaged_one_costs_its_rows_only(tmp_path, damage) -> None:
    cache = open_generation(Location(tmp_path), GENERATION)
    folder = Path(cache.location.path)
    if damage == "other columns":
        cache.add_new("a", pa.table({"key": keys_of(["x"]), "odd": [1]}))
    elif damage == "a null":
        cache.add_new("a", pa.table({"key": keys_of(["x"]), "translation": pa.nulls(1, "str")}))
    elif damage == "what a check finds":
        cache.add_new("a", rows("bad"))
    else:
        cache.add_new("a", rows("x"))
        (file,) = new(folder)
        if damage == "another name":
            file.rename(file.with_name("x.parquet"))
        else:
            file.write_bytes(b"PAR1 nothing PAR1")
    cache.add_new("a", rows("y"))
    age(*new(folder))
    settle(cache)
    assert content(cache) == {"Y": True}
    (aside,) = cache.damaged()
    assert aside.parent == cache.location / "new"
    (generation,) = generations(Location(tmp_path))
    generation.delete()
    assert list(tmp_path.iterdir()) == []


def test_a_link_among_them_is_named(tmp_path) -> None:
    cache = Cache(Location(tmp_path), 4)
    cache.add_new("a", rows("x"))
    (file,) = new(tmp_path)
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(UnusableInput, match=rf"{file.name}: .*; remove it"):
        settle(cache)

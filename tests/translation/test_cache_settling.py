"""What units have decoded is put in order, and is in the cache at any moment."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest
from cache_entries import COLUMNS, SCHEMA, entries

from nmt.errors import UnusableInput
from nmt.records.cache import GenerationKey
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.cache.generations import depends_on, generations, open_generation
from nmt.translation.cache.keys import keys_of
from nmt.translation.cache.reading import Columns
from nmt.translation.cache.store import Cache
from nmt.translation.cache.upkeep import settle

GENERATION: GenerationKey = depends_on("m", SearchSettings(), None, raw=False)
TEXTS = [f"sentence {n}" for n in range(50)]


def rows(*texts: str) -> pa.Table:
    return entries(*texts).drop_columns(["used"])


def content(cache: Cache, run: str = "a") -> dict[str, bool]:
    """The translations, and whether the run has made them."""
    table, own = cache.find(keys_of([*TEXTS, "x", "y"]), COLUMNS, run)
    return dict(zip(table.column("translation").to_pylist(), own.tolist(), strict=True))


def problems(table: pa.Table) -> list[str]:
    return ["bad"] if "BAD" in table.column("translation").to_pylist() else []


CHECKED = Columns(SCHEMA, problems)


def settle_new(cache: Cache, run: str = "a") -> None:
    settle(cache, cache.new_files(run), CHECKED)


def new(folder: Path) -> list[Path]:
    return sorted(folder.glob("new/*.parquet"))


def age(*files: Path) -> None:
    for file in files:
        then = file.stat().st_mtime - 2 * 86400
        os.utime(file, (then, then))


def test_new_files_become_one(tmp_path) -> None:
    cache = Cache(Location(tmp_path))
    settle_new(cache)
    for start in range(0, 50, 10):
        cache.add_new("a", rows(*TEXTS[start : start + 10]))
    assert content(cache) == {}
    settle_new(cache)
    assert content(cache) == {text.upper(): True for text in TEXTS}
    assert new(tmp_path) == []
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_those_of_another_job_stay_until_they_are_old(tmp_path) -> None:
    cache = Cache(Location(tmp_path))
    cache.add_new("a", rows("x"))
    cache.add_new("b", rows("y"))
    settle_new(cache, "a")
    (file,) = new(tmp_path)
    assert content(cache) == {"X": True}
    age(file)
    settle_new(cache, "a")
    assert content(cache) == {"X": True, "Y": False}  # it is still the other's


def test_who_is_killed_in_between_loses_nothing(tmp_path, monkeypatch) -> None:
    cache = Cache(Location(tmp_path))
    cache.add_new("a", rows(*TEXTS))
    for name in ("delete", "write_bytes"):

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Location, name, killed)
            with pytest.raises(KeyboardInterrupt):
                settle_new(cache)
        assert len(new(tmp_path)) == 1
    settle_new(cache)
    assert content(cache) == {text.upper(): True for text in TEXTS}
    assert new(tmp_path) == []


def test_another_job_may_be_first(tmp_path) -> None:
    cache = Cache(Location(tmp_path))
    cache.add_new("a", rows("x"))
    cache.add_new("a", rows("y"))
    files = cache.new_files("a")
    settle(cache, files[:1], CHECKED)
    settle(cache, files, CHECKED)
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
    settle_new(cache)
    assert content(cache) == {"Y": True}
    (aside,) = cache.damaged()
    assert aside.parent == cache.location / "new"
    (generation,) = generations(Location(tmp_path))
    generation.delete()
    assert list(tmp_path.iterdir()) == []


def test_a_link_among_them_is_named(tmp_path) -> None:
    cache = Cache(Location(tmp_path))
    cache.add_new("a", rows("x"))
    (file,) = new(tmp_path)
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(UnusableInput, match=rf"{file.name}: .*; remove it"):
        settle_new(cache)

"""What the job looked at is what it reads: nobody slips another file in between the two."""

import gzip
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.corpus.readers import LineAligned, open_pairs
from nmt.errors import UnusableInput
from nmt.evaluation.files import read_aligned
from nmt.formats import archives, named_files, text_files
from nmt.formats.detection import LINES
from nmt.formats.file_list import list_files
from nmt.inference.unknown_words import read_dictionary
from nmt.storage import below
from nmt.storage.location import Location
from nmt.translation.input import unit_rows
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit

ROWS = [f"Public {number}\tpublic {number}" for number in range(9)]
ENDINGS = ["txt", "txt.gz", "parquet"]
SWAPS = ["link", "hard link", "link on the way", "pipe", "folder", "other file", "in its place"]


def store(path: Path, word: str) -> Path:
    """A file of rows, of the same size and time whatever the word."""
    rows = [row.replace("ublic", word) for row in ROWS]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        sides = [[row.split("\t")[side] for row in rows] for side in (0, 1)]
        pq.write_table(pa.table(sides, ["source", "target"]), path, compression="none")
    else:
        text = "".join(f"{row}\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    os.utime(path, (1e9, 1e9))
    return path


def swap(path: Path, kind: str) -> None:
    """Do what whoever owns the folder can do."""
    private = store(path.parent.parent / "private" / path.name, "rivat")
    if kind == "link on the way":
        path.parent.rename(path.parent.with_name("aside"))
        path.parent.symlink_to(private.parent)
        return
    if kind == "in its place":
        path.write_bytes(private.read_bytes())
        os.utime(path, (1e9, 1e9))
        return
    path.unlink()
    match kind:
        case "link":
            path.symlink_to(private)
        case "hard link":
            os.link(private, path)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "other file":
            shutil.copy2(private, path)


def refused(action: Callable[[], object], path: Path) -> None:
    with pytest.raises(UnusableInput) as caught:
        action()
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search("another file|a folder|a pipe|neither file", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", SWAPS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_unit_is_read_from_the_file_that_was_looked_at(tmp_path: Path, ending, kind) -> None:
    path = store(tmp_path / "in" / f"a.{ending}", "ublic")
    (unit,) = inspect(str(tmp_path / "in"), "source").units()
    unit = pickle.loads(pickle.dumps(unit))  # to another process
    assert read_unit(unit, "source", None).texts[0] in (b"Public 0", ROWS[0].encode())
    swap(path, kind)
    refused(lambda: read_unit(unit, "source", None), path)


def test_a_unit_is_not_read_from_a_file_that_changes_meanwhile(tmp_path, monkeypatch) -> None:
    path = store(tmp_path / "in/a.txt", "ublic")
    (unit,) = inspect(str(path), "source").units()
    monkeypatch.setattr(unit_rows, "bare", lambda line, _: (swap(path, "in its place"), line)[1])
    refused(lambda: read_unit(unit, "source", None), path)


@pytest.mark.parametrize("kind", SWAPS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_pairs_are_read_from_the_file_that_was_looked_at(tmp_path: Path, ending, kind) -> None:
    path = store(tmp_path / "in" / f"a.{ending}", "ublic")
    reader = open_pairs(Location(path))
    if ending != "parquet":
        reader = LineAligned(Location(path), Location(path))
    assert len(list(reader.rows())) == reader.inspect().rows == len(ROWS)
    swap(path, kind)
    for action in (lambda: list(reader.rows()), reader.inspect, reader.identify):
        refused(action, path)


@pytest.mark.parametrize("kind", SWAPS)
@pytest.mark.parametrize("module", [archives, text_files])
def test_lines_are_read_from_the_file_whose_format_was_judged(
    tmp_path: Path, monkeypatch, module, kind
) -> None:
    path = store(tmp_path / "in/a.txt", "ublic")
    real = module.detect

    def late(*arguments):
        answer = real(*arguments)
        swap(path, kind)
        return answer

    monkeypatch.setattr(module, "detect", late)

    def read() -> object:
        if module is text_files:
            return read_dictionary(Location(path))
        return read_aligned(list_files(str(path), LINES), len(ROWS))

    refused(read, path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
@pytest.mark.parametrize("place", ["a.txt", "sub"])
@pytest.mark.parametrize("late", ["_local_paths", "check_file"])
def test_a_strangers_link_is_judged_where_it_is_followed(
    tmp_path: Path, monkeypatch, place, late
) -> None:
    """Whenever it is planted: before the links are looked at, or after."""
    store(tmp_path / "in/sub/a.txt" if place == "sub" else tmp_path / "in/a.txt", "ublic")
    private = store(tmp_path / "private/a.txt", "rivat")
    real = getattr(named_files, late)

    def plant(*arguments):
        answer = real(*arguments)
        answer = list(answer) if late == "_local_paths" else answer
        link = tmp_path / "in" / place
        if not link.is_symlink():
            link.rename(tmp_path / "aside")
            link.symlink_to(private if place == "a.txt" else private.parent)
            os.lchown(link, 12345, 12345)
        return answer

    monkeypatch.setattr(named_files, late, plant)
    with pytest.raises(UnusableInput, match=r"/in/\S+: "):
        inspect(str(tmp_path / "in"), "source")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_a_strangers_link_behind_a_link_of_ones_own_is_not_followed(tmp_path: Path) -> None:
    store(tmp_path / "private/a.txt", "rivat")
    theirs = store(tmp_path / "theirs/own.txt", "ublic")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").symlink_to("../theirs/a.txt")
    (tmp_path / "theirs/a.txt").symlink_to("own.txt")
    os.chown(theirs, 12345, 12345)
    os.lchown(tmp_path / "theirs/a.txt", 12345, 12345)
    assert inspect(str(tmp_path / "in"), "source").rows == len(ROWS)
    (tmp_path / "theirs/a.txt").unlink()
    (tmp_path / "theirs/a.txt").symlink_to("../private/a.txt")
    os.lchown(tmp_path / "theirs/a.txt", 12345, 12345)
    with pytest.raises(UnusableInput, match=r"in/a\.txt: a link of another user"):
        inspect(str(tmp_path / "in"), "source")


def test_a_copy_of_what_was_looked_at_is_as_good(tmp_path: Path) -> None:
    """Another machine may know the file by another number, and a file may be touched."""
    path = store(tmp_path / "in/a.txt", "ublic")
    (unit,) = inspect(str(path), "source").units()
    shutil.copy(path, tmp_path / "copy")
    os.replace(tmp_path / "copy", path)
    os.link(path, tmp_path / "backup")
    assert read_unit(unit, "source", None).texts[0] == ROWS[0].encode()


def test_a_link_of_ones_own_may_be_renewed_but_leads_to_the_same_file(tmp_path: Path) -> None:
    path = store(tmp_path / "other/a.txt", "ublic")
    (tmp_path / "in").mkdir()
    link = tmp_path / "in/link.txt"
    link.symlink_to("../other/a.txt")
    for name in (tmp_path / "in", link):
        (unit,) = inspect(str(name), "source").units()
        link.unlink()
        link.symlink_to(path)
        assert read_unit(unit, "source", None).texts[0] == ROWS[0].encode()


def test_a_file_is_opened_once_where_a_system_names_no_open_files(tmp_path, monkeypatch) -> None:
    """As macOS: the name is not looked up again once it was judged."""
    path = store(tmp_path / "in/a.txt", "ublic")
    monkeypatch.setattr(below, "_OPEN_FILES", str(tmp_path / "none"))
    real = os.fstat

    def late(handle: int) -> os.stat_result:
        state = real(handle)
        if path.is_file() and not path.is_symlink():
            swap(path, "link")
        return state

    monkeypatch.setattr(os, "fstat", late)
    assert b"rivat" not in Location(path).read_bytes()

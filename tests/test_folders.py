"""Folders of any depth and any path: nothing of somebody else goes, and too deep is one line."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nmt.errors import UnusableInput
from nmt.formats.named_files import expand
from nmt.storage.location import Location
from nmt.training.checkpoint import CheckpointStore
from nmt.translation.cache.generations import generations


def nest(top: Path, name: str, levels: int, file: str = "") -> None:
    """Make folders inside each other; by name, for their path may be longer than PATH_MAX."""
    top.mkdir(parents=True, exist_ok=True)
    handle = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=handle)
        below = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    if file:
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "f").mkdir()
    yield tmp_path / "f"
    subprocess.run(["rm", "-rf", str(tmp_path / "f")], check=True)  # pytest cannot


@pytest.mark.parametrize(("name", "levels"), [("d", 3), ("d" * 250, 20)])
def test_a_file_of_somebody_else_stays_however_long_its_path_is(place, name, levels) -> None:
    (place / "1.json").write_text("ours")
    nest(place, name, levels, "theirs.txt")
    Location(place).delete_own(re.compile(r"\d\.json"))
    assert not (place / "1.json").exists()
    (found,) = Location(place).files(recursive=True)
    assert found.uri.endswith(f"/{name}/theirs.txt")
    assert sum(len(files) for *_, files, _ in os.fwalk(place)) == 1


def test_folders_go_that_only_ours_were_in(place: Path) -> None:
    """However long the path to an empty folder of somebody else is."""
    nest(place / "sub", "d" * 250, 20)
    for name in ("1.json", "ours/2.json"):
        (Location(place) / name).write_text("ours")
    Location(place).delete_own(re.compile(r"(ours/)?\d\.json"))
    assert [path.name for path in place.iterdir()] == ["sub"]
    assert len(list(os.fwalk(place / "sub"))) == 21


def test_a_folder_that_may_not_be_read_stays(place: Path, monkeypatch) -> None:
    (place / "closed").mkdir()
    (place / "closed/theirs").write_text("theirs")
    (place / "1.json").write_text("ours")
    real = os.open

    def refusing(name, *args, **options):
        if name == "closed":
            raise PermissionError
        return real(name, *args, **options)

    monkeypatch.setattr(os, "open", refusing)
    Location(place).delete_own(re.compile(r"\d\.json"))
    assert [path.name for path in place.iterdir()] == ["closed"]
    monkeypatch.undo()
    assert (place / "closed/theirs").read_text() == "theirs"


def test_very_deep_folders_are_one_line(place: Path) -> None:
    nest(place, "a", 1100)
    uses = [
        lambda: Location(place).files(recursive=True),
        lambda: Location(place).delete_own(re.compile("a")),
        lambda: CheckpointStore(Location(place), 1).fetch_newest(place),
        lambda: generations(Location(place)),
        lambda: expand(str(place)),
    ]
    for use in uses:
        with pytest.raises(
            UnusableInput, match="more than 100 folders inside each other"
        ) as caught:
            use()
        assert len(str(caught.value)) < 500

"""Nothing is removed but what is ours, one name at a time."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from s3 import S3Server

from nmt.errors import UnusableInput
from nmt.storage.location import Location


def test_folders_and_deleting(tmp_path) -> None:
    folder = Location(tmp_path / "f")
    assert not folder.exists()
    assert folder.files() == []
    folder.delete()  # nothing there, nothing happens
    folder.delete_own(re.compile(".*"))
    (folder / "sub/x.txt").write_text("x")
    (folder / "y.txt").write_text("y")
    assert folder.exists()
    (tmp_path / "f/.x.txt.123.tmp").write_text("half")  # a killed process leaves it
    assert not folder.is_file()
    assert (folder / "y.txt").is_file()
    assert [file.uri for file in folder.files(recursive=True)] == [
        str(tmp_path / "f/sub/x.txt"),
        str(tmp_path / "f/y.txt"),
    ]
    assert [file.name for file in folder.files()] == ["y.txt"]
    (folder / "y.txt").delete()
    assert not (folder / "y.txt").exists()
    with pytest.raises(UnusableInput, match=r"/f: a folder, where a file of ours belongs; move"):
        folder.delete()
    assert (folder / "sub/x.txt").read_text() == "x"


OURS = re.compile(r"\d\.json|sub/\d\.json")
HALF = ".1.json.0123456789abcdef.tmp"


@pytest.mark.parametrize("theirs", [[], ["thesis.tex"], [".notes.tmp"], [f"{HALF}x"]])
@pytest.mark.parametrize("odd", ["", f".thesis{HALF}", ".1.json.0123.tmp", "sub/1.json/1.json"])
def test_only_files_of_our_names_are_removed(theirs: list[str], odd: str, tmp_path) -> None:
    """Those with the names of half written ones, too."""
    theirs = [*theirs, odd] if odd else theirs
    folder = Location(tmp_path / "f")
    for name in ("1.json", HALF, "sub/2.json", f"sub/{HALF}", *theirs):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text(name)
    folder.delete_own(OURS)
    left = [path for path in (tmp_path / "f").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "f")) for path in left) == sorted(theirs)
    assert folder.exists() == bool(theirs)


def test_a_file_is_no_folder_of_ours(tmp_path) -> None:
    (tmp_path / "f").write_text("theirs")
    Location(tmp_path / "f").delete_own(OURS)
    assert (tmp_path / "f").read_text() == "theirs"


@pytest.mark.system
def test_what_lies_below_the_name_of_an_object_is_left(s3) -> None:
    folder = Location("s3://nmt/below")
    for name in ("1.json/theirs.txt", "sub/2.json/theirs.txt", "sub/.notes.tmp", "3.json"):
        (folder / name).write_text(name)
    (folder / "1.json").delete()  # there is no object of this name
    folder.delete_own(OURS)
    assert [(folder / name).read_text() for name in ("1.json/theirs.txt", "sub/.notes.tmp")]
    assert not (folder / "3.json").exists()
    (folder / "whole/3.json").write_text("3")
    (folder / "whole" / HALF).write_text("3")
    (folder / "whole").delete_own(OURS)
    assert not (folder / "whole" / HALF).exists()


def keys(server: S3Server, prefix: str) -> dict[str, bytes]:
    """What a bucket holds, markers of folders among it, as its owner sees it."""
    client = server.client()
    listed = client.list_objects_v2(Bucket="nmt", Prefix=prefix).get("Contents", [])
    return {o["Key"]: client.get_object(Bucket="nmt", Key=o["Key"])["Body"].read() for o in listed}


@pytest.mark.system
@pytest.mark.parametrize("content", [b"", b"theirs"])
@pytest.mark.parametrize("theirs", ["theirs/", "sub/theirs/", "theirs/1.json/"])
def test_an_object_whose_key_ends_as_a_folder_is_left(s3, theirs, content) -> None:
    place = f"markers/{len(content)}/{theirs}"
    folder = Location(f"s3://nmt/{place}run")
    (folder / "1.json").write_text("x")
    s3.client().put_object(Bucket="nmt", Key=f"{place}run/{theirs}", Body=content)
    before = keys(s3, f"{place}run/{theirs}")
    folder.delete_own(OURS)
    assert keys(s3, f"{place}run/{theirs}") == before
    assert f"{place}run/1.json" not in keys(s3, place)


@pytest.mark.system
def test_what_is_stored_while_others_are_removed_is_left(s3, monkeypatch) -> None:
    folder = Location("s3://nmt/meanwhile")
    (folder / "sub/1.json").write_text("x")
    monkeypatch.setattr(Location, "_all_files", late(folder / "thesis.tex"))
    folder.delete_own(OURS)
    assert keys(s3, "meanwhile/thesis.tex") == {"meanwhile/thesis.tex": b"theirs"}


@pytest.mark.system
def test_no_trace_of_a_folder_of_ours_is_left(s3) -> None:
    """No marker either, such as pyarrow puts in the place of the last file of a folder."""
    folder = Location("s3://nmt/traceless/run")
    for name in ("1.json", "sub/2.json", f"sub/{HALF}"):
        (folder / name).write_text("x")
    folder.delete_own(OURS)
    assert keys(s3, "traceless/") == {}
    assert folder.files(recursive=True) == []


def late(file: Location) -> Callable[[Location, bool], object]:
    """Lists, and then somebody stores a file."""
    real = Location._all_files

    def listed(location: Location, recursive: bool) -> object:
        files = real(location, recursive)
        file.write_text("theirs")
        return files

    return listed


def test_what_is_written_while_others_are_removed_is_left(tmp_path: Path, monkeypatch) -> None:
    folder = Location(tmp_path / "f")
    (folder / "sub/1.json").write_text("x")
    monkeypatch.setattr(Location, "_all_files", late(folder / "sub/thesis.tex"))
    folder.delete_own(OURS)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["thesis.tex"]


@pytest.mark.parametrize("theirs", ["theirs", "sub/theirs", "theirs/more"])
def test_an_empty_folder_of_somebody_else_is_left(tmp_path: Path, theirs) -> None:
    (Location(tmp_path / "f") / "sub/1.json").write_text("x")
    (tmp_path / "f" / theirs).mkdir(parents=True)
    Location(tmp_path / "f").delete_own(OURS)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert (tmp_path / "f" / theirs).is_dir()

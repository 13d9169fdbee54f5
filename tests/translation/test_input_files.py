"""The files that a name stands for: globs, links, hidden names, and objects of a store."""

import errno
import os
import socket
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from input_corpora import look, read, text

from nmt.errors import UnusableInput
from nmt.evaluation.files import read_aligned, read_beside
from nmt.formats import named_files
from nmt.formats.detection import LINES
from nmt.formats.file_list import list_files
from nmt.printable import printable
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect


def test_globs(tmp_path) -> None:
    for name in ("x-1.txt", "x-2.txt", "y-1.txt"):
        text(tmp_path / name, [name.encode()])
    found = [row for _, row in read(look(tmp_path / "x-*.txt"))]
    assert found == [b"x-1.txt", b"x-2.txt"]
    assert [row for _, row in read(look(tmp_path / "?-1.txt"))] == [b"x-1.txt", b"y-1.txt"]
    assert [row for _, row in read(look(tmp_path / "[y]-*"))] == [b"y-1.txt"]
    with pytest.raises(UnusableInput, match="no file has such a name"):
        look(tmp_path / "z*")


def test_a_glob_does_not_look_into_folders_or_at_hidden_files(tmp_path) -> None:
    text(tmp_path / "a.txt", [b"a"])
    text(tmp_path / ".b.txt", [b"hidden"])
    (tmp_path / "sub").mkdir()
    text(tmp_path / "sub" / "c.txt", [b"deeper"])
    assert [row for _, row in read(look(tmp_path / "*.txt"))] == [b"a"]
    assert [row for _, row in read(look(tmp_path / "*" / "*.txt"))] == [b"deeper"]
    assert [row for _, row in read(look(tmp_path / "**" / "*.txt"))] == [b"a", b"deeper"]
    assert [row for _, row in read(look(tmp_path / ".*"))] == [b"hidden"]


def test_a_file_whose_name_looks_like_a_glob_can_be_named(tmp_path) -> None:
    text(tmp_path / "a[1].txt", [b"one"])
    assert read(look(tmp_path / "a[1].txt")) == [(0, b"one")]


# Links, pipes and hidden names. ---------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
@pytest.mark.parametrize("goal", ["secret.txt", "folder"])
def test_a_link_of_a_stranger_that_leads_out_is_not_followed(tmp_path, goal) -> None:
    """Whose job it is may read what whoever made the link may not."""
    (tmp_path / "folder").mkdir()
    for name in ("secret.txt", "folder/secret.txt"):
        (tmp_path / name).write_text("private")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/b.txt").write_text("A dog.")
    link = tmp_path / "in/a"
    link.symlink_to(tmp_path / goal)
    os.lchown(link, 12345, 12345)
    with pytest.raises(UnusableInput, match="in/a: a link of another user"):
        inspect(str(tmp_path / "in" / "**"), "source", None)
    os.lchown(link, os.geteuid(), -1)
    assert inspect(str(tmp_path / "in" / "**"), "source", None).rows == 2
    link.unlink()
    link.symlink_to("b.txt")
    os.lchown(link, 12345, 12345)
    assert inspect(str(tmp_path / "in"), "source", None).rows == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
@pytest.mark.parametrize("pattern", ["", "**", "*/*", "**/b.txt", "*/folder/*"])
def test_nothing_is_looked_at_behind_a_link_of_a_stranger(tmp_path, monkeypatch, pattern) -> None:
    private, listdir = tmp_path / "private", os.listdir
    (private / "folder").mkdir(parents=True)
    (private / "folder/b.txt").write_text("A dog.")
    (tmp_path / "in/own").mkdir(parents=True)
    link = tmp_path / "in/own/a" if pattern.startswith("**") else tmp_path / "in/a"
    link.symlink_to(private)
    os.lchown(link, 12345, 12345)
    folders: list[str] = []

    def listed(path: str) -> list[str]:
        folders.append(os.path.realpath(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", listed)
    with pytest.raises(UnusableInput, match=rf"{link}: a link of another user that leads out"):
        inspect(str(tmp_path / "in" / pattern), "source", None)
    assert folders
    assert not [folder for folder in folders if folder.startswith(str(private))]


def test_each_real_file_is_taken_once_however_links_lead_to_it(tmp_path) -> None:
    folder = tmp_path / "in"
    (folder / "z").mkdir(parents=True)
    text(folder / "z" / "a.txt", [b"row"])
    expected = [str(folder / "z" / "a.txt")]
    for link, goal in (("loop", "."), ("z/up", ".."), ("a", "z"), ("b.txt", "z/a.txt")):
        (folder / link).symlink_to(goal)
    (tmp_path / "link").symlink_to("in")
    assert [str(file) for file in named_files.expand(str(folder))] == expected
    for name in (folder, tmp_path / "link", folder / "**", folder / "**" / "*.txt", folder / "z"):
        assert read(look(name)) == [(0, b"row")], name
    assert [file.name for file in named_files.expand(str(folder / "*"))] == ["b.txt"]
    assert read(look(folder / "a" / "up" / "b.txt")) == [(0, b"row")]
    outside = tmp_path / "outside"
    outside.mkdir()
    text(outside / "c.txt", [b"more"])
    (folder / "c").symlink_to("../outside")
    assert [row for _, row in read(look(folder))] == [b"more", b"row"]


def special(folder: Path):
    """Things in a folder that cannot be read, and a part of what must be said of them."""
    (folder / "gone").symlink_to("nothing.txt")
    yield "gone", "a link to nothing.txt, which is not there"
    (folder / "self").symlink_to("self")
    yield "self", "a link to self"
    os.mkfifo(folder / "pipe")
    yield "pipe", "a pipe cannot be read"
    with socket.socket(socket.AF_UNIX) as server:
        # The path of a socket must be short.
        here = os.open(folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
    yield "sock", "a socket cannot be read"
    (folder / "device").symlink_to("/dev/null")
    yield "device", "a device cannot be read"
    (folder / "table.json").write_text("{}")
    yield "table.json", "JSON cannot be read"


def test_what_cannot_be_read_is_refused_by_name_and_never_left_out(tmp_path) -> None:
    text(tmp_path / "a.txt", [b"row"])
    (tmp_path / "sub").mkdir()
    for name, message in special(tmp_path / "sub"):
        file = tmp_path / "sub" / name
        for asked in (tmp_path, tmp_path / "sub", tmp_path / "*" / "*", file):
            with pytest.raises(UnusableInput, match="sub/") as caught:
                look(asked)
            assert str(caught.value).startswith(f"{file}: "), asked
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)
        with pytest.raises(UnusableInput, match=message):
            read_aligned(list_files(str(file), LINES), 1)
        hidden = file.rename(file.with_name(f"_{name}"))
        assert read(look(tmp_path)) == [(0, b"row")]
        hidden.unlink()


def test_hidden_names_must_be_asked_for(tmp_path) -> None:
    for name in ("a.txt", ".b.txt", "_c.txt", ".git/d.txt", "_tmp/e.txt", "f/_g/h.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text(tmp_path / name, [name.encode()])
    for name, expected in (
        ("", ["a.txt"]),
        ("*", ["a.txt"]),
        ("**", ["a.txt"]),
        ("_*", ["_c.txt"]),
        ("_*/*", ["_tmp/e.txt"]),
        (".*/*", [".git/d.txt"]),
        ("**/_g/*", ["f/_g/h.txt"]),
        ("_tmp", ["_tmp/e.txt"]),
    ):
        found = [row.decode() for _, row in read(look(tmp_path / name))]
        assert found == expected, name


def test_globs_fit_the_same_names_on_a_disk_and_in_a_store(tmp_path) -> None:
    names = ["a.txt", "s/b.txt", "s/t/c.txt", "_h/d.txt", "s/.e.txt", "s/_f/g.txt", "s/x"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text(tmp_path / name, [b"row"])
    for pattern in ("*", "**", "*/*", "**/*.txt", "s/**", "**/t/*", "_h/*", "**/_f/*", "s/**/c*"):
        parts = pattern.split("/")
        remote = sorted(name for name in names if named_files._matches(name.split("/"), parts))
        local = [str(file) for file in named_files.expand(str(tmp_path / pattern))]
        assert local == [str(tmp_path / name) for name in remote], pattern


def test_a_name_that_is_not_utf8_is_refused_and_can_be_shown(tmp_path) -> None:
    name = os.fsdecode(b"K\xf6ter.txt")
    text(tmp_path / name, [b"row"])
    for asked in (tmp_path, tmp_path / "*", tmp_path / name):
        with pytest.raises(UnusableInput, match="not UTF-8; rename") as caught:
            look(asked)
        assert printable(str(caught.value)).startswith(f"{tmp_path}/K\\xf6ter.txt: ")
    with pytest.raises(UnusableInput, match="not UTF-8; rename"):
        Location(tmp_path).files()


@pytest.mark.parametrize(
    "name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "file:///dev/stdin"]
)
def test_a_stream_is_refused_wherever_a_file_is_named(name) -> None:
    for ask in (look, lambda name: read_aligned(list_files(name, LINES), 1), Location):
        with pytest.raises(UnusableInput, match=r": a pipe cannot be read .* write the text to a"):
            ask(name)


def test_a_folder_without_the_right_to_look_into_it_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "sub").mkdir()
    real = os.listdir

    def listdir(path: str) -> list[str]:
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(UnusableInput, match="/sub: permission denied"):
        look(tmp_path)


def test_a_remote_glob_is_expanded_before_the_store_is_asked_for_it(store) -> None:
    folder, asked = store
    for name in ("a 1.txt", "ä2.txt", "b[1].txt", "b1.txt", "50%.txt", "*.txt"):
        text(folder / name, [name.encode()])
    query = "?region=us-east-1"

    def found(pattern: str) -> list[str]:
        return [file.name for file in named_files.expand(f"s3://bucket/{pattern}{query}")]

    assert found("*.txt") == sorted(["a 1.txt", "ä2.txt", "b[1].txt", "b1.txt", "50%.txt", "*.txt"])
    assert all(isinstance(what, pafs.FileSelector) for what in asked)
    assert found("[aä]*") == ["a 1.txt", "ä2.txt"]
    assert found("a%20*.txt") == found("a *.txt") == ["a 1.txt"]
    assert found("b[1].txt") == ["b1.txt"]
    assert found("b%5B1%5D.txt") == ["b[1].txt"]  # encoded, it is no glob
    assert found("%2A.t*") == ["*.txt"]
    assert found("50%25.txt") == ["50%.txt"]
    (folder / "b1.txt").unlink()
    assert found("b[1].txt") == ["b[1].txt"]  # then it is a name
    with pytest.raises(UnusableInput, match="no file has such a name"):
        found("z*")
    with pytest.raises(UnusableInput, match="no such file or folder"):
        found("z")


def test_keys_of_an_object_store_are_read_whatever_they_hold(store) -> None:
    folder, _ = store
    names = sorted(["a b.txt", "#c.txt", "d%20.txt", "e[1].txt", "日本.txt"])
    for name in names:
        text(folder / name, [name.encode()])
    corpus = look("s3://bucket?region=us-east-1")
    assert read(corpus) == [(i, name.encode()) for i, name in enumerate(names)]


def test_references_lie_in_several_objects_of_a_store(store) -> None:
    folder, _ = store
    (folder / "r").mkdir()
    text(folder / "r/a.txt", [b"one", b"two"])
    text(folder / "r/b.txt", [b"three"])
    for name in ("s3://bucket/r?region=us-east-1", "s3://bucket/r/*.txt?region=us-east-1"):
        assert read_beside(name, None, "", 3, "references") == ["one", "two", "three"]

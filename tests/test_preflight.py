"""Whether a folder can be written, without writing there."""

import os

import pytest

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.storage.preflight import check_file, check_writable


def test_a_folder_that_may_be_made(tmp_path) -> None:
    told = check_writable(Location(tmp_path / "a" / "b"))
    assert told == f"the rights of {tmp_path} allow it, nothing was written"
    assert not any(tmp_path.iterdir())


def test_a_file_that_may_be_made_or_replaced(tmp_path) -> None:
    (tmp_path / "a").write_text("x")
    for file in ("a", "b", "c/d"):
        assert "allow it, nothing was written" in check_file(Location(tmp_path / file))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(UnusableInput, match="a folder; name a file"):
        check_file(Location(tmp_path))
    with pytest.raises(UnusableInput, match="a is a file"):
        check_file(Location(tmp_path / "a" / "b"))


def test_a_file_is_in_the_way(tmp_path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(UnusableInput, match="a is a file"):
        check_writable(Location(tmp_path / "a" / "b"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_right(tmp_path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnusableInput, match="no right to write"):
        check_writable(Location(tmp_path / "a"))

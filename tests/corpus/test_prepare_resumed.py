"""An interrupted preparation goes on, and ends with the bytes of one that was not interrupted."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from corpora import aligned, make, pair_lines, write_lines

from nmt.corpus import journal
from nmt.errors import UnusableInput
from nmt.records.preparation import PieceRecord
from nmt.storage.location import Location

SETTINGS = {
    "shard_rows": 80,
    "filters": "web",
    "source_language": "en",
    "target_language": "de",
}


Whole = tuple[dict[str, Any], dict[str, bytes]]


class Killed(BaseException):
    """What stands for a signal: nothing in the program catches it."""


def request_in(folder: Path) -> dict[str, Any]:
    """Pairs in two files, and a given test set."""
    lines = [b"%s\tpage %d" % (line, n % 40) for n, line in enumerate(pair_lines(150))]
    pairs = write_lines(folder / "c.tsv", lines)
    return {"pairs": pairs, "split_by": "3", "test": aligned(folder, "t", pair_lines(20, 7))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A request, and the files of the dataset ``o`` that it makes."""
    folder = tmp_path_factory.mktemp("whole")
    request = request_in(folder)
    make(folder / "o", SETTINGS, **request)
    return request, contents(folder / "o")


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_killed_in_every_stage_it_does_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_in(tmp_path)
    settings = {**SETTINGS, "tokenizer": "word", "min_frequency": 1}
    make(tmp_path / "whole/o", settings, **request)
    write = Location.write_json

    def killing(location: Location, value: Any) -> None:
        write(location, value)
        if isinstance(value, PieceRecord) and location.name.endswith("-00000"):
            raise Killed

    monkeypatch.setattr(Location, "write_json", killing)
    pieces: list[dict[str, int]] = [{}]
    for _ in itertools.count():
        try:
            make(tmp_path / "o", settings, **request)
            break
        except Killed:
            files = (tmp_path / "o/_staging").glob("done-*")
            pieces.append({file.name: file.stat().st_mtime_ns for file in files})
    assert all(before.items() < now.items() for before, now in itertools.pairwise(pieces))
    stages = {name.split("-")[1] for name in pieces[-1]}
    assert stages >= {"read", "held", "clean", "score", "aligner", "judge", "repeated", "filter"}
    assert stages >= {"vocabulary", "encode", "lexicon"}
    assert contents(tmp_path / "o") == contents(tmp_path / "whole/o")


def test_killed_at_any_file_it_ends_with_the_same_bytes(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, expected = whole
    write = Location.write_bytes
    left = [0]

    def killing(location: Location, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            if location.parent.exists():  # as a kill while it was written leaves it
                half = Path(location.parent.uri, f".{location.name}.{'0' * 16}.tmp")
                half.write_bytes(data[: len(data) // 2])
            raise Killed
        write(location, data)

    monkeypatch.setattr(Location, "write_bytes", killing)
    for files in itertools.count():
        left[0] = files  # one more in each run
        try:
            make(tmp_path / "o", SETTINGS, **request)
            break
        except Killed:
            continue
    assert contents(tmp_path / "o") == expected


def interrupt(folder: Path, monkeypatch: pytest.MonkeyPatch, request: dict[str, Any]) -> None:
    """Leave a preparation that lacks only its last piece."""

    def kill(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("nmt.corpus.prepare.learn_lexicon", kill)
        with pytest.raises(Killed):
            make(folder, SETTINGS, **request)


def test_damaged_pieces_are_done_again(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, expected = whole
    interrupt(tmp_path / "o", monkeypatch, request)
    folder = tmp_path / "o/_staging"
    (folder / "kept-00001").unlink()
    (folder / "done-clean-00000").unlink()
    (folder / "done-score-00001").write_bytes(b"{")
    (folder / "raw-00000").write_bytes(b"")
    changed = (folder / "clean-00001").read_bytes()
    (folder / "clean-00001").write_bytes(bytes([changed[0] ^ 1]) + changed[1:])
    piece = json.loads((folder / "done-judge-00001").read_text())
    piece["files"]["../../c.tsv"] = {"bytes": 1, "sha256": "0" * 64}
    (folder / "done-judge-00001").write_text(json.dumps(piece))
    make(tmp_path / "o", SETTINGS, **request)
    assert contents(tmp_path / "o") == expected


def test_other_settings_inputs_and_programs_use_no_piece(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, expected = whole
    interrupt(tmp_path / "o", monkeypatch, request)
    with pytest.raises(UnusableInput, match=r"unfinished dataset .*seed 1 → 2"):
        make(tmp_path / "o", {**SETTINGS, "seed": 2}, **request)
    more = write_lines(tmp_path / "more.tsv", [b"A cat.\tEine Katze.\tx"] * 200)
    with pytest.raises(UnusableInput, match=r"more\.tsv is new"):
        make(tmp_path / "o", SETTINGS, **{**request, "pairs": more})
    # Another release begins anew, whatever stands there.
    for done in (tmp_path / "o/_staging").glob("done-clean-*"):
        piece = json.loads(done.read_text())
        piece["result"]["counts"] = {"train": 1}
        done.write_text(json.dumps(piece))
    monkeypatch.setattr(journal, "__version__", "9")
    make(tmp_path / "o", SETTINGS, **request)
    assert contents(tmp_path / "o") == expected

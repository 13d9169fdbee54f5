"""A preparation that is run again, interrupted, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpora import make, pair_lines, write_lines

from nmt.corpus import prepare as module
from nmt.errors import UnusableInput
from nmt.shards import Dataset
from nmt.storage.location import Location


def test_a_finished_dataset_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(200))
    first = make(tmp_path / "o", pairs=pairs)
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("made again"))
    assert make(tmp_path / "o", pairs=pairs).hash == first.hash
    with pytest.raises(UnusableInput, match="seed 1 → 2"):
        make(tmp_path / "o", {"seed": 2}, pairs=pairs)
    write_lines(tmp_path / "c.tsv", pair_lines(201))
    with pytest.raises(UnusableInput, match=r"c\.tsv has changed"):
        make(tmp_path / "o", pairs=pairs)
    assert Dataset.open(Location(tmp_path / "o")).hash == first.hash


@pytest.mark.parametrize("stage", ["clean_unit", "learn_vocabulary", "encode_unit"])
def test_an_interrupted_preparation_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(400))
    settings = {"shard_rows": 100}
    clean_run = make(tmp_path / "whole", settings, pairs=pairs)
    calls = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    original = getattr(module, stage)
    monkeypatch.setattr(module, stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "o", settings, pairs=pairs)
    monkeypatch.undo()
    with pytest.raises(UnusableInput, match="did not end"):
        Dataset.open(Location(tmp_path / "o"))
    with pytest.raises(UnusableInput, match="unfinished"):
        make(tmp_path / "o", {**settings, "seed": 5}, pairs=pairs)
    assert make(tmp_path / "o", settings, pairs=pairs).info == clean_run.info
    names = [
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        for folder in (tmp_path / "o", tmp_path / "whole")
    ]
    assert names[0] == names[1]
    assert not any("_" in name for name in names[0])


def unusable(folder: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    pairs = write_lines(folder / "c.tsv", pair_lines(200))
    three, two = write_lines(folder / "3", [b"a"] * 3), write_lines(folder / "2", [b"b"] * 2)
    hopeless = write_lines(folder / "bad.tsv", [b"a\t", b"\tb", b"x"])
    broken = Location(folder / "missing")
    yield "exactly one of", {}, {}
    yield "exactly one of", {}, {"pairs": pairs, "demo": 5}
    yield "1 --source but 0 --target", {}, {"sources": (two,)}
    yield "no such file", {}, {"pairs": broken}
    yield "no such file", {}, {"pairs": pairs, "valid": (two, broken)}
    yield "3 has 3 lines but", {}, {"sources": (three,), "targets": (two,)}
    yield "3 has 3 lines but", {}, {"pairs": pairs, "test": (three, two)}
    yield "missing_column 1", {}, {"pairs": hopeless}
    yield "too small for the corpus's characters", {"vocab_size": 9}, {"pairs": pairs}
    yield "too_long", {"max_length": 1}, {"pairs": pairs}
    yield "at least 1", {}, {"demo": 0}
    yield "exclude each other", {"sample": 5}, {"demo": 9}
    yield "exclude each other", {"valid_fraction": 0.1}, {"pairs": pairs, "valid": (two, two)}
    yield "nothing for training", {"valid_fraction": 0.5, "test_fraction": 0.5}, {"pairs": pairs}
    yield "spm only", {"tokenizer": "word", "joint_vocabulary": True}, {"pairs": pairs}
    yield "data.byte_fallback", {"byte_fallback": True}, {"pairs": pairs}  # 200 entries
    yield "spm only", {"tokenizer": "word", "symbols": ["<b>"]}, {"pairs": pairs}
    for symbol in ("", "a b", "▁x", "[UNK]", "<0x41>", "a\0b"):
        yield "cannot be a symbol", {"symbols": ["<b>", symbol]}, {"pairs": pairs}
    yield "stands there twice", {"symbols": ["<b>", "<i>", "<b>"]}, {"pairs": pairs}
    yield "makes '&' of it", {"symbols": ["&amp;"]}, {"pairs": pairs}
    yield "makes '<b>' of it", {"symbols": ["<B>"], "lowercase": True}, {"pairs": pairs}


def test_unusable_input_writes_nothing(tmp_path: Path) -> None:
    for message, settings, request in unusable(tmp_path):
        with pytest.raises(UnusableInput) as caught:
            make(tmp_path / "new" / "out", settings, **request)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "new" / "out").exists(), message


def test_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(50))
    with pytest.raises(UnusableInput, match="not empty and no dataset"):
        make(tmp_path, pairs=pairs)
    with pytest.raises(UnusableInput, match="must name a folder"):
        make(tmp_path / "c.tsv", pairs=pairs)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UnusableInput):
        make(empty, {"max_length": 1}, pairs=pairs)
    assert list(empty.iterdir()) == []
    assert make(empty, pairs=pairs).info.counts.input == 50


@pytest.mark.parametrize("name", ["_preparing.json", "dataset.json"])
@pytest.mark.parametrize("text", ["[]", "5", '"x"', "null", "{}", '{"settings": []}'])
def test_a_damaged_request_is_one_line(text: str, name: str, tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(50))
    folder = tmp_path / "data"
    folder.mkdir()
    if name == "dataset.json":
        text = f'{{"format_version": 3, "request": {text}}}'
    (folder / name).write_text(text)
    with pytest.raises(UnusableInput, match=rf"{name}: damaged \(.*\); restore it"):
        make(folder, pairs=pairs)
    assert [file.name for file in folder.iterdir()] == [name]

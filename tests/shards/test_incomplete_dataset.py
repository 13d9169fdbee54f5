"""A dataset.json that lacks something or contradicts itself is completed or refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from corpora import make, pair_lines, write_lines

from nmt.errors import UnusableInput
from nmt.settings import DataSettings
from nmt.shards import Dataset
from nmt.storage.location import Location

Change = Callable[[dict], object]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("words")
    pairs = write_lines(folder / "c.tsv", pair_lines(300))
    return make(folder / "d", {"tokenizer": "word", "min_frequency": 1}, pairs=pairs)


def changed(dataset: Dataset, folder: Path, change: Change) -> Location:
    shutil.copytree(dataset.location.path, folder / "changed")
    file = folder / "changed/dataset.json"
    info = json.loads(file.read_text())
    change(info)
    file.write_text(json.dumps(info))
    return Location(folder / "changed")


def settings_of(info: dict) -> dict:
    return info["request"]["settings"]


DAMAGES: dict[str, Change] = {
    "languages.source": lambda info: info.update(languages={}),
    "languages.target": lambda info: info["languages"].pop("target"),
    "counts.train": lambda info: info["counts"].pop("train"),
    "counts.rejected": lambda info: info["counts"].pop("rejected"),
    "counts.valid": lambda info: info["counts"].update(valid=7),
    "'tokenizer'": lambda info: settings_of(info).update(tokenizer="spm"),
    "'symbols'": lambda info: settings_of(info).update(symbols=["<b>"]),
    "'max_length'": lambda info: settings_of(info).update(max_length=0),
}


@pytest.mark.parametrize("place", DAMAGES)
def test_what_is_missing_or_wrong_is_named_in_one_line(
    words: Dataset, tmp_path: Path, place: str
) -> None:
    location = changed(words, tmp_path, DAMAGES[place])
    with pytest.raises(UnusableInput) as caught:
        Dataset.open(location)
    message = str(caught.value)
    assert message.startswith(f"{location}/dataset.json: damaged")
    assert place in message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["lowercase", "tokenizer", "max_length", "symbols", "seed"])
def test_a_setting_that_is_newer_than_the_dataset_has_its_default(
    words: Dataset, tmp_path: Path, key: str
) -> None:
    opened = Dataset.open(changed(words, tmp_path, lambda info: settings_of(info).pop(key)))
    expected = "word" if key == "tokenizer" else DataSettings.model_fields[key].default
    assert getattr(opened.settings, key) == expected
    assert opened.described_settings == words.described_settings

"""Shards and lengths that no preparation writes, with matching hashes, are one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.errors import UnusableInput
from nmt.shards.batches import choose_shapes, count_batches, epoch_batches
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location

IDS = pa.list_(pa.int32())


@pytest.fixture
def copy(demo_dataset: Dataset, tmp_path: Path) -> Path:
    shutil.copytree(demo_dataset.location.uri, tmp_path / "data")
    return tmp_path / "data"


def edit(folder: Path, change: Callable[[dict], object]) -> None:
    info = json.loads((folder / "dataset.json").read_text())
    change(info)
    (folder / "dataset.json").write_text(json.dumps(info))


def rewrite(folder: Path, split: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the first file of a split, and have dataset.json name it as it is now."""

    def name(info: dict) -> None:
        entry = info["files"][split][0]
        file = Location(folder / entry["name"])
        entry |= file.write_table(change(pq.read_table(file.path)))

    edit(folder, name)


def put(name: str, values: Callable[[int], pa.Array]) -> Callable[[pa.Table], pa.Table]:
    return lambda t: t.set_column(t.column_names.index(name), name, values(len(t)))


def use(folder: Path) -> int:
    """Whatever a training does with the pairs; returns the number of those in an epoch."""
    dataset = Dataset.open(Location(folder))
    shapes = choose_shapes(dataset.widths(), 6, 1000)
    assert count_batches(dataset.widths(), shapes)
    batches = list(epoch_batches(dataset, shapes, 1, 0, 10_000))
    dataset.lexicon()
    for split in ("valid", "rejected"):
        list(dataset.read(split))
    return sum(int((batch.target_outputs > 0).any(axis=1).sum()) for batch in batches)


TRAIN: dict[str, Callable[[pa.Table], pa.Table]] = {
    "missing": lambda t: t.drop_columns(["source_ids"]),
    "twice": lambda t: pa.table([t["source_ids"], *t.columns], ["source_ids", *t.column_names]),
    "text": put("source_ids", lambda n: pa.array(["x"] * n)),
    "floats": put("source_ids", lambda n: pa.array([[1.5]] * n)),
    "numbers": put("target_ids", lambda n: pa.array(range(n))),
    "large lists": put("target_ids", lambda n: pa.array([[5]] * n, pa.large_list(pa.int32()))),
    "beyond": put("source_ids", lambda n: pa.array([[10**6]] * n, IDS)),
    "negative": put("target_ids", lambda n: pa.array([[-7]] * n, IDS)),
    "nulls": put("source_ids", lambda n: pa.array([[None, 5]] * n, IDS)),
    "null rows": put("source_ids", lambda n: pa.array([None] * n, IDS)),
    "long": put("source_ids", lambda n: pa.array([[5] * 5000] + [[5]] * (n - 1), IDS)),
}


@pytest.mark.parametrize("what", TRAIN)
def test_ids_that_no_preparation_writes_are_one_line(copy: Path, what: str) -> None:
    rewrite(copy, "train", TRAIN[what])
    problem = r"train/part-00000\.parquet: (damaged \(|has several columns)"
    with pytest.raises(UnusableInput, match=problem) as caught:
        use(copy)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


VALID: dict[str, Callable[[pa.Table], pa.Table]] = {
    "missing": lambda t: t.drop_columns(["source"]),
    "nulls": put("source", lambda n: pa.nulls(n, pa.string())),
    "numbers": put("target", lambda n: pa.array(range(n))),
    "a long text": put("source", lambda n: pa.array(["a b " * 200_000] + ["a"] * (n - 1))),
    "long": put("target_ids", lambda n: pa.array([[5] * 5000] * n, IDS)),
}


@pytest.mark.parametrize("what", VALID)
def test_validation_pairs_that_no_preparation_writes_are_one_line(copy: Path, what: str) -> None:
    rewrite(copy, "valid", VALID[what])
    with pytest.raises(UnusableInput, match=r"valid/part-00000\.parquet: damaged \("):
        use(copy)


LENGTHS: dict[str, Callable[[dict], object]] = {
    "none": lambda info: info["lengths"].clear(),
    "no pair": lambda info: info.update(lengths={"1 1": 0}),
    "one too many": lambda info: info["lengths"].update({"2 2": 10**6}),
    "shorter": lambda info: info.update(lengths={"1 1": sum(info["lengths"].values())}),
    "longer": lambda info: info.update(
        lengths={"1 1": sum(info["lengths"].values()) - 1, "9999999 9999999": 1}
    ),
}


@pytest.mark.parametrize("what", LENGTHS)
def test_lengths_that_are_not_those_of_the_pairs_are_one_line(copy: Path, what: str) -> None:
    edit(copy, LENGTHS[what])
    with pytest.raises(UnusableInput, match=rf"^{copy}.*dataset\.json") as caught:
        use(copy)
    assert "\n" not in str(caught.value)


def test_texts_as_long_as_the_settings_allow_are_read(copy: Path) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) * 2
    schema = pq.read_schema(copy / "valid/part-00000.parquet")
    change = put("source", lambda n: pa.array([text] * n))
    rewrite(copy, "valid", lambda t: change(t).cast(schema))
    tables = list(Dataset.open(Location(copy)).read("valid", ["source"]))
    assert {row for table in tables for row in table["source"].to_pylist()} == {text}


def test_an_honest_dataset_is_used(copy: Path) -> None:
    assert use(copy) == Dataset.open(Location(copy)).rows("train")


def test_a_footer_is_parsed_once_however_many_row_groups_it_names(copy, monkeypatch) -> None:
    def split(info: dict) -> None:
        for entry in info["files"]["train"]:
            file = Location(copy / entry["name"])
            entry |= file.write_table(pq.read_table(file.path), 1)

    edit(copy, split)
    parsed, read_metadata = [], pq.read_metadata
    monkeypatch.setattr(pq, "read_metadata", lambda f: parsed.append(1) or read_metadata(f))
    dataset = Dataset.open(Location(copy))
    shapes = choose_shapes(dataset.widths(), 6, 1000)
    for epoch in (0, 1):
        list(epoch_batches(dataset, shapes, 1, epoch, 100))
    assert len(dataset.row_groups("train")) == dataset.rows("train")
    assert len(parsed) == len(dataset.files("train"))

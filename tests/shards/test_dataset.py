"""Opening a dataset: complete and genuine, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpora import make, pair_lines, rows, write_lines

from nmt.corpus import encoding
from nmt.errors import UnusableInput
from nmt.even_sample import PAIR
from nmt.records.dataset import CorpusRecord
from nmt.shards import Dataset
from nmt.shards.schema import ROW_GROUP_ROWS, write_part
from nmt.storage.location import Location
from nmt.vocabulary.lexicon import Lexicon

SIDES = ("source", "target")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(6000))
    settings = {"tokenizer": "word", "shard_rows": 5000}
    return make(tmp_path / "out", settings, pairs=pairs)


def test_rows_come_in_order_by_row_groups(dataset: Dataset) -> None:
    tables = list(dataset.read("train", ["id"]))
    assert all(table.num_rows <= 4096 and table.column_names == ["id"] for table in tables)
    ids = [number for table in tables for number in table["id"].to_pylist()]
    assert ids == sorted(ids)
    assert len(ids) == dataset.rows("train") == sum(dataset.lengths().values())
    assert len(dataset.files("train")) == 2
    assert len(tables) > 2
    metadata = pq.ParquetFile(dataset.files("train")[0].path).metadata
    assert metadata.row_group(0).num_rows == 4096


def test_opening_again_gives_the_same(dataset: Dataset) -> None:
    again = Dataset.open(dataset.location)
    assert again.hash == dataset.hash
    assert rows(again, "valid") == rows(dataset, "valid")
    for entry in again.entries("train"):
        assert (again.location / entry.name).sha256() == entry.sha256


def test_what_is_no_dataset_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"no dataset\.json"):
        Dataset.open(Location(tmp_path))
    vocabulary = dataset.location / "source.vocab.txt"
    whole = vocabulary.read_bytes()
    vocabulary.write_bytes(whole + b"more\n")
    with pytest.raises(UnusableInput, match=r"has .* bytes, not .* written; prepare the data"):
        Dataset.open(dataset.location)
    vocabulary.write_bytes(whole)
    info = dataset.location / "dataset.json"
    info.write_json({**dataset.info.to_json(), "format_version": 99})
    with pytest.raises(UnusableInput, match="format version 99"):
        Dataset.open(dataset.location)
    info.write_bytes(b"{")
    with pytest.raises(UnusableInput, match="damaged"):
        Dataset.open(dataset.location)


def test_the_lexicon_is_that_of_the_training_pairs_and_no_pair_is_read_for_it(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [
        tuple(np.array(row[f"{side}_ids"]) for side in SIDES) for row in rows(dataset, "train")
    ]
    sizes = dataset.source_vocabulary.size, dataset.target_vocabulary.size
    expected = Lexicon.learn(pairs, *sizes)
    monkeypatch.delattr(Dataset, "row_groups")
    lexicon = Dataset.open(dataset.location).lexicon()
    for part, other in zip(lexicon, expected, strict=True):
        np.testing.assert_array_equal(part, other)
    assert len(np.unique(lexicon.candidates)) > 20


def test_a_large_corpus_gives_the_lexicon_of_an_even_sample(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells: list[int] = []
    learn = Lexicon.learn

    def counting(pairs: list, *sizes: int) -> Lexicon:
        cells.append(sum((len(source) + 1) * len(target) + PAIR for source, target in pairs))
        return learn(pairs, *sizes)

    monkeypatch.setattr(Lexicon, "learn", counting)
    monkeypatch.setattr(encoding, "CELLS", 20_000)
    make(tmp_path / "b", {"tokenizer": "word"}, pairs=Location(tmp_path / "c.tsv"))
    assert 0.8 * 20_000 < cells[0] < 1.25 * 20_000


def test_a_changed_lexicon_is_refused_in_one_line(dataset: Dataset) -> None:
    file = dataset.location / "lexicon.npz"
    file.write_bytes(b"x" + file.read_bytes()[1:])
    with pytest.raises(UnusableInput, match=r"lexicon\.npz: is not the file .*prepare the data"):
        Dataset.open(dataset.location).lexicon()


def test_there_is_one_writer_of_parquet(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = next(dataset.read("valid"))
    whole = Location(tmp_path / "whole.parquet").write_table(table, ROW_GROUP_ROWS)
    name = "valid/part-00000.parquet"
    expected = {"name": name, **whole.to_json()}
    assert write_part(Location(tmp_path), name, table).to_json() == expected
    monkeypatch.setattr(Location, "write_table", lambda *_: whole)
    assert write_part(Location(tmp_path), name, table).to_json() == expected


def test_a_damaged_shard_is_named_in_one_line(dataset: Dataset) -> None:
    file = dataset.files("train")[0]
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(
        UnusableInput, match=r"/part-\d+\.parquet: has .* bytes, not .*prepare"
    ) as caught:
        next(dataset.read("train"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "tag", "expected"),
    [
        ((None, None), None, False),
        (("talk", None), None, False),
        (("talk", "manual"), None, True),
        (("talk", None), "news", True),
        ((), "news", True),
        ((), None, False),
    ],
)
def test_every_pair_has_a_tag_if_its_corpus_or_the_dataset_has(
    dataset: Dataset, tags, tag, expected
) -> None:
    counts = dataset.info.counts
    corpora = {f"{n}": CorpusRecord(tag=one, counts=counts) for n, one in enumerate(tags)}
    dataset.info = dataset.info.model_copy(update={"corpora": corpora})
    dataset.settings = dataset.settings.model_copy(update={"tag": tag})
    assert dataset.always_tagged == expected

"""Real corpora, where they are at hand (NMT_DATA): counts, and text that comes back unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from corpora import make, rows

from nmt.storage.location import Location

DATA = Path(os.environ.get("NMT_DATA", Path(__file__).parents[3] / "shared" / "data"))


def given(name: str) -> Location:
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is absent; set NMT_DATA to the folder of the real corpora")
    return Location(DATA / name)


@pytest.mark.slow
def test_multi30k_with_given_splits(tmp_path: Path) -> None:
    files = {
        split: tuple(given(f"multi30k/{name}.{language}.gz") for language in ("en", "de"))
        for split, name in (("train", "train"), ("valid", "val"), ("test", "test_2016_flickr"))
    }
    dataset = make(
        tmp_path / "o",
        {"vocab_size": 2000},
        sources=(files["train"][0],),
        targets=(files["train"][1],),
        valid=files["valid"],
        test=files["test"],
    )
    counts = dataset.info.counts
    assert counts.train + counts.rejected == 29_000
    assert (counts.valid, counts.test) == (1014, 1000)
    assert set(dataset.info.drops) <= {"leak"}
    assert dataset.info.cleaning["decode_entities"] > 0
    for side in ("source", "target"):
        vocabulary = getattr(dataset, f"{side}_vocabulary")
        for table in dataset.read("train", [side, f"{side}_ids"]):
            for row in table.to_pylist():
                assert vocabulary.decode(row[f"{side}_ids"]) == row[side]


def test_a_sample_of_the_tatoeba_archive(tmp_path: Path) -> None:
    pairs = given("tatoeba/deu-eng.zip")
    dataset = make(tmp_path / "o", {"tokenizer": "word", "sample": 5000}, pairs=pairs)
    counts = dataset.info.counts
    assert sum(getattr(counts, name) for name in ("train", "valid", "test", "rejected")) == 5000
    assert counts.input == 169_813
    ids = [row["id"] for row in rows(dataset, "train")]
    assert max(ids) > 160_000, "not the head of the file"

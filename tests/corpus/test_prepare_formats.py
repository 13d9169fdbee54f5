"""The same pairs make the same dataset, whatever holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import make, pair_lines, rows, write_lines
from written_rows import WRITERS, put

from nmt.errors import UnusableInput
from nmt.records.dataset import Preparation
from nmt.storage.location import Location

LANGUAGES = {"source_language": "en", "target_language": "de"}
NAMES = {"source": "en", "target": "de"}


@pytest.fixture(scope="module")
def pairs() -> list[dict[str, str]]:
    lines = [line.decode().split("\t") for line in pair_lines(300)]
    return [
        {"id": f"{i}", "source": source, "target": f'"{target}",\u2028x'}
        for i, (source, target) in enumerate(lines)
    ]


def written(folder: Path, pairs: list[dict[str, str]], ending: str) -> Location:
    file = folder / f"pairs.{ending}"
    kind = ending.split(".")[0]
    if kind == "tsv":
        put(file, "".join(f"{row['source']}\t{row['target']}\n" for row in pairs).encode())
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(pairs).rename_columns(["id", "en", "de"]), file)
    else:
        names = NAMES if kind in ("jsonl", "csv") else {}
        renamed = [{names.get(name, name): text for name, text in row.items()} for row in pairs]
        put(file, WRITERS[kind](renamed))
    return Location(file)


def prepared(folder: Path, location: Location, **request: Any) -> list[list[tuple[int, str, str]]]:
    kind = location.name.split(".")[1]
    columns = {} if kind in ("tsv", "tmx") else {"source_column": "en", "target_column": "de"}
    settings = {"valid_fraction": 0.1, "test_fraction": 0.1, **LANGUAGES}
    if "valid_pairs" in request:
        settings |= {"valid_fraction": 0.0}
    dataset = make(folder, settings, pairs=location, **columns, **request)
    return [
        [(row["id"], row["source"], row["target"]) for row in rows(dataset, split)]
        for split in ("train", "valid", "test")
    ]


def test_a_dataset_is_the_same_from_all_formats(tmp_path: Path, pairs) -> None:
    made = [
        prepared(tmp_path / ending, written(tmp_path, pairs, ending))
        for ending in ("tsv.bz2", "csv.zst", "jsonl.xz", "tmx.gz", "parquet")
    ]
    assert all(len(split) > 10 for split in made[0])
    assert all(other == made[0] for other in made[1:])


def test_validation_pairs_stand_in_one_file(tmp_path: Path, pairs) -> None:
    location = written(tmp_path, pairs[:250], "jsonl")
    (tmp_path / "v").mkdir()
    valid = written(tmp_path / "v", pairs[250:], "jsonl.gz")
    train, held_out, _ = prepared(tmp_path / "out", location, valid_pairs=valid)
    sources = {source for _, source, _ in held_out}
    assert len(held_out) == 50
    assert not any(source in sources for _, source, _ in train)


def test_rows_that_are_none_are_rejected_with_their_line(tmp_path: Path, pairs) -> None:
    file = Path(written(tmp_path, pairs, "jsonl").path)
    file.write_bytes(b'[]\n{"en": "a \xff", "de": "b"}\n{"en": "a"}\n' + file.read_bytes())
    columns = {"source_column": "en", "target_column": "de"}
    dataset = make(tmp_path / "out", LANGUAGES, pairs=Location(file), **columns)
    rejected = [(row["line"], row["reason"], row["source"]) for row in rows(dataset, "rejected")]
    assert rejected == [
        (1, "missing_column", "[]"),
        (2, "broken_utf8", '{"en": "a \ufffd", "de": "b"}'),
        (3, "missing_column", "a"),
    ]
    assert dataset.info.counts.input == len(pairs) + 3
    columns["target_column"] = "id"
    with pytest.raises(UnusableInput, match="made with other settings"):
        make(tmp_path / "out", LANGUAGES, pairs=Location(file), **columns)
    assert Preparation.model_validate(dataset.info.request.to_json()) == dataset.info.request


def test_columns_and_languages_that_are_not_there_are_named(tmp_path: Path, pairs) -> None:
    tmx, table = (written(tmp_path, pairs[:9], ending) for ending in ("tmx", "csv"))
    lines = write_lines(tmp_path / "a.tsv", [b"a\tb"])
    for location, request, settings, message in (
        (tmx, {}, {}, r"holds several columns \(there are tuid, en, de-AT\); give --source-lang"),
        (tmx, {}, {"source_language": "en"}, "give --target-language"),
        (table, {}, {}, r"no column 'source' \(there are id, en, de\); name one with --source-col"),
        (lines, {"source_column": "en"}, {}, r"have no columns with names; leave --source-column"),
    ):
        with pytest.raises(UnusableInput, match=message):
            make(tmp_path / "none", settings, pairs=location, **request)
    with pytest.raises(UnusableInput, match="go with --pairs only"):
        make(tmp_path / "none", sources=(lines,), targets=(lines,), source_column="en")

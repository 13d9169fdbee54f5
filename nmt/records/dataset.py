"""DATASET: a prepared corpus."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from nmt.records.base import Count, FileEntry, Keyed, Many, Named, Record, TableEntry, Versioned

LengthPair = Annotated[str, Field(pattern=r"^[0-9]{1,7} [0-9]{1,7}$")]  # source, target tokens


class Preparation(Record):
    """``DATASET/_preparing.json``: the settings and the input files, with their hashes."""

    settings: Named[JsonValue]
    inputs: Named[JsonValue] = {}


class NamedTable(TableEntry):
    """A Parquet file, by its path in the dataset."""

    name: str


class SplitFiles(Record):
    """The Parquet files of each split, and of the rejected pairs, in order."""

    train: Many[NamedTable]
    valid: Many[NamedTable]
    test: Many[NamedTable]
    rejected: Many[NamedTable]


class VocabularyFile(FileEntry):
    """One side's vocabulary."""

    file: str
    size: Count


class Tokenizer(Record):
    """How texts are cut into tokens."""

    kind: Literal["spm", "word"]
    joint: bool = False
    source: VocabularyFile
    target: VocabularyFile


class NumberedInput(Record):
    """Files of the input, and the id of their first pair."""

    role: str
    names: Many[str]
    rows: Count
    first_id: Count


class DatasetRecord(Versioned):
    """``DATASET/dataset.json``."""

    languages: Named[str]
    tokenizer: Tokenizer
    counts: Named[Count]
    drops: Named[Count]
    cleaning: Named[Count] = {}
    split_rule: str = ""
    seed: int = 0
    alignment: bool = False
    lexicon: FileEntry
    inputs: Many[NumberedInput] = []
    files: SplitFiles
    lengths: Keyed[LengthPair, Count]
    versions: Named[str] = {}
    request: Preparation
    fingerprint: str = ""

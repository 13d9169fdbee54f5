"""DATASET: a prepared corpus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue

from nmt.records.base import Count, FileEntry, Keyed, Many, Named, Record, TableEntry, Versioned
from nmt.records.model import Direction

Length = Annotated[str, Field(pattern=r"^[0-9]{1,7}$")]  # tokens
LengthPair = Annotated[str, Field(pattern=r"^[0-9]{1,7} [0-9]{1,7}$")]  # source, target tokens


class Preparation(Record):
    """``DATASET/_preparing.json``: the settings and the input files, with their hashes."""

    settings: Named[JsonValue]
    inputs: Named[JsonValue] = {}
    corpora: Named[JsonValue] = {}


_PART = re.compile(r"(?:train|valid|test|rejected|scores)/part-[0-9]{5,16}\.parquet")


def _part_of_a_dataset(name: str) -> str:
    if not _PART.fullmatch(name):
        raise ValueError(f"names a file {name[:80]!r}, which is none below it")
    return name


class NamedTable(TableEntry):
    """A Parquet file, by its path in the dataset."""

    name: Annotated[str, AfterValidator(_part_of_a_dataset)]


class SplitFiles(Record):
    """The Parquet files of each split, and of the rejected pairs, in order."""

    train: Many[NamedTable]
    valid: Many[NamedTable]
    test: Many[NamedTable]
    rejected: Many[NamedTable]
    scores: Many[NamedTable] = []


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
    """Files of the input, each named by the end of its path that tells it from all others, and the
    id of their first pair."""

    role: str
    names: Many[str]
    rows: Count
    first_id: Count


class ScoreDistribution(Record):
    """The scores of one filter: how many lie between each two edges. The first and the last bin
    take what is beyond them, too."""

    bound: Literal["most", "least"]
    threshold: float
    edges: Many[float]
    counts: Many[Count]


class PairCounts(Record):
    """Pairs that were read, and those in each split."""

    input: Count = 0
    train: Count
    valid: Count
    test: Count
    rejected: Count


class CorpusRecord(Record):
    """One corpus: how it was filtered, and what became of its pairs.

    Where corpora have different weights, ``place`` is that of the corpus' pairs among those of the
    others, and ``lengths`` counts its training pairs by their tokens.
    """

    weight: Annotated[float, Field(gt=0)] = 1.0
    place: Count = 0
    lengths: Keyed[LengthPair, Count] = {}
    tag: str | None = None
    domain: str | None = None
    filters: str = "none"
    thresholds: Named[bool | float | int] = {}
    counts: PairCounts
    drops: Named[Count] = {}
    scores: Named[ScoreDistribution] = {}


class AlignerRecord(Record):
    """What the filters learnt from the corpus.

    ``ratios`` has the characters of a target for each of its source, by corpus; ``random`` the
    quantiles of the score of random pairings, by per cent.
    """

    pairs: Count
    step: Count
    ratios: Named[float] = {}
    random: Named[float] = {}


class DatasetRecord(Versioned):
    """``DATASET/dataset.json``.

    ``lengths`` counts the training pairs by their tokens, ``too_long`` the pairs that were rejected
    as such by those of their longer side.
    """

    languages: Direction
    tokenizer: Tokenizer
    counts: PairCounts
    drops: Named[Count]
    cleaning: Named[Count] = {}
    split_rule: str = ""
    seed: int = 0
    alignment: bool = False
    lexicon: FileEntry
    inputs: Many[NumberedInput] = []
    corpora: Named[CorpusRecord] = {}
    aligner: AlignerRecord | None = None
    files: SplitFiles
    lengths: Keyed[LengthPair, Count]
    too_long: Keyed[Length, Count] = {}
    versions: Named[str] = {}
    request: Preparation
    fingerprint: str = ""


def lengths_of(stored: Mapping[str, int]) -> dict[tuple[int, int], int]:
    """Pairs by their (source, target) tokens, of what a record counts."""
    return {tuple(map(int, key.split())): count for key, count in stored.items()}  # type: ignore[misc]


def widths_of(stored: Mapping[str, int]) -> dict[int, int]:
    """Pairs by the tokens of their longer side, EOS included, of what a record counts."""
    widths: dict[int, int] = {}
    for pair, count in lengths_of(stored).items():
        width = max(pair) + 1
        widths[width] = widths.get(width, 0) + count
    return widths

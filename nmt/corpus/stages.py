"""Units of a corpus, and the stage that cleans them.

Each stage is a pure function from a unit to files of fixed names; `nmt.corpus.encoding` holds the
later ones.

A unit is some 100,000 pairs. Staged files lie under OUTPUT/_staging until the end:

    raw-…       pairs as they were read (bytes)
    clean-…     what was kept, with its split
    rejected-…  what was not, with a reason
    keys-…      fingerprints of the sources of given valid/test files
    words-…     how often each word occurs in train (tokenizer word)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.corpus.cleaning import clean_counting
from nmt.corpus.splitting import source_key, split_keys, split_of
from nmt.languages import count_scripts
from nmt.settings import DataSettings
from nmt.shards.schema import REJECTED
from nmt.storage.location import Location
from nmt.text_limits import TOO_MANY_MARKS, excess, has_too_many_marks, shown
from nmt.vocabulary import Vocabulary, vocabulary_class

STAGING = "_staging"

RAW = pa.schema(
    [
        ("id", pa.int64()),
        ("line", pa.int64()),
        ("source", pa.large_binary()),
        ("target", pa.large_binary()),
    ]
)
_CLEAN = pa.schema(
    [
        ("id", pa.int64()),
        ("source", pa.string()),
        ("target", pa.string()),
        ("split", pa.string()),
        ("alignment", pa.string()),
    ]
)
_FIRST = 1000  # pairs of a unit whose scripts are counted
WORDS = pa.schema([("word", pa.string()), ("count", pa.int64())])


@dataclass(frozen=True)
class Plan:
    """What all units of a preparation have in common."""

    output: Location
    settings: DataSettings
    demo: bool = False

    @property
    def staging(self) -> Location:
        """The folder of the staged files."""
        return self.output / STAGING


@dataclass(frozen=True)
class Unit:
    """A stretch of pairs that is worked on at once.

    Attributes:
        number: running number over all units; names its staged files and those in rejected/.
        part: running number over the units of its role; names its files in the splits.
        role: ``train``, or the split that its file was given for.
        start: id of the first pair (built-in grammar only).
        count: number of pairs.
    """

    number: int
    part: int
    role: str
    start: int
    count: int

    def name(self, kind: str, side: str = "") -> str:
        """The name of one of its staged files."""
        return f"{kind}{'-' + side if side else ''}-{self.number:05d}"


class Cleaned(NamedTuple):
    """What `clean_unit` counted."""

    counts: dict[str, int]
    drops: dict[str, int]
    rules: dict[str, int]
    scripts: dict[str, Counter[str]]  # letters of each side's first pairs, by script


class Row(NamedTuple):
    """A raw pair with its id; ``alignment`` only from the built-in grammar."""

    id: int
    line: int
    source: str | bytes | None
    target: str | bytes | None
    alignment: str | None


@dataclass
class Columns:
    """Rows on their way into a table.

    Attributes:
        schema: the table's columns.
        rows: the rows so far, a value a column.
    """

    schema: pa.Schema
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def table(self) -> pa.Table:
        """The rows as a table."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.schema)
        arrays = [
            pa.array(column, type=item.type)
            for column, item in zip(columns, self.schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def clean_unit(plan: Plan, leaks: tuple[Unit, ...], unit: Unit) -> Cleaned:
    """Clean the pairs of a unit, reject what is unusable, and choose each one's split.

    Args:
        plan: the preparation.
        leaks: the units of given valid/test files; a pair of train whose source stands in one
            of them is rejected.
        unit: the pairs.
    """
    settings = plan.settings
    vocabulary = vocabulary_class(settings.tokenizer)
    standardise = _standardiser(vocabulary)
    words = settings.tokenizer == "word"
    forbidden: frozenset[bytes] = frozenset()
    for given in leaks:
        forbidden |= split_keys((plan.staging / given.name("keys")).read_bytes())
    kept, rejected = Columns(_CLEAN), Columns(REJECTED)
    rules: Counter[str] = Counter()
    frequencies: dict[str, Counter[str]] = {"source": Counter(), "target": Counter()}
    keys = []
    for row in unit_rows(plan, unit):
        source, target, reason = _decoded(row, settings.max_characters)
        clean_source, source_rules = clean_counting(source, settings)
        clean_target, target_rules = clean_counting(target, settings)
        rules.update(source_rules)
        rules.update(target_rules)
        # The sentence as the model sees it: other writings of it must not leak either.
        seen_source, seen_target = standardise(clean_source), standardise(clean_target)
        key = source_key(seen_source, settings.seed)
        if unit.role != "train" and seen_source:
            keys.append(key)
        if not reason:
            marks = has_too_many_marks(clean_source) or has_too_many_marks(clean_target)
            reason = TOO_MANY_MARKS if marks else _reason(settings, seen_source, seen_target)
        if not reason and key in forbidden:
            reason = "leak"
        if not reason and words:
            longest = max(len(seen_source.split()), len(seen_target.split()))
            reason = "too_long" if longest > settings.max_length else ""
        if reason:
            rejected.rows.append((row.id, row.line, reason, source, target))
            continue
        split = unit.role
        if split == "train":
            split = split_of(key, settings.valid_fraction, settings.test_fraction)
        if words and split == "train":
            frequencies["source"].update(seen_source.split())
            frequencies["target"].update(seen_target.split())
        alignment = row.alignment
        if alignment is not None and (source_rules or target_rules):
            alignment = None  # it may have lost the words that it counts
        kept.rows.append((row.id, clean_source, clean_target, split, alignment))
    (plan.staging / unit.name("clean")).write_table(kept.table())
    (plan.staging / unit.name("rejected")).write_table(rejected.table())
    if unit.role != "train":
        (plan.staging / unit.name("keys")).write_bytes(b"".join(sorted(set(keys))))
    for side, counter in frequencies.items() if words else ():
        table = Columns(WORDS, sorted(counter.items())).table()
        (plan.staging / unit.name("words", side)).write_table(table)
    counts = Counter(row[3] for row in kept.rows)
    drops = Counter(row[2] for row in rejected.rows)
    scripts = {
        side: count_scripts(row[place] for row in kept.rows[:_FIRST])
        for place, side in ((1, "source"), (2, "target"))
    }
    return Cleaned(dict(counts), dict(drops), dict(rules), scripts)


def _standardiser(vocabulary: type[Vocabulary]) -> Callable[[str], str]:
    if vocabulary.kind == "word":
        from nmt.vocabulary.words import standardise
    else:
        from nmt.vocabulary.subwords import standardise
    return standardise


def unit_rows(plan: Plan, unit: Unit) -> Iterator[Row]:
    """The raw pairs of a unit, from its staged file or from the built-in grammar."""
    if plan.demo:
        from nmt.grammar import generate

        pairs = generate(plan.settings.seed, unit.start, unit.count)
        for number, pair in enumerate(pairs, start=unit.start):
            yield Row(number, number + 1, pair.source, pair.target, pair.alignment)
        return
    with (plan.staging / unit.name("raw")).open() as file:
        for batch in pq.ParquetFile(file).iter_batches(8192):
            columns = [column.to_pylist() for column in batch.columns]
            for number, line, source, target in zip(*columns, strict=True):
                yield Row(number, line, source, target, None)


def _decoded(row: Row, most: int) -> tuple[str, str, str]:
    """Both sides as text (broken bytes as U+FFFD), and a reason to reject them or ''.

    Args:
        row: as it was read.
        most: characters of a side.
    """
    texts, reason = [], ""
    for value in (row.source, row.target):
        if value is None:
            reason = reason or "missing_column"
            texts.append("")
            continue
        text: bytes | str = value
        if isinstance(text, bytes) and not (found := excess(text, most)):
            try:
                text = text.decode("utf-8")
            except UnicodeDecodeError:
                found = "broken_utf8"
        if isinstance(text, str):
            found = excess(text, most)
        reason = reason or found
        texts.append(shown(text, found))
    return texts[0], texts[1], reason


def _reason(settings: DataSettings, source: str, target: str) -> str:
    if not source or source.isspace():
        return "empty_source"
    if not target or target.isspace():
        return "empty_target"
    return "identical" if settings.reject_identical and source == target else ""


def read_table(location: Location) -> pa.Table:
    """A whole staged file."""
    with location.open() as file:
        return pq.read_table(file)

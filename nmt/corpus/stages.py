"""Units of a corpus, and the stage that cleans them.

Each stage is a pure function from a unit to files of fixed names; `nmt.corpus.encoding` holds the
later ones.

A unit is some 100,000 pairs. Staged files lie under OUTPUT/_staging until the end:

    raw-…       pairs as they were read (bytes)
    clean-…     what was kept, with its split
    rejected-…  what was not, with a reason
    keys-…      fingerprints of the sources of given valid/test files
    words-…     how often each word occurs in train (tokenizer word)
    done-…      which pieces of which stage are done, see `nmt.corpus.journal`

`nmt.corpus.filtering` adds others where pairs are filtered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from nmt.corpus.pair_filter import PairFilter
from nmt.corpus.splitting import KEY_BYTES, document_key, split_keys, split_of
from nmt.corpus.staged import CLEAN, WORDS, read_raw
from nmt.languages import count_scripts
from nmt.records.preparation import Cleaned
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings
from nmt.shards.schema import REJECTED
from nmt.storage.location import Location

STAGING = "_staging"
UNNAMED = "all"  # the only corpus, where none was named

_FIRST = 1000  # pairs of a unit whose scripts are counted


@dataclass(frozen=True)
class PlannedCorpus:
    """What the stages must know of a corpus.

    Attributes:
        name: as the column ``corpus`` has it.
        thresholds: of its filters, as `nmt.settings.FilterSettings` explains them.
        tag: before each of its sources; None is that of the settings.
    """

    name: str = UNNAMED
    thresholds: Mapping[str, float | bool] = field(default_factory=dict)
    tag: str | None = None


@dataclass(frozen=True)
class Plan:
    """What all units of a preparation have in common.

    Attributes:
        output: the DATASET.
        settings: how the corpora are cleaned, split and segmented.
        demo: whether the pairs come from the built-in grammar.
        corpora: those that units belong to, in order.
        named: whether the columns of the dataset say from which corpus a pair is.
        by_document: whether documents decide on splits, so that a source may stand in several
            splits; those in train are rejected.
    """

    output: Location
    settings: DataSettings
    demo: bool = False
    corpora: tuple[PlannedCorpus, ...] = (PlannedCorpus(),)
    named: bool = False
    by_document: bool = False

    @property
    def filtered(self) -> bool:
        """Whether pairs are filtered after they were cleaned."""
        return self.by_document or any(corpus.thresholds for corpus in self.corpora)

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, each once, sorted."""
        tags = {self.settings.tag, *(corpus.tag for corpus in self.corpora)}
        return tuple(sorted(tag for tag in tags if tag))

    def tag_of(self, unit: Unit) -> str | None:
        """The tag of a unit's sources; files given for a split have that of the settings."""
        own = self.corpora[unit.corpus].tag if unit.role == "train" else None
        return own or self.settings.tag

    @property
    def kept(self) -> str:
        """The staged files of the pairs that are kept."""
        return "kept" if self.filtered else "clean"

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
        corpus: its place among the corpora of the plan.
    """

    number: int
    part: int
    role: str
    start: int
    count: int
    corpus: int = 0

    def name(self, kind: str, side: str = "") -> str:
        """The name of one of its staged files."""
        return f"{kind}{'-' + side if side else ''}-{self.number:05d}"


class Row(NamedTuple):
    """A raw pair with its id; ``document`` is that of `nmt.corpus.pair_reader.RawRow`,
    ``alignment`` only from the built-in grammar."""

    id: int
    line: int
    source: str | bytes | None
    target: str | bytes | None
    document: bytes | None = None
    alignment: str | None = None


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
    forbidden: frozenset[bytes] = frozenset()
    for held_out in leaks:
        file = plan.staging / held_out.name("keys")
        forbidden |= split_keys(file.read_bytes(KEY_BYTES * held_out.count))
    judge = PairFilter(settings, forbidden)
    kept, rejected = Columns(CLEAN), Columns(REJECTED)
    rules: Counter[str] = Counter()
    keys = []
    documents = 0
    for row in unit_rows(plan, unit):
        source, target, key, reason = judge(row.source, row.target)
        rules.update(source.rules)
        rules.update(target.rules)
        if unit.role != "train" and source.standard:
            keys.append(key)
        if reason:
            rejected.rows.append((row.id, row.line, reason, source.raw, target.raw))
            continue
        split = unit.role
        if split == "train":
            if row.document is not None:
                key = document_key(row.document, settings.seed)
                documents += 1
            split = split_of(key, settings.valid_fraction, settings.test_fraction)
        alignment = row.alignment
        if alignment is not None and (source.rules or target.rules):
            alignment = None  # it may have lost the words that it counts
        kept.rows.append((row.id, source.cleaned, target.cleaned, split, alignment))
    table = kept.table()
    (plan.staging / unit.name("clean")).write_table(table)
    (plan.staging / unit.name("rejected")).write_table(rejected.table())
    if unit.role != "train":
        (plan.staging / unit.name("keys")).write_bytes(b"".join(sorted(set(keys))))
    if not plan.filtered:
        count_words(plan, unit, table)
    counts = Counter(row[3] for row in kept.rows)
    drops = Counter(str(row[2]) for row in rejected.rows)
    scripts = {
        side: dict(count_scripts(row[place] for row in kept.rows[:_FIRST]))
        for place, side in ((1, "source"), (2, "target"))
    }
    return Cleaned(
        counts=dict(counts),
        drops=dict(drops),
        rules=dict(rules),
        scripts=scripts,
        documents=documents,
    )


def count_words(plan: Plan, unit: Unit, table: pa.Table) -> None:
    """Write how often each word occurs in the training pairs of a unit (tokenizer word)."""
    if plan.settings.tokenizer != "word":
        return
    from nmt.vocabulary.words import standardise

    train = table.filter(pc.equal(table["split"], "train"))
    for side in ("source", "target"):
        counts: Counter[str] = Counter()
        for text in train[side].to_pylist():
            counts.update(standardise(text).split())
        words = Columns(WORDS, sorted(counts.items())).table()
        (plan.staging / unit.name("words", side)).write_table(words)


def rejected_rows(
    plan: Plan, unit: Unit, table: pa.Table, reasons: Sequence[RejectReason | str | None]
) -> pa.Table:
    """The pairs of a unit that a stage after cleaning rejects, as they are stored.

    Args:
        plan: the preparation.
        unit: the pairs.
        table: with ``id``, ``source`` and ``target`` of pairs that were cleaned.
        reasons: why each of them is rejected; None for those that are not.
    """
    late = [i for i, reason in enumerate(reasons) if reason]
    rows = []
    if late:
        lines = {row.id: row.line for row in unit_rows(plan, unit)}
        columns = table.select(["id", "source", "target"]).take(late).to_pylist()
        for i, row in zip(late, columns, strict=True):
            rows.append((row["id"], lines[row["id"]], reasons[i], row["source"], row["target"]))
    return Columns(REJECTED, rows).table()


def unit_rows(plan: Plan, unit: Unit) -> Iterator[Row]:
    """The raw pairs of a unit, from its staged file or from the built-in grammar."""
    if plan.demo:
        from nmt.grammar import generate

        pairs = generate(plan.settings.seed, unit.start, unit.count)
        for number, pair in enumerate(pairs, start=unit.start):
            yield Row(number, number + 1, pair.source, pair.target, alignment=pair.alignment)
        return
    for values in read_raw(plan.staging / unit.name("raw"), unit.count):
        yield Row(*values)

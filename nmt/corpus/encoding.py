"""The later stages of preparing a corpus: learn vocabularies from train, and encode."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa

from nmt.corpus.pair_filter import judge_lengths
from nmt.corpus.splitting import SPLITS
from nmt.corpus.staged import CLEAN, WORDS, read_rejected, read_table
from nmt.corpus.stages import Plan, Unit, rejected_rows
from nmt.corpus.vocabulary_source import VocabularySource
from nmt.errors import UnusableInput
from nmt.even_sample import EvenSample
from nmt.records import FileEntry, file_entry
from nmt.records.dataset import NumberedInput
from nmt.records.preparation import Encoded
from nmt.reject_reasons import RejectReason
from nmt.shards.dataset import LEXICON_NAME
from nmt.shards.row_groups import Content
from nmt.shards.schema import CORPUS, FILE, pairs_schema, write_part
from nmt.storage.location import Location
from nmt.tables.parquet import read_whole
from nmt.vocabulary import SPECIALS, Vocabulary, load, vocabulary_class
from nmt.vocabulary.lexicon import CELLS, Lexicon

log = logging.getLogger(__name__)

SPM_SENTENCES = 1_000_000  # so many are enough to learn subwords from
_Item = TypeVar("_Item")


def learn_vocabulary(plan: Plan, units: tuple[Unit, ...], train_rows: int, side: str) -> None:
    """Learn the vocabulary of ``source``, ``target``, or ``joint`` from train, and store it."""
    settings = plan.settings
    sides = ("source", "target") if side == "joint" else (side,)
    vocabulary: Vocabulary
    if settings.tokenizer == "word":
        from nmt.vocabulary.words import build_words

        vocabulary = build_words(
            _word_counts(plan, units, side),
            vocab_size=settings.vocab_size,
            min_frequency=settings.min_frequency,
            tags=plan.tags,
        )
        if vocabulary.size == len(SPECIALS) + len(vocabulary.tags):
            raise UnusableInput(
                f"no {side} word occurs in train as often as --min-frequency "
                f"{settings.min_frequency}; lower it, give more pairs, or take "
                "--tokenizer spm, which needs no blanks between words"
            )
    else:
        from nmt.vocabulary.subwords import train_subwords

        vocabulary = train_subwords(
            _Sentences(plan, units, sides, train_rows),
            vocab_size=settings.vocab_size,
            byte_fallback=settings.byte_fallback,
            character_coverage=settings.character_coverage,
            symbols=settings.symbols,
            tags=plan.tags,
        )
    for name in sides:
        (plan.output / vocabulary.file_name(name)).write_bytes(vocabulary.serialise())


def take_vocabulary(
    plan: Plan,
    units: tuple[Unit, ...],
    train_rows: int,
    given: VocabularySource,
    count: int,
    side: str,
) -> None:
    """Store a vocabulary that was given, with entries that are learnt from train added to it.

    Args:
        plan: the preparation.
        units: of the training pairs.
        train_rows: their number.
        given: the vocabularies.
        count: entries to add, at most.
        side: ``source``, ``target``, or ``joint``.
    """
    from nmt.vocabulary.extension import extend_subwords, extend_words, with_tags
    from nmt.vocabulary.subwords import SubwordVocabulary
    from nmt.vocabulary.words import WordVocabulary

    sides = ("source", "target") if side == "joint" else (side,)
    vocabulary = given.vocabularies[sides[0]]
    if count and isinstance(vocabulary, SubwordVocabulary):
        sentences = _Sentences(plan, units, sides, train_rows)
        vocabulary = extend_subwords(vocabulary, sentences, count)
    elif count and isinstance(vocabulary, WordVocabulary):
        words = _word_counts(plan, units, side)
        vocabulary = extend_words(vocabulary, words, count, plan.settings.min_frequency)
    if "source" in sides:
        vocabulary = with_tags(vocabulary, plan.tags)
    old = given.vocabularies[sides[0]].size
    log.info(
        f"{side} vocabulary: {old:,} entries of {given.location}, {vocabulary.size - old:,} new"
    )
    for name in sides:
        (plan.output / vocabulary.file_name(name)).write_bytes(vocabulary.serialise())


def _word_counts(plan: Plan, units: tuple[Unit, ...], side: str) -> Counter[str]:
    """How often each word of a side occurs in train (tokenizer word)."""
    total: Counter[str] = Counter()
    for unit in units:
        table = read_table(plan.staging / unit.name("words", side), WORDS)
        words, counts = table["word"].to_pylist(), table["count"].to_pylist()
        total.update(dict(zip(words, counts, strict=True)))
    return total


def encode_unit(plan: Plan, inputs: Sequence[NumberedInput], unit: Unit) -> Encoded:
    """Cut the kept pairs of a unit into tokens and write its final files.

    Args:
        plan: the preparation.
        inputs: the files of the pairs, by their first ids.
        unit: the pairs.
    """
    settings = plan.settings
    table = read_table(plan.staging / unit.name(plan.kept), CLEAN, most=unit.count)
    lengths = []
    for side in ("source", "target"):
        vocabulary = _load(plan, side)
        ids = vocabulary.encode_ids(table[side].to_pylist())
        if side == "source" and (tag := plan.tag_of(unit)) is not None:
            ids = [[vocabulary.tags[tag], *own] if own else own for own in ids]
        table = table.append_column(f"{side}_ids", _lists(ids))
        lengths.append(np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)))
    reasons = judge_lengths(lengths[0].tolist(), lengths[1].tolist(), settings.max_length)
    kept = np.array([reason is None for reason in reasons], bool)
    longer = np.maximum(*lengths)[[reason == RejectReason.TOO_LONG for reason in reasons]]
    late = rejected_rows(plan, unit, table, reasons)
    earlier = ("rejected", "filtered") if plan.filtered else ("rejected",)
    staged = [read_rejected(plan.staging / unit.name(name), unit.count) for name in earlier]
    rejected = pa.concat_tables([*staged, late]).sort_by("id")
    owner = pa.scalar(plan.corpora[unit.corpus].name if unit.role == "train" else None, pa.string())
    corpus = pa.repeat(owner, max(table.num_rows, rejected.num_rows))
    files = {}
    if rejected.num_rows:
        if len(inputs) > 1:
            rejected = rejected.append_column(FILE, _files_of(inputs, rejected["id"].to_numpy()))
        if plan.named:
            rejected = rejected.append_column(CORPUS, corpus[: rejected.num_rows])
        files["rejected"] = write_part(plan.output, part_name("rejected", unit.number), rejected)
    if plan.named:
        table = table.append_column(CORPUS, corpus[: table.num_rows])
    schema = pairs_schema(plan.demo, plan.named)
    splits = np.asarray(table["split"].to_pylist(), dtype=object)
    for split in SPLITS:
        chosen = (splits == split) & kept
        if chosen.any():
            rows = table.filter(pa.array(chosen)).select(schema.names).cast(schema)
            part = rows.combine_chunks()
            files[split] = write_part(plan.output, part_name(split, unit.part), part)
    train = (splits == "train") & kept
    pairs = Counter(zip(lengths[0][train].tolist(), lengths[1][train].tolist(), strict=True))
    return Encoded(
        files=files,
        drops=dict(Counter(late["reason"].to_pylist())),
        lengths={f"{source} {target}": count for (source, target), count in pairs.items()},
        too_long={f"{tokens}": count for tokens, count in Counter(longer.tolist()).items()},
    )


def _files_of(inputs: Sequence[NumberedInput], ids: np.ndarray) -> pa.Array:
    """The name of the file that each of these pairs is from."""
    firsts = np.array([file.first_id for file in inputs])
    places = np.searchsorted(firsts, ids, side="right") - 1
    names = pa.array([file.names[0] for file in inputs], pa.string())
    return names.take(pa.array(np.maximum(places, 0)))


def learn_lexicon(
    plan: Plan, lengths: Mapping[tuple[int, int], int], names: Sequence[str]
) -> FileEntry:
    """Learn the lexicon from the training pairs, or from an even sample that fits, and store it.

    Args:
        plan: the preparation.
        lengths: number of training pairs by their tokens.
        names: the files of the training pairs.
    """
    cells = sum((source + 1) * target * count for (source, target), count in lengths.items())
    sizes = {f"{side}_ids": _load(plan, side).size for side in ("source", "target")}
    schema = pa.schema([pairs_schema(alignment=False).field(name) for name in sizes])
    content = Content(schema, sizes, plan.settings.max_length, 0)
    sample: EvenSample[tuple[np.ndarray, np.ndarray]] = EvenSample(
        cells, sum(lengths.values()), CELLS
    )
    first = 0
    for name in names:
        table = _read_ids(plan.output.named(name))
        if problem := content.problem(table):
            raise UnusableInput(f"{plan.output / name}: damaged ({problem}); prepare anew")
        numbers = range(first + -first % sample.step, first + table.num_rows, sample.step)
        rows = table.take(pa.array([number - first for number in numbers], pa.int64()))
        for number, *ids in zip(numbers, *rows.columns, strict=True):
            source, target = (np.asarray(one.values, np.int64) for one in ids)
            sample.add(number, (len(source) + 1) * len(target), (source, target))
        first += table.num_rows
    lexicon = Lexicon.learn(sample.pairs, *sizes.values())
    data = lexicon.serialise()
    (plan.output / LEXICON_NAME).write_bytes(data)
    return file_entry(data)


def _read_ids(file: Location) -> pa.Table:
    return file.read(lambda handle: read_whole(file, handle, ["source_ids", "target_ids"]))


def part_name(folder: str, number: int) -> str:
    """The name of a Parquet file in a folder of the dataset."""
    return f"{folder}/part-{number:05d}.parquet"


@dataclass(frozen=True)
class _Sentences:
    """Sentences of train to learn subwords from; they can be gone through again.

    Attributes:
        plan: the preparation.
        units: whose pairs.
        sides: which of ``source`` and ``target``.
        rows: pairs of train.
    """

    plan: Plan
    units: Iterable[Unit]
    sides: tuple[str, ...]
    rows: int

    def __iter__(self) -> Iterator[str]:
        for texts in _spread(self._pairs(), self.rows, SPM_SENTENCES // len(self.sides)):
            yield from texts

    def _pairs(self) -> Iterator[list[str]]:
        for unit in self.units:
            table = read_table(
                self.plan.staging / unit.name(self.plan.kept), CLEAN, most=unit.count
            )
            for split, *texts in zip(
                *(table[name].to_pylist() for name in ("split", *self.sides)), strict=True
            ):
                if split == "train":
                    yield texts


def _spread(items: Iterable[_Item], total: int, limit: int) -> Iterator[_Item]:
    """At most `limit` of `total` items, evenly spread: corpora are often sorted by length."""
    for number, item in enumerate(items):
        if total <= limit or number * limit // total != (number + 1) * limit // total:
            yield item


def _lists(ids: list[list[int]]) -> pa.Array:
    offsets = np.zeros(len(ids) + 1, dtype=np.int32)
    np.cumsum([len(item) for item in ids], out=offsets[1:])
    values = np.fromiter((number for item in ids for number in item), dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def _load(plan: Plan, side: str) -> Vocabulary:
    kind = plan.settings.tokenizer
    file = plan.output / vocabulary_class(kind).file_name(side)
    return load(kind, file.read_bytes())

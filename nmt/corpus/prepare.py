"""From files of sentence pairs to a DATASET, in stages that stream over units of pairs.

read (in order, here) → clean, reject and split → filter → learn vocabularies from train → encode →
learn a lexicon from train. All but the first run in this process or as Ray Data jobs, those that
clean, filter and encode unit by unit. dataset.json is written last. An interrupted preparation is
not resumed: the same command clears what it left and begins anew.
"""

from __future__ import annotations

import functools
import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from nmt import records
from nmt.cluster.connection import connect
from nmt.cluster.parallel_map import run_units
from nmt.configuration import changed
from nmt.console import activity
from nmt.corpus.corpora import Corpus
from nmt.corpus.corpus_records import Counted, with_corpora
from nmt.corpus.encoding import (
    Encoded,
    encode_unit,
    learn_lexicon,
    learn_vocabulary,
    take_vocabulary,
)
from nmt.corpus.filtering import Filtered, Filtering, filter_pairs
from nmt.corpus.filters import Languages
from nmt.corpus.pair_reader import Inspection, PairReader
from nmt.corpus.record import language, listed, number_inputs, record, total
from nmt.corpus.request import (
    PrepareRequest,
    corpora_of,
    describe,
    open_inputs,
    resolve_settings,
)
from nmt.corpus.samples import write_page
from nmt.corpus.splitting import SPLITS, draw
from nmt.corpus.stages import RAW, STAGING, Cleaned, Plan, Unit, clean_unit
from nmt.corpus.vocabulary_source import VocabularySource
from nmt.errors import UnusableInput
from nmt.records.dataset import DatasetRecord, NumberedInput, Preparation
from nmt.shards.dataset import INFO_NAME, LEXICON_NAME, MARKER_NAME, Dataset, read_info
from nmt.storage.location import Location
from nmt.vocabulary import vocabulary_class

log = logging.getLogger(__name__)

_SMALL_BYTES = 64 << 20  # less text than this is done before Ray would have started
_BATCH_BYTES = 256 << 20  # of a unit: as many as 100,000 pairs of 1,000 characters a side
_DEMO_BYTES = 120  # of a pair of the built-in grammar, about

# The names of files that a preparation writes.
_STAGED, _PART = re.compile(r"[a-z]+(?:-[a-z]+)?-\d+"), re.compile(r"part-\d+\.parquet")
_PAGE = re.compile(r"index\.html")
_NOTHING = re.compile("(?!)")


def prepare(request: PrepareRequest) -> Dataset:
    """Make a DATASET, or find that it is there already.

    A preparation that was interrupted begins anew; only a finished one is kept.

    Args:
        request: inputs, output and settings.

    Returns:
        The dataset, opened.

    Raises:
        UnusableInput: arguments or inputs that cannot be used; nothing is left behind.
    """
    corpora = corpora_of(request)
    given = VocabularySource.open(request.vocabulary_from) if request.vocabulary_from else None
    settings = resolve_settings(request, corpora, given)
    inputs, owners = open_inputs(request, corpora)
    preparation = describe(request, settings, corpora, inputs, given)
    if _already_done(request.output, preparation):
        log.info(f"{request.output}: already prepared with these settings, nothing to do")
        return Dataset.open(request.output)
    inspected = {role: [reader.inspect() for reader in readers] for role, readers in inputs.items()}
    distributed = _distributed(request, inspected)
    if distributed:
        connect(request.address)
    plan = Plan(
        request.output,
        settings,
        demo=request.demo is not None,
        corpora=tuple(corpus.plan for corpus in corpora),
        named=request.corpora is not None,
        by_document=any(corpus.split_by is not None for corpus in corpora),
    )
    new = not request.output.exists()
    _claim(plan, preparation)
    try:
        read = functools.partial(_stage, plan, inputs, owners, inspected)
        units = _demo_units(plan, request.demo) if request.demo else read()
        numbered = number_inputs(inputs, inspected)
        dataset = _make(plan, request, preparation, given, corpora, numbered, units, distributed)
        write_page(request.output, dataset)
    except UnusableInput:
        _clear(request.output)
        if new:
            request.output.delete_own(_NOTHING)
        raise
    plan.staging.delete_own(_STAGED)
    (request.output / INFO_NAME).write_json(dataset)
    (request.output / MARKER_NAME).delete()
    return Dataset.open(request.output)


def _make(
    plan: Plan,
    request: PrepareRequest,
    preparation: Preparation,
    given: VocabularySource | None,
    corpora: Sequence[Corpus],
    inputs: list[NumberedInput],
    units: list[Unit],
    distributed: bool,
) -> DatasetRecord:
    """Run the stages; returns the content of dataset.json."""
    settings = plan.settings

    def run(function: Callable[..., Any], todo: list[Any], title: str) -> list[Any]:
        return run_units(function, todo, distributed=distributed, title=title)

    held_out = tuple(unit for unit in units if unit.role != "train")
    training = tuple(unit for unit in units if unit.role == "train")
    cleaned: list[Cleaned] = []
    if held_out:
        cleaned += run(
            functools.partial(clean_unit, plan, ()), list(held_out), "clean given splits"
        )
    cleaned += run(functools.partial(clean_unit, plan, held_out), list(training), "clean and split")
    languages = Languages(*(language(settings, side, cleaned) for side in ("source", "target")))
    filtering = filter_pairs(plan, languages, units, run) if plan.filtered else Filtering()
    counted: Sequence[Cleaned | Filtered] = filtering.results or cleaned
    counts = total(item.counts for item in counted)
    train_rows = counts.get("train", 0)
    drops = [*(item.drops for item in cleaned), *(item.drops for item in filtering.results)]
    _require_training(counts, total(drops))
    sides = ["joint"] if settings.joint_vocabulary else ["source", "target"]
    title = "vocabulary" if len(sides) == 1 else "vocabularies"
    if given is None:
        learn = functools.partial(learn_vocabulary, plan, training, train_rows)
        run(learn, sides, f"learn the {title}")
    else:
        take = functools.partial(
            take_vocabulary, plan, training, train_rows, given, request.extend_vocabulary
        )
        run(
            take, sides, f"extend the {title}" if request.extend_vocabulary else f"copy the {title}"
        )
    encoded: list[Encoded] = run(functools.partial(encode_unit, plan), units, "encode")
    lengths = total(unit.lengths for unit in encoded)
    trained = [unit.files["train"].name for unit in encoded if "train" in unit.files]
    count_pairs = functools.partial(learn_lexicon, plan, lengths)
    (lexicon,) = run(count_pairs, [trained], "learn the lexicon")
    dataset = record(
        plan, request, preparation, corpora, inputs, languages, cleaned, encoded, lexicon
    )
    results: list[tuple[Unit, Counted]] = [
        *zip(held_out + training, cleaned, strict=True),
        *zip(filtering.units, filtering.results, strict=True),
        *zip(units, encoded, strict=True),
    ]
    dataset = with_corpora(dataset, corpora, results, filtering)
    _require_training(dataset.counts, dataset.drops)
    if not dataset.counts["valid"]:
        log.warning("valid/ is empty, but training needs it; give a larger --valid-fraction")
    return dataset


def _require_training(counts: dict[str, int], drops: dict[str, int]) -> None:
    if not counts.get("train"):
        held = ", ".join(f"{split} {counts.get(split, 0):,}" for split in ("valid", "test"))
        raise UnusableInput(
            f"no usable pair is left for training ({held}; rejected: {listed(drops)}); "
            "give more or other pairs"
        )


def _stage(
    plan: Plan,
    inputs: dict[str, list[PairReader]],
    owners: list[int],
    inspected: dict[str, list[Inspection]],
) -> list[Unit]:
    """Read the inputs in order and lay them down as units; draws the sample on the way."""
    settings = plan.settings
    everything = sum(item.rows for items in inspected.values() for item in items)
    units: list[Unit] = []
    number = 0
    with activity("read", total=everything) as shown:
        for role in SPLITS:
            rows = sum(item.rows for item in inspected[role])
            sample = settings.sample if role == "train" else None
            if sample and sample > rows:
                log.info(f"--sample {sample:,}: the corpus has only {rows:,} pairs; all are taken")
            chosen = draw(rows, sample, settings.seed)
            corpora = owners if role == "train" else [0] * len(inputs[role])
            owned = zip(corpora, inputs[role], strict=True)
            batches = _batches(owned, chosen, number, settings.shard_rows)
            for part, (corpus, batch) in enumerate(batches):
                unit = Unit(len(units), part, role, 0, len(batch), corpus)
                columns = [
                    pa.array(column, type=field.type)
                    for column, field in zip(zip(*batch, strict=True), RAW, strict=True)
                ]
                table = pa.Table.from_arrays(columns, schema=RAW)
                (plan.staging / unit.name("raw")).write_table(table)
                units.append(unit)
                shown.update(batch[-1][0] + 1)
            number += rows
    return units


def _batches(
    readers: Iterable[tuple[int, PairReader]], chosen: Iterator[bool], first: int, size: int
) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """The pairs in order, in batches of one corpus each, with its place among the corpora.

    Args:
        readers: each with the place of its corpus.
        chosen: for each pair whether it is wanted.
        first: id of the first pair.
        size: pairs of a batch, at most.
    """
    number = first
    for corpus, group in itertools.groupby(readers, key=itemgetter(0)):
        batch: list[tuple[Any, ...]] = []
        room = _BATCH_BYTES
        for row in itertools.chain.from_iterable(reader.rows() for _, reader in group):
            if next(chosen):
                batch.append((number, *row))
                room -= len(row.source or b"") + len(row.target or b"")
                if len(batch) == size or room < 0:
                    yield corpus, batch
                    batch, room = [], _BATCH_BYTES
            number += 1
        if batch:
            yield corpus, batch


def _demo_units(plan: Plan, count: int) -> list[Unit]:
    size = plan.settings.shard_rows
    starts = range(0, count, size)
    return [
        Unit(number, number, "train", start, min(size, count - start))
        for number, start in enumerate(starts)
    ]


def _already_done(output: Location, preparation: Preparation) -> bool:
    """Whether this dataset is finished; raises where the output is in use for something else."""
    info = output.info()
    if info.type == pafs.FileType.NotFound:
        return False
    if info.type == pafs.FileType.File:
        raise UnusableInput(f"{output}: a file; --output must name a folder")
    stored = read_info(output)
    finished = stored is not None
    marker = output / MARKER_NAME
    if stored is not None:
        before = stored.request
    elif marker.is_file():
        before = records.read(marker, Preparation)
    else:
        if output.files(recursive=True):
            raise UnusableInput(f"{output}: not empty and no dataset; choose another --output")
        return False
    differences = changed(before.to_json(), preparation.to_json())
    if differences:
        state = "holds a dataset" if finished else "holds an unfinished dataset"
        raise UnusableInput(
            f"{output}: {state} made with other settings ({'; '.join(differences[:3])}"
            f"{'; …' if len(differences) > 3 else ''}); choose another --output or delete it"
        )
    if finished and marker.exists():
        marker.delete()
    return finished


def _claim(plan: Plan, preparation: Preparation) -> None:
    """Mark the output as ours and remove what an interrupted run left of it."""
    if (plan.output / MARKER_NAME).exists():
        log.info(f"{plan.output}: an earlier preparation was interrupted; it is done again")
        _clear(plan.output)
    (plan.output / MARKER_NAME).write_json(preparation)


def _clear(output: Location) -> None:
    """Remove what a preparation writes; the marker last, for till then the folder is ours."""
    (output / STAGING).delete_own(_STAGED)
    for name in (*SPLITS, "rejected", "scores"):
        (output / name).delete_own(_PART)
    (output / "report").delete_own(_PAGE)
    for kind in ("spm", "word"):
        for side in ("source", "target"):
            (output / vocabulary_class(kind).file_name(side)).delete()
    (output / LEXICON_NAME).delete()
    (output / MARKER_NAME).delete()


def _distributed(request: PrepareRequest, inspected: dict[str, list[Inspection]]) -> bool:
    if request.distributed is not None:
        return request.distributed
    size = sum(item.text_bytes for items in inspected.values() for item in items)
    # A cluster that was named is joined, whatever the size: the user has asked for it.
    return bool(request.address) or size + (request.demo or 0) * _DEMO_BYTES >= _SMALL_BYTES

"""The first stage of a preparation: input files are read in order and laid down as units."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from operator import itemgetter
from typing import Any

import pyarrow as pa

from nmt.console import activity
from nmt.corpus.pair_reader import Inspection, PairReader
from nmt.corpus.splitting import SPLITS, draw
from nmt.corpus.staged import RAW
from nmt.corpus.stages import Plan, Unit
from nmt.records.preparation import ReadUnits, StagedUnit

log = logging.getLogger(__name__)

_BATCH_BYTES = 256 << 20  # of a unit: as many as 100,000 pairs of 1,000 characters a side


def read_units(
    plan: Plan,
    inputs: dict[str, list[PairReader]],
    owners: list[int],
    inspected: dict[str, list[Inspection]],
    everything: int,
) -> ReadUnits:
    """Read the inputs in order and lay them down as units; draws the sample on the way.

    Args:
        plan: the preparation.
        inputs: the files of each split.
        owners: for each of ``train`` the place of its corpus.
        inspected: what is in each file.
        everything: pairs of all files.
    """
    settings = plan.settings
    units: list[Unit] = []
    number = 0
    with activity("read", total=everything, is_part=True) as shown:
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
    return ReadUnits(units=[StagedUnit(**asdict(unit)) for unit in units])


def grammar_units(plan: Plan, count: int) -> list[Unit]:
    """The units of so many pairs of the built-in grammar, which are generated where needed."""
    size = plan.settings.shard_rows
    starts = range(0, count, size)
    return [
        Unit(number, number, "train", start, min(size, count - start))
        for number, start in enumerate(starts)
    ]


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

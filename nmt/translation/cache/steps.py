"""The steps that look a wave of units up in the cache, each of a group of units or a range of keys.

1. `hash_group` makes the keys of a group's sentences; each goes on but once.
2. `look_up` finds the results of a range's sentences for every group. Of a sentence without one, it
   says which unit of the wave comes first: that one decodes it.
3. `write_known` notes for each unit of a group what is known of its sentences.

Each step may be done again and then does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.storage.retry import retry
from nmt.tables.chunks import combined, take
from nmt.translation.cache.keys import (
    Origin,
    between,
    distinct,
    halves_of,
    known_schema,
    places,
    range_bounds,
)
from nmt.translation.cache.last_use import days_of, is_due
from nmt.translation.cache.plan import Plan
from nmt.translation.cache.store import Stored
from nmt.translation.input.units import Unit

STRIPES = 8  # a task of one range is handed so small a part of all sentences
_KNOWN = -1  # in the place of the unit that decodes a sentence


def stripe_of(number: int, ranges: int) -> int:
    """The stripe in which a range's sentences travel; there are no fewer ranges than stripes."""
    return number * STRIPES // ranges


def hash_group(plan: Plan, units: tuple[Unit, ...]) -> Iterator[Any]:
    """The sentences of a group, in the order of their keys.

    Yields:
        Of each stripe a table of ``key`` and the first ``unit`` that has it; then for each unit
        the places of its own sentences among them.
    """
    own = [_keys(plan, unit) for unit in units]
    sizes = [len(keys) for keys in own]
    keys, first, numbers = distinct(pa.concat_arrays(own))
    owners = np.repeat([unit.number for unit in units], sizes)[first]
    halves = halves_of(keys)
    order = np.argsort(halves[:, 0], kind="stable")
    table = pa.table({"key": keys, "unit": owners}).take(pa.array(order))
    for stripe in range(STRIPES):
        yield table[between(halves[order], range_bounds(stripe, STRIPES))]
    place = np.argsort(order)
    yield [np.unique(place[some]) for some in np.split(numbers, np.cumsum(sizes)[:-1])]


def _keys(plan: Plan, unit: Unit) -> pa.FixedSizeBinaryArray:
    rows = retry(lambda: plan.work.read(unit))
    return plan.work.keys(plan.work.filtered(rows, plan.row_filter).sources)


def look_up(
    plan: Plan,
    files: Sequence[Stored],
    lost: pa.Table,
    bounds: tuple[int, int],
    *groups: pa.Table,
) -> Iterator[pa.Table]:
    """For each group what is known of its sentences in a range of keys, in their order, with one
    more column: ``owner``, the unit that decodes it, or -1.

    Args:
        plan: of the job.
        files: of the cache.
        lost: keys and reasons of sentences that cannot be translated.
        bounds: of the range.
        groups: the sentences of its stripe.
    """
    halves = [halves_of(group.column("key").combine_chunks()) for group in groups]
    parts = [group[between(own, bounds)] for group, own in zip(groups, halves, strict=True)]
    sentences = pa.concat_tables(parts).combine_chunks()
    keys, first, numbers = distinct(sentences.column("key").combine_chunks())
    results = _results(plan, files, keys)
    known = pa.concat_tables([results, lost], promote_options="default")
    known = combined([known.select(known_schema(plan.results).names)])
    at = places(keys, known.column("key").combine_chunks())
    owners = np.where(at < 0, sentences.column("unit").to_numpy()[first], _KNOWN)
    start = 0
    for part in parts:
        chosen = numbers[start : start + len(part)]
        start += len(part)
        rows = take(known, at[chosen])
        rows = rows.set_column(0, "key", part.column("key"))
        yield rows.append_column("owner", pa.array(owners[chosen], pa.int64()))


def _results(plan: Plan, files: Sequence[Stored], keys: pa.FixedSizeBinaryArray) -> pa.Table:
    """The results of sentences that the cache has; what was not used for long is renewed."""
    cache = plan.cache
    rows, own = cache.find(keys, plan.columns, plan.run, files)
    due = is_due(rows.column("key").combine_chunks(), days_of(rows, cache.day), cache.day)
    if due.any():
        cache.renew(rows.filter(pa.array(due)))
    origins = np.where(own, Origin.REPEATED, Origin.REUSED)
    return rows.append_column("origin", pa.array(origins, pa.int8()))


def write_known(
    plan: Plan, units: tuple[Unit, ...], own: list[np.ndarray], *results: pa.Table
) -> list[tuple[int, int, int]]:
    """Note for each unit of a group what is known of its sentences.

    Args:
        plan: of the job.
        units: the group's.
        own: the places of each unit's sentences among the group's.
        results: what is known of these, range by range.

    Returns:
        The number of each unit, and how many sentences it decodes, and awaits of others.
    """
    table, states = combined(results), []
    for unit, chosen in zip(units, own, strict=True):
        known = take(table, chosen)
        owners, keys = known.column("owner").to_numpy(), known.column("key").combine_chunks()
        origins = pc.fill_null(known.column("origin"), int(Origin.REPEATED)).to_numpy().copy()
        if (of_job := origins == Origin.REPEATED).any():
            origins[of_job & (places(keys, plan.decoded(unit)) >= 0)] = Origin.DECODED
        origins[owners != _KNOWN] = Origin.AWAITED
        known = known.drop_columns(["owner"])
        known = known.set_column(1, "origin", pa.array(origins, pa.int8()))
        known = known.filter(pa.array(owners != unit.number))
        plan.scratch.write("known", unit.number, known)
        awaited = np.count_nonzero(origins == Origin.AWAITED) - (len(owners) - len(known))
        states.append((unit.number, len(owners) - len(known), int(awaited)))
    return states

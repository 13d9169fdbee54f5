"""The steps that look a wave of units up in the cache, each of a group of units or one partition.

1. `hash_group` makes the keys of a group's sentences; each goes on but once, under the partition
   that its key names.
2. `look_up` finds the results of a partition's sentences for every group. Of a sentence without
   one, it says which unit of the wave comes first: that one decodes it.
3. `write_known` notes for each unit of a group what is known of its sentences.

Each step may be done again and then does the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.storage.retry import retry
from nmt.translation.cache.keys import distinct, partitions_of, places
from nmt.translation.cache.plan import Plan, Sentences, UnitState, stripes
from nmt.translation.input.corpus import Unit
from nmt.translation.input.unit_rows import Rows
from nmt.translation.known import Origin, known_schema
from nmt.translation.verify.part import value_problems

_KNOWN = -1  # in the place of the unit that decodes a sentence


def hash_group(plan: Plan, units: tuple[Unit, ...]) -> Iterator[Any]:
    """Yields the group's `Sentences`, `STRIPES` times, and for each of its units the places of its
    own among them."""
    of_units = []
    for unit in units:
        filtered = plan.row_filter(_rows(plan, unit).texts)
        of_units.append(plan.work.keys(filtered.sources))
    sizes = [len(keys) for keys in of_units]
    keys, first, numbers = distinct(pa.concat_arrays(of_units))
    first_units = np.repeat([unit.number for unit in units], sizes)[first]
    partitions = partitions_of(keys, plan.cache.partitions)
    order = np.argsort(partitions, kind="stable")
    for begin, end in pairwise(stripes(plan.cache.partitions)):
        bounds = np.searchsorted(partitions[order], np.arange(begin, end + 1))
        own = order[bounds[0] : bounds[-1]]
        yield Sentences(keys.take(pa.array(own)), first_units[own], begin, bounds - bounds[0])
    place = np.argsort(order)
    yield [np.unique(place[own]) for own in np.split(numbers, np.cumsum(sizes)[:-1])]


def look_up(plan: Plan, lost: pa.Table, partition: int, *groups: Sentences) -> Iterator[pa.Table]:
    """For each group what is known of its sentences in a partition, in their order, with one more
    column: ``owner``, the unit that decodes it, or -1.

    Args:
        plan: of the job.
        lost: keys and reasons of sentences that cannot be translated.
        partition: which one.
        groups: the sentences.
    """
    plan.cache.merge(partition)
    found, own = plan.cache.read(partition, plan.results, plan.run, value_problems)
    origins = np.where(own, Origin.REPEATED, Origin.REUSED)
    found = found.append_column("origin", pa.array(origins, pa.int8()))
    known = pa.concat_tables([found, lost], promote_options="default")
    known = known.select(known_schema(plan.results).names).combine_chunks()
    parts = [group.part(partition) for group in groups]
    keys, first, numbers = distinct(pa.concat_arrays([keys for keys, _ in parts]))
    at = places(keys, known.column("key"))
    owners = np.where(at < 0, np.concatenate([units for _, units in parts])[first], _KNOWN)
    start = 0
    for own_keys, _ in parts:
        chosen = numbers[start : start + len(own_keys)]
        start += len(own_keys)
        rows = known.take(pa.array(at[chosen], mask=at[chosen] < 0))
        rows = rows.set_column(0, "key", own_keys)
        yield rows.append_column("owner", pa.array(owners[chosen], pa.int64()))


def write_known(
    plan: Plan, units: tuple[Unit, ...], counting: Collection[int], own: list[np.ndarray],
    *results: pa.Table,
) -> list[UnitState]:  # fmt: skip
    """Note for each unit of a group what is known of its sentences.

    Args:
        plan: of the job.
        units: the group's.
        counting: numbers of those that have decoded something before.
        own: the places of each unit's sentences among the group's.
        results: what is known of these, partition by partition.
    """
    table, states = pa.concat_tables(results).combine_chunks(), []
    for unit, chosen in zip(units, own, strict=True):
        known = table.take(pa.array(chosen))
        owners, keys = known.column("owner").to_numpy(), known.column("key").combine_chunks()
        origins = pc.fill_null(known.column("origin"), int(Origin.REPEATED)).to_numpy().copy()
        if unit.number in counting:
            decoded = places(keys, plan.decoded(unit.number)) >= 0
            origins[decoded & (origins == Origin.REPEATED)] = Origin.DECODED
        origins[owners != _KNOWN] = Origin.AWAITED
        place = known.column_names.index("origin")
        known = known.set_column(place, "origin", pa.array(origins, pa.int8()))
        is_owned = owners == unit.number
        known = known.drop_columns(["owner"]).filter(pa.array(~is_owned))
        plan.write_known(unit, known)
        owned = int(np.count_nonzero(is_owned))
        missing = int(np.count_nonzero(owners != _KNOWN))
        states.append(UnitState(unit.number, owned, missing - owned))
    return states


def _rows(plan: Plan, unit: Unit) -> Rows:
    return retry(lambda: plan.work.read(unit))

"""All units of a job: in one go, or wave by wave where a cache is looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from nmt.records.output import UnitRecord
from nmt.translation.cache.job import Lookup
from nmt.translation.cache.plan import UnitState
from nmt.translation.input.corpus import Unit
from nmt.translation.work import Work
from nmt.translation.worker import Deferred, Item

Stream = Callable[[list[Item]], Iterable[tuple[int, UnitRecord | Deferred]]]


def translate_units(
    units: list[Unit], work: Work, stream: Stream, look_up: Lookup | None = None
) -> Iterator[UnitRecord]:
    """Translate and commit units.

    With a cache the units of a wave are looked up together, and each missing sentence is decoded
    by the first of them that has it. A unit that waits for others is deferred to the next pass,
    which finds what they have decoded. The first unit waits for none, so each pass ends some.

    Args:
        units: those that are not committed.
        work: what the job wants.
        stream: hands items to `DecodeActor`s; yields their places and what became of them.
        look_up: of the cache.

    Yields:
        The records of units, as they are committed.
    """
    for wave in [units] if look_up is None else look_up.waves(units):
        left: dict[int, Deferred | None] = {unit.number: None for unit in wave}
        while left:
            waiting = [unit for unit in wave if unit.number in left]
            if look_up is None:
                items = [Item(unit) for unit in waiting]
            else:
                items = _items(waiting, work, look_up(waiting), left)
            for place, outcome in stream(items):
                number = items[place].unit.number
                if isinstance(outcome, Deferred):
                    left[number] = outcome
                else:
                    del left[number]
                    yield outcome
            if look_up is not None:
                look_up.settle()


def _items(
    units: list[Unit],
    work: Work,
    states: Mapping[int, UnitState],
    left: Mapping[int, Deferred | None],
) -> list[Item]:
    """The units that have something to do, whether to decode or to be committed."""
    items = []
    for unit in units:
        _, owned, awaited = states[unit.number]
        before = left[unit.number]
        draws = before is None and work.looked_at(unit)
        if owned or not awaited:
            decodes = bool(owned or draws or work.alignment_column)
            items.append(Item(unit, decodes, before))
    return items

"""One alignment from two."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment import HEURISTICS, Heuristic, Links, symmetrise

PLACES = st.lists(st.integers(-1, 7), max_size=8)


def both(forward: list[int], backward: list[int]) -> tuple[Links, Links]:
    there = [(source, target) for target, source in enumerate(forward) if source >= 0]
    return there, [(source, target) for source, target in enumerate(backward) if target >= 0]


@settings(max_examples=60, deadline=None)
@given(PLACES, PLACES)
def test_it_lies_between_intersection_and_union(forward: list[int], backward: list[int]) -> None:
    links = both(forward, backward)
    inner, outer, grown = (symmetrise(*links, heuristic) for heuristic in HEURISTICS)
    assert set(inner) <= set(grown) <= set(outer)
    assert all(one == sorted(set(one)) for one in (inner, outer, grown))
    # What is left out would touch no free word.
    sources, targets = ({link[side] for link in grown} for side in range(2))
    assert all(s in sources or t in targets for s, t in outer)


def test_links_beside_others_are_added_and_those_of_two_free_words() -> None:
    forward = [(0, 0), (1, 1), (1, 2), (5, 4)]
    backward = [(0, 0), (1, 1), (2, 1), (3, 2), (4, 4)]
    assert symmetrise(forward, backward, "intersection") == [(0, 0), (1, 1)]
    # 2-1 and 1-2 touch 1-1, and 3-2 touches 2-1. 4-4 touches none of these.
    # At last 5-4 gives two words their first link; then target word 4 has one.
    grown = symmetrise(forward, backward, "grow-diag-final-and")
    assert grown == [(0, 0), (1, 1), (1, 2), (2, 1), (3, 2), (5, 4)]


def test_the_same_alignment_both_ways_is_the_alignment() -> None:
    links = [(0, 1), (1, 0), (3, 2)]
    for heuristic in HEURISTICS:
        assert symmetrise(links, links[::-1], heuristic) == links
        assert symmetrise([], [], heuristic) == []


def test_another_heuristic_is_refused() -> None:
    with pytest.raises(ValueError, match="'grow' is none of intersection, union"):
        symmetrise([], [], cast(Heuristic, "grow"))

"""One alignment from those of both directions (Och & Ney 2003; Koehn, Och & Marcu 2003)."""

from __future__ import annotations

from collections import deque
from typing import Literal, get_args

Links = list[tuple[int, int]]  # (source word, target word), both counted from 0
Heuristic = Literal["intersection", "union", "grow-diag-final-and"]
HEURISTICS: tuple[Heuristic, ...] = get_args(Heuristic)
_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(forward: Links, backward: Links, heuristic: Heuristic) -> Links:
    """Links of both directions made one alignment, sorted, each once.

    Args:
        forward: a source word for each target word, at most.
        backward: a target word for each source word, at most; also (source word, target word).
        heuristic: ``intersection`` has the links of both, the surest ones; ``union`` those of
            either; ``grow-diag-final-and`` begins with the intersection, adds links of the union
            that touch one that is there, also diagonally, and give a word its first link, and at
            last those that give both words their first one.

    Raises:
        ValueError: another heuristic.
    """
    if heuristic == "intersection":
        return sorted({*forward} & {*backward})
    if heuristic == "union":
        return sorted({*forward, *backward})
    if heuristic == "grow-diag-final-and":
        return _grow_diag_final_and(forward, backward)
    raise ValueError(f"'{heuristic}' is none of {', '.join(HEURISTICS)}")


def _grow_diag_final_and(forward: Links, backward: Links) -> Links:
    links = {*forward} & {*backward}
    candidates = {*forward, *backward} - links
    sources = {source for source, _ in links}
    targets = {target for _, target in links}

    def add(link: tuple[int, int]) -> None:
        candidates.remove(link)
        links.add(link)
        sources.add(link[0])
        targets.add(link[1])

    # A link that was refused once is refused for ever: each has to be looked around once.
    queue = deque(sorted(links))
    while queue and candidates:
        source, target = queue.popleft()
        for aside, along in _NEIGHBOURS:
            link = source + aside, target + along
            if link in candidates and not (link[0] in sources and link[1] in targets):
                add(link)
                queue.append(link)
    for direction in (forward, backward):
        for link in sorted(direction):
            if link in candidates and link[0] not in sources and link[1] not in targets:
                add(link)
    return sorted(links)

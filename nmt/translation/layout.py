"""How many actors decode, and what each of them gets of the machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.cluster.resources import Share, count_places, describe, threads_per_worker
from nmt.errors import UnusableInput
from nmt.report.numbers import counted

_SMALL = 20_000  # rows; more are worth an actor a core


@dataclass(frozen=True)
class Layout:
    """The actors of a job.

    Attributes:
        least: actors to begin with.
        most: actors at most.
        share: what each of them gets.
        useful: so many more than there is room for now would have work; 0 where that is not so.
        asked: actors that somebody chose; 0 if nobody did.
    """

    least: int
    most: int
    share: Share
    useful: int = 0
    asked: int = 0

    def describe(self) -> str:
        """The actors in words."""
        count = counted(self.most, "actor")
        if self.least < self.most:
            count = f"{self.least} to {count}"
        text = f"{count} with {self.share.describe()}{' each' if self.most > 1 else ''}"
        few = f" (not {self.asked}: there is no more room, or no more work)"
        return text + few * (self.most < self.asked)


def lay_out(
    nodes: Sequence[Mapping[str, Any]],
    rows: int,
    items: int,
    actors: tuple[int, int] | None = None,
    cpus: int | None = None,
    gpus: float = 0.0,
    own: bool = False,
) -> Layout:
    """Divide machines among actors.

    By default one actor a core decodes a large corpus, one with all cores of a machine a small
    one, and one a GPU where GPUs are asked for. The cores of the machines are divided among the
    actors that fit. Where fewer than the least number fit, each asks for a core, and the cluster
    may grow.

    Args:
        nodes: what ``ray.nodes()`` says.
        rows: of the input.
        items: pieces of work; more actors would have none.
        actors: least and most, if somebody chose them.
        cpus: of an actor, if somebody chose them.
        gpus: of an actor; less than 1 where actors share one.
        own: whether this is a machine that does not grow, and holds no more than fit.
    """
    places = max(1, count_places(nodes, Share(cpus or 1, gpus)))
    useful = 0
    if actors is not None:
        least, most = actors
    elif gpus:
        least = most = places
    else:
        least = most = places if rows > _SMALL else 1
        useful = min(rows // _SMALL, items)
    limit = min(items, places) if own else items
    least, most = min(least, limit), min(most, limit)
    if cpus is None:
        fitting = (threads_per_worker(nodes, count, gpus) for count in (most, least, 1))
        cpus = next((threads for threads in fitting if threads), 1)
    asked = actors[1] if actors else 0
    return Layout(least, most, Share(cpus, gpus, "actor"), useful if places < useful else 0, asked)


def refuse_impossible(nodes: Sequence[Mapping[str, Any]], share: Share) -> None:
    """Check that a machine which does not grow can hold an actor.

    Raises:
        UnusableInput: it cannot.
    """
    if not count_places(nodes, share):
        raise UnusableInput(
            f"no room for an actor with {share.describe()}: this machine has {describe(nodes)}; "
            "lower --cpus-per-actor or --gpus-per-actor, or name a cluster with --address"
        )

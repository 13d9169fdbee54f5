"""List the generations of a translation memory, and prune old ones."""

from __future__ import annotations

import datetime
from typing import Annotated

import typer

from nmt import cli
from nmt.console import result
from nmt.errors import UnusableInput
from nmt.report.numbers import size
from nmt.storage.location import Location
from nmt.translation.cache.generations import Generation, generations, unused


def memory(
    memory: Annotated[
        str, typer.Option(metavar="URI", help="The folder that jobs/translate.py was given.")
    ],
    prune_unused: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Remove what no job has used for so long."),
    ] = None,
    prune: Annotated[
        list[str] | None,
        typer.Option(metavar="GENERATION", help="Remove this generation. Repeatable."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, remove nothing.")
    ] = False,
) -> None:
    """List the generations of a translation memory: name, last use, size, model, settings.

    Another model or other settings make another generation. Old ones are never read again unless
    that model is used again; removing one costs no more than decoding its sentences again.
    """
    found = generations(Location(memory))
    names = {generation.location.name: generation for generation in found}
    for name in prune or []:
        if name not in names:
            there = ", ".join(names)
            raise UnusableInput(f"{memory}: no generation {name} (there are {there})")
    going = {generation.location.name for generation in _unused(found, prune_unused)}
    going |= set(prune or [])
    for name, generation in names.items():
        removed = ("would be removed" if dry_run else "removed") if name in going else ""
        result("  ".join([*_line(generation), removed]).rstrip())
    if not dry_run:
        for name in going:
            names[name].delete()


def _unused(found: list[Generation], days: float | None) -> list[Generation]:
    return [] if days is None else unused(found, days)


def _line(generation: Generation) -> list[str]:
    used = datetime.datetime.fromtimestamp(generation.used, datetime.UTC)
    search = generation.description["search"]
    return [
        generation.location.name,
        f"{used:%Y-%m-%d %H:%M}",
        f"{generation.files} files",
        size(generation.bytes),
        f"model {generation.description['model_id'][:12]}",
        f"beam {search['beam_size']}",
    ]


if __name__ == "__main__":
    cli.main(memory)

"""Check what jobs/translate.py wrote, finished or not, from what is stored alone."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.console import result, say
from nmt.storage.location import Location
from nmt.translation.verify.output import verify


def check(
    output: Annotated[
        str, typer.Option(metavar="OUT", help="Folder of a translation, finished or not.")
    ],
    config: cli.Config = None,
) -> None:
    """List every violation, one line each; exit status 1 if there are any, 0 if there are none."""
    found = verify(Location(output), say=result)
    for note in found.notes:
        say(note)
    if found.violations:
        say(f"{len(found.violations)} violations")
        raise typer.Exit(1)
    say(f"no violation in {found.rows:,} rows")


if __name__ == "__main__":
    cli.main(check)

"""How the request of a job declares its options.

Each job takes one request, a frozen dataclass. A field that is annotated with an `Option` is an
option of the command line, a key of the YAML file and a line of the reference. A field that is
annotated with `FromSettings` holds settings, some of which have an option of their own. `nmt.cli`
makes the command line from the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, get_type_hints


@dataclass(frozen=True)
class Option:
    """An option of a job.

    Attributes:
        help: a sentence for the user, with units.
        metavar: stands for the value in the help; None for numbers and switches.
        name: None is the field's name with dashes. ``--a/--b`` is a switch that goes both ways.
        least, most: bounds of a number.
        parse: makes the value from a text; None follows the field's type.
        environment: a variable that stands in for the option.
        default: in words, where the default is not the field's own.
    """

    help: str
    metavar: str | None = None
    name: str | None = None
    least: float | None = None
    most: float | None = None
    parse: Callable[[str], Any] | None = None
    environment: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class FromSettings:
    """Settings that a job uses.

    Attributes:
        place: a group (``search``), one setting (``scoring.tokenize``), or "" for all groups.
        options: settings with an option of their own, as ``group.key``; ``--set`` wins over it,
            and it wins over the YAML file.
        preset: whether the job takes ``--preset``.
    """

    place: str = ""
    options: tuple[str, ...] = ()
    preset: bool = False


class Field(NamedTuple):
    """A field of a request."""

    name: str
    type: Any
    declaration: Option | FromSettings


def declared_fields(request: type) -> list[Field]:
    """The fields of a request that are options or settings, in order."""
    hints = get_type_hints(request, include_extras=True)
    return [
        Field(field.name, hints[field.name].__origin__, declaration)
        for field in fields(request)
        for declaration in getattr(hints[field.name], "__metadata__", ())
        if isinstance(declaration, Option | FromSettings)
    ]

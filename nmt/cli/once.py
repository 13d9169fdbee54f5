"""An option that takes one value is given once: of two values none is left out silently."""

from __future__ import annotations

from typing import cast

import typer
from typer.core import TyperCommand, TyperOption

from nmt.errors import UnusableInput

_REPEATABLE_INSTEAD = {"--pairs": "several corpora: --corpora"}


class OnceCommand(TyperCommand):
    """A command of which each option stands once, apart from repeatable ones and from switches."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the arguments.

        Raises:
            UnusableInput: an option that takes one value is given twice.
        """
        *_, order = self.make_parser(ctx).parse_args(list(args))
        rest = super().parse_args(ctx, args)  # --help and what is wrong otherwise come first
        seen: list[TyperOption] = []
        for option in cast(list[TyperOption], order):  # no command has arguments
            if option in seen and not (option.multiple or option.is_flag or option.count):
                name = option.opts[0]
                instead = f"; {_REPEATABLE_INSTEAD[name]}" if name in _REPEATABLE_INSTEAD else ""
                raise UnusableInput(f"{name} is given twice; it takes one value{instead}")
            seen.append(option)
        return rest

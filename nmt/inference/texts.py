"""Sentences as Python users hand them over: lists, generators, columns of tables, arrays."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from nmt.errors import NoText


def sentences(values: Iterable[Any], name: str = "sentence", also: type | None = None) -> list[Any]:
    """The texts of any iterable, by position.

    Args:
        values: strings, or Arrow's; whatever index a Series has does not matter.
        name: what error messages call one of them.
        also: a type that is taken besides, and left as it is.

    Raises:
        NoText: an element is no text (its position is named), or `values` is no sequence of
            them: a single string, a set, a table.
    """
    table = isinstance(values, Mapping) or hasattr(values, "columns")
    if table or isinstance(values, str | bytes | bytearray | set | frozenset):
        hint = "give one column of it" if table else "write [text]"
        hint = "it has no order" if isinstance(values, set | frozenset) else hint
        raise NoText(f"a list of sentences is needed, not {_shown(values)}; {hint}")
    try:
        elements = iter(values)
    except TypeError:
        raise NoText(f"a list of sentences is needed, not {_shown(values)}") from None
    return [text_of(value, f"{name} {i}", also) for i, value in enumerate(elements)]


def text_of(value: Any, name: str, also: type | None = None) -> Any:
    """One text as a plain string.

    Args:
        value: a string, or Arrow's.
        name: what error messages call it.
        also: see `sentences`.

    Raises:
        NoText: it is none.
    """
    if also is not None and isinstance(value, also):
        return value
    if isinstance(value, pa.Scalar):
        try:
            value = value.as_py()
        except UnicodeDecodeError:
            raise NoText(f"{name} is not valid UTF-8; decode it with errors='replace'") from None
    if not isinstance(value, str):
        hint = "decode it" if isinstance(value, bytes) else "leave it out, or give ''"
        raise NoText(f"{name} is {_shown(value)}, which is no string; {hint}")
    return str.__str__(value)  # of a subclass, too


def _shown(value: Any) -> str:
    """A value on one short line, and its type."""
    if value is None:
        return "None"
    return f"{' '.join(reprlib.repr(value).split())} ({type(value).__name__})"

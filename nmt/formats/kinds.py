"""The type of a column whose values come one by one, as in JSON.

A column has the type that all its values have: whole numbers are int64, numbers float64 (with whole
ones up to 2^53 among them), true and false are bool. Any other column is text, in which what is no
text stands as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntFlag
from itertools import chain

import pyarrow as pa
from pydantic import JsonValue

from nmt.json_text import json_text

_EXACT = 1 << 53  # up to which each whole number is a float64
_INT64 = 1 << 63


class Kinds(IntFlag):
    """What kinds of values a column holds."""

    TEXT = 1
    BOOL = 2
    WHOLE = 4
    LARGE = 8  # a whole number that a float64 may not hold
    FRACTION = 16
    OTHER = 32


def kind_of(value: JsonValue) -> Kinds:
    """The kind of a value; null is of none."""
    if isinstance(value, str):
        return Kinds.TEXT
    if value is None:
        return Kinds(0)
    if isinstance(value, bool):
        return Kinds.BOOL
    if isinstance(value, float):
        return Kinds.FRACTION
    if not isinstance(value, int) or not -_INT64 <= value < _INT64:
        return Kinds.OTHER
    return Kinds.WHOLE if -_EXACT <= value <= _EXACT else Kinds.WHOLE | Kinds.LARGE


def extent(value: JsonValue) -> tuple[int, int]:
    """How many values a value is, with all inside of it and the keys of objects, and how many
    characters their texts have."""
    inner: Iterable[JsonValue] = ()
    if isinstance(value, dict):
        inner = chain(value, value.values())
    elif isinstance(value, list):
        inner = value
    values, characters = 1, len(value) if isinstance(value, str) else 0
    for one in inner:
        others, more = extent(one)
        values, characters = values + others, characters + more
    return values, characters


def type_of(kinds: Kinds) -> pa.DataType:
    """The type of a column that holds values of these kinds."""
    if kinds == Kinds.BOOL:
        return pa.bool_()
    if kinds and kinds in Kinds.WHOLE | Kinds.LARGE:
        return pa.int64()
    if kinds and kinds in Kinds.WHOLE | Kinds.FRACTION:
        return pa.float64()
    return pa.string()


def as_array(values: Sequence[JsonValue], kind: pa.DataType) -> pa.Array:
    """Values as a column of the type of their kinds."""
    if kind == pa.string():
        values = [v if v is None or isinstance(v, str) else json_text(v) for v in values]
    elif kind == pa.float64():
        values = [v if v is None else float(v) for v in values]  # type: ignore[arg-type]
    return pa.array(values, kind)

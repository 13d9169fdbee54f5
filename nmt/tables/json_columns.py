"""Columns of any type as values of JSON.

Integers, finite floats and truth values are themselves; a float that is none, or infinite, is
null. Lists are lists, structs are objects, maps are lists of ``{"key", "value"}``. All else is
text, as `nmt.tables.values` writes it.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nmt.tables.values import json_values


def as_json(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column, None for a null."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return [value for chunk in chunks for value in _values(chunk)]


def _values(values: pa.Array) -> list[Any]:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _values(values.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType) and pa.types.is_nested(kind.storage_type):
        return _values(values.storage)
    if pa.types.is_map(kind):
        pairs = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return _values(values.cast(pa.list_(pairs)))
    if pa.types.is_struct(kind):
        return _objects(values)
    if pa.types.is_nested(kind) and not pa.types.is_union(kind):
        return _lists(values)
    if pa.types.is_floating(kind):
        numbers = [None if value is None else float(value) for value in values.to_pylist()]
        return [v if v is not None and math.isfinite(v) else None for v in numbers]
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return values.to_pylist()
    return json_values(values)


def _objects(values: pa.StructArray) -> list[Any]:
    names = [field.name for field in values.type]
    fields = [_values(values.field(number)) for number in range(len(names))]
    present = values.is_valid().to_pylist()
    rows = zip(*fields, strict=True) if fields else ((),) * len(values)
    return [
        dict(zip(names, row, strict=True)) if there else None
        for there, row in zip(present, rows, strict=True)
    ]


def _lists(values: pa.Array) -> list[Any]:
    elements = iter(_values(values.flatten()))
    lengths = pc.list_value_length(values).to_pylist()
    return [
        None if length is None else [next(elements) for _ in range(length)] for length in lengths
    ]

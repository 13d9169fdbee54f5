"""Every column of a Parquet file, and the file, changed in every way."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXTS = {
    "escapes": "\x1b]0;title\x07\nforged\u202e",
    "empty": "",
    "long": "x" * 300_000,
    "marks": "e" + "\u0301" * 50_000,
    "parent": "../elsewhere/private.txt",
    "digits": "9" * 5000,
    "links": "0-999999999 99999999999999999999-1 1-1",
    "markup": "<script>alert(1)</script>",
    "NUL": "a\0b",
    "words": "w " * 60_000,
}
NUMBERS: dict[str, float] = {
    "negative": -1,
    "-2": -2,
    "2^31": 2**31,
    "2^53": 2**53,
    "2^63-1": 2**63 - 1,
    "-2^63": -(2**63),
}
FRACTIONS = {"NaN": math.nan, "inf": math.inf, "-inf": -math.inf, "1e308": 1e308, "-1e308": -1e308}
TYPES: dict[str, pa.DataType] = {
    "int8": pa.int8(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "double": pa.float64(),
    "text": pa.string(),
    "binary": pa.binary(),
    "null": pa.null(),
    "bool": pa.bool_(),
    "decimal": pa.decimal128(38, 0),
    "time": pa.timestamp("ns"),
    "list": pa.list_(pa.int64()),
    "fixed list": pa.list_(pa.int64(), 3),
    "struct": pa.struct({"a": pa.string()}),
    "map": pa.map_(pa.string(), pa.int64()),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
    "large text": pa.large_string(),
}


def tampered(data: bytes) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """A file with one thing changed: what was done, and what makes the bytes; it returns None where
    a column cannot hold that."""
    table = pq.read_table(pa.BufferReader(data))
    for name, change in _changes(table):
        yield name, partial(_changed, change)


def _changed(change: Callable[[], pa.Table]) -> bytes | None:
    try:
        return _bytes(change())
    except (pa.ArrowException, OverflowError, ValueError):
        return None


def _bytes(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def _changes(table: pa.Table) -> Iterator[tuple[str, Callable[[], pa.Table]]]:
    for place, field in enumerate(table.schema):
        for name, change in _column_changes(table, place, field):
            yield f"{field.name}: {name}", change
    rows = len(table)
    yield "no rows", lambda: table.slice(0, 0)
    yield "no columns", lambda: table.select([])
    yield "a row less", lambda: table.slice(0, rows - 1)
    yield "a row twice", lambda: pa.concat_tables([table, table.slice(0, 1)])
    yield "rows twice", lambda: pa.concat_tables([table, table])
    yield "rows reversed", lambda: table.take(pa.array(range(rows - 1, -1, -1), pa.int64()))
    yield "columns reversed", lambda: table.select(table.column_names[::-1])
    yield "odd column", lambda: table.append_column("\x1b]0;x\x07\n", pa.nulls(rows, pa.string()))
    yield "900 columns", lambda: _wider(table, 900)
    metadata = {"a": "x" * 1_000_000, "ARROW:schema": "no schema", "pandas": '{"columns": 1}'}
    yield "metadata", lambda: table.replace_schema_metadata(metadata)
    many = {f"k{number}": "v" for number in range(20_000)}
    yield "much metadata", lambda: table.replace_schema_metadata(many)


def _wider(table: pa.Table, more: int) -> pa.Table:
    empty = pa.nulls(len(table), pa.int64())
    names = [*table.column_names, *(f"c{number}" for number in range(more))]
    return pa.table([*table.columns, *([empty] * more)], names)


def _column_changes(
    table: pa.Table, place: int, field: pa.Field
) -> Iterator[tuple[str, Callable[[], pa.Table]]]:
    column, kind, rows = table.column(place), field.type, len(table)

    def put(values: Any, other: pa.DataType | None = None) -> pa.Table:
        array = values if isinstance(values, pa.Array) else pa.array(values, other or kind)
        return table.set_column(place, pa.field(field.name, array.type), array)

    yield "dropped", lambda: table.remove_column(place)
    yield "twice", lambda: table.append_column(field, column)
    yield (
        "renamed",
        lambda: table.rename_columns(
            [name if n != place else name.upper() for n, name in enumerate(table.column_names)]
        ),
    )
    yield "all null", lambda: put(pa.nulls(rows, kind))
    for name, other in TYPES.items():
        if other != kind:
            yield name, lambda other=other: put(_as(column, other))
    values = column.to_pylist()
    for name, value in _values(kind):
        for where in sorted({0, rows - 1}) if rows else ():
            changed = [*values[:where], value, *values[where + 1 :]]
            yield f"{name} in {where}", lambda changed=changed: put(changed)
    if rows > 1:
        yield "first value everywhere", lambda: put([values[0]] * rows)
        yield "other order", lambda: put(values[::-1])


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    try:
        return column.cast(kind).combine_chunks()
    except (pa.ArrowException, ValueError):
        return pa.nulls(len(column), kind)


def _values(kind: pa.DataType) -> Iterator[tuple[str, Any]]:
    """Odd values of a type."""
    yield "null", None
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield from TEXTS.items()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield from ((name, text.encode()) for name, text in TEXTS.items())
        yield "no UTF-8", b"\xff\xfe\x00"
    elif pa.types.is_fixed_size_binary(kind):
        yield "zeros", bytes(kind.byte_width)
    elif pa.types.is_integer(kind):
        yield from NUMBERS.items()
    elif pa.types.is_floating(kind):
        yield from (NUMBERS | FRACTIONS).items()
    elif pa.types.is_boolean(kind):
        yield "true", True
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield "empty list", []
        for name, value in _values(kind.value_type):
            yield f"[{name}]", [value]
        inner = next((value for _, value in _values(kind.value_type) if value is not None), None)
        if not isinstance(inner, list | dict):
            small = "x" if isinstance(inner, str) else b"x" if isinstance(inner, bytes) else 1
            yield "100,000 values", [small] * 100_000
    elif pa.types.is_struct(kind):
        yield "empty struct", {}
        for part in kind:
            for name, value in _values(part.type):
                yield f"{part.name} {name}", {part.name: value}

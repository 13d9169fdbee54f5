"""One schema for the Parquet files of one input.

Other writers, other days: the same column is `string` here and `large_string` there, nullable or
not, dictionary-encoded or not, an integer of another width, or at another place. Such files are
read as one. What is widened never fails on a value and loses none; any other difference is refused,
with the column, the types and the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.tables.columns import stored_type

Column = TypeVar("Column", pa.Array, pa.ChunkedArray)

_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
_TEXT = (pa.string(), pa.large_string())
_BYTES = (*_TEXT, pa.binary(), pa.large_binary())


def kept_schema(schema: pa.Schema) -> pa.Schema:
    """The names and types under which the columns of a file are read: without metadata, all
    nullable, and without the types that not all of pyarrow's functions know."""
    return pa.schema([(column.name, _kept_type(column.type)) for column in schema])


def unify(schemas: Iterable[tuple[str, pa.Schema]]) -> pa.Schema:
    """The schema that holds the rows of all files, in the order of the first one's columns.

    Args:
        schemas: each file's name and `kept_schema`; there is at least one.

    Raises:
        UnusableInput: a column is missing in some file, or its types have none in common.
    """
    types: dict[str, pa.DataType] = {}
    given_by: dict[str, str] = {}  # the file from which the type is
    first = ""
    for name, schema in schemas:
        if not first:
            first, types = name, dict(zip(schema.names, schema.types, strict=True))
            given_by = dict.fromkeys(types, name)
        for column, kind in types.items():
            if column not in schema.names:
                raise UnusableInput(_missing(name, column, first))
            own_type = schema.field(column).type
            common = common_type(kind, own_type)
            if common is None:
                raise UnusableInput(
                    f"{name}: column '{column}' holds {own_type}, but {kind} in "
                    f"{given_by[column]}; give files whose columns have the same types"
                )
            if common != kind:
                types[column], given_by[column] = common, name
        for column in schema.names:
            if column not in types:
                raise UnusableInput(_missing(first, column, name))
    return pa.schema(list(types.items()))


def _missing(name: str, column: str, other: str) -> str:
    return (
        f"{name}: has no column '{column}', but {other} has; give files with the same columns, or "
        "one kind of them at a time"
    )


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the names, order and types of a schema that `unify` has made with its own."""
    return pa.table([cast(table.column(field.name), field.type) for field in schema], schema)


def cast(column: Column, kind: pa.DataType) -> Column:
    """A column as one of a type that holds all its values, see `common_type`."""
    if column.type == kind:
        return column
    # Text that is no UTF-8 is found row by row, where it matters.
    return column.cast(options=pc.CastOptions(target_type=kind, allow_invalid_utf8=True))


def without_views(kind: pa.DataType) -> pa.DataType:
    """A type with plain texts and lists in the place of views: nothing else is cast to a view."""
    return _rebuilt(kind, _VIEWS)


def without_list_views(kind: pa.DataType) -> pa.DataType:
    """A type with lists in the place of list views, to which no list is cast."""
    return _rebuilt(kind, {})


def _rebuilt(kind: pa.DataType, leaves: Mapping[pa.DataType, pa.DataType]) -> pa.DataType:
    """A type with lists in the place of list views, and others for the types in `leaves`."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_rebuilt(field.type, leaves)) for field in kind])
    if pa.types.is_map(kind):
        fields = kind.key_field, kind.item_field
        return pa.map_(*(field.with_type(_rebuilt(field.type, leaves)) for field in fields))
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        value = kind.value_field.with_type(_rebuilt(kind.value_type, leaves))
        if pa.types.is_fixed_size_list(kind):
            return pa.list_(value, kind.list_size)
        return pa.large_list(value) if is_large(kind) else pa.list_(value)
    return leaves.get(kind, kind)


def _kept_type(kind: pa.DataType, nested: bool = False) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        value = _kept_type(kind.value_type, nested)
        # The values of all files together may be more than a small index has numbers for.
        return value if nested else pa.dictionary(pa.int32(), value, kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _kept_type(field.type, True)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_kept_type(kind.key_type, True), _kept_type(kind.item_type, True))
    if pa.types.is_fixed_size_list(kind) and kind.list_size:  # pyarrow does not read those of none
        return pa.list_(_kept_type(kind.value_type, True), kind.list_size)
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        value = _kept_type(kind.value_type, True)
        return pa.large_list(value) if is_large(kind) else pa.list_(value)
    return _VIEWS.get(kind, kind)


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of both types; None if these are really different."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    one, other = stored_type(one), stored_type(other)
    if one == other:
        return one
    for family in (_TEXT, _BYTES):
        if one in family and other in family:
            return family[-1]
    sides = (one, other)
    if all(map(_is_bytes, sides)):
        return pa.large_binary()
    for numbers in (pa.types.is_integer, pa.types.is_floating):
        if all(map(numbers, sides)):
            return _common_number(one, other)
    if all(map(pa.types.is_decimal, sides)):
        return _common_decimal(one, other)
    if all(map(is_list, sides)):
        value = common_type(one.value_type, other.value_type)
        small = not any(map(is_large, sides))
        return value and (pa.list_(value) if small else pa.large_list(value))
    if all(map(pa.types.is_map, sides)):
        key = common_type(one.key_type, other.key_type)
        value = common_type(one.item_type, other.item_type)
        return pa.map_(key, value) if key and value else None
    if all(map(pa.types.is_struct, sides)) and one.names == other.names:
        kinds = [common_type(a.type, b.type) for a, b in zip(one, other, strict=True)]
        return pa.struct(list(zip(one.names, kinds, strict=True))) if all(kinds) else None
    return None


def _is_bytes(kind: pa.DataType) -> bool:
    return kind in _BYTES or pa.types.is_fixed_size_binary(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is that of lists of any size, or of views of them."""
    return pa.types.is_list(kind) or pa.types.is_list_view(kind) or is_large(kind)


def is_large(kind: pa.DataType) -> bool:
    """Whether lists may hold more values than 32 bits count."""
    return pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind)


def _common_number(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    common = np.promote_types(one.to_pandas_dtype(), other.to_pandas_dtype())
    promoted = pa.from_numpy_dtype(common)
    # Of int64 and uint64 numpy makes float64, which does not hold all of them.
    return promoted if pa.types.is_integer(promoted) == pa.types.is_integer(one) else None


def _common_decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    schemas = [pa.schema([("", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:  # more digits than a decimal may have
        return None

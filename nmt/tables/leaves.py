"""Parquet's own columns: of which of them a column of a table is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.tables.columns import stored_type


def count_columns(schema: pa.Schema) -> int:
    """The columns that Parquet has of these; a struct is as many as it has parts."""
    return sum(1 for field in schema for _ in _repeats_of(field.type, 1, False))


def repeats(schema: pa.Schema, columns: int) -> list[tuple[int, bool]]:
    """Of each column of Parquet, how many values a null stands for in lists of a fixed size, and
    whether these lie in lists of any size."""
    repeats = [one for field in schema for one in _repeats_of(field.type, 1, False)]
    if len(repeats) == columns:
        return repeats
    return (
        [(max(size for size, _ in repeats), True)] * columns if repeats else [(1, True)] * columns
    )


def dictionaries_of(file: pq.ParquetFile) -> set[int]:
    """The numbers of Parquet's columns that are read as dictionaries."""
    kinds = [*chain.from_iterable(map(_leaf_types, file.schema_arrow.types))]
    if len(kinds) != file.metadata.num_columns:
        return set()
    return {number for number, kind in enumerate(kinds) if pa.types.is_dictionary(kind)}


def _leaf_types(kind: pa.DataType) -> Iterator[pa.DataType]:
    """The types of Parquet's columns in a column of a table."""
    if isinstance(kind, pa.BaseExtensionType):
        yield from _leaf_types(kind.storage_type)
    elif pa.types.is_nested(kind):
        for number in range(kind.num_fields):
            yield from _leaf_types(kind.field(number).type)
    else:
        yield kind


def _repeats_of(kind: pa.DataType, size: int, in_lists: bool) -> Iterator[tuple[int, bool]]:
    kind = stored_type(kind)
    if pa.types.is_fixed_size_list(kind):
        yield from _repeats_of(kind.value_type, size * kind.list_size, in_lists)
    elif pa.types.is_nested(kind):
        several = in_lists or not pa.types.is_struct(kind)
        for number in range(kind.num_fields):
            yield from _repeats_of(kind.field(number).type, size, several)
    else:
        yield size, in_lists


def leaves_of(file: pq.ParquetFile, columns: Sequence[str] | None) -> dict[int, str]:
    """The numbers of Parquet's columns that pyarrow reads, each with the name of the column of the
    table that it is, or is a part of. Who asks for a column ``a.b`` gets the part ``b`` of a column
    ``a``, too."""
    schema = file.metadata.schema
    paths = [schema.column(number).path for number in range(file.metadata.num_columns)]
    names = [field.name for field in file.schema_arrow for _ in _repeats_of(field.type, 1, False)]
    if len(names) != len(paths):
        names = [path.partition(".")[0] for path in paths]
    wanted = None if columns is None else set(columns)
    leaves = {}
    for number, (name, path) in enumerate(zip(names, paths, strict=True)):
        parts = [name, *path.removeprefix(name).split(".")[1:]]
        if wanted is None or not wanted.isdisjoint(accumulate(parts, "{}.{}".format)):
            leaves[number] = name
    return leaves


def holds_texts(file: pq.ParquetFile, number: int) -> bool:
    """Whether the values of a column may have any length."""
    return bool(file.metadata.schema.column(number).physical_type == "BYTE_ARRAY")

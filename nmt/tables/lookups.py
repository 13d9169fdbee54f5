"""Equal values found by Python's hash of texts, which has a secret.

Arrow's has none: who writes a file can give it texts of one hash, whose lookups take the square of
their number. So it looks up no texts that a file can choose. Of whole numbers Python's has none
either, and Arrow's no two of one hash.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.tables.columns import is_text


def numbers_of(values: pa.ChunkedArray) -> np.ndarray:
    """Numbers from 0 in the order in which different values first come, int64."""
    if pa.types.is_integer(values.type):
        return values.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    first: dict[object, int] = {}
    numbers = (first.setdefault(value, len(first)) for value in values.to_pylist())
    return np.fromiter(numbers, np.int64, len(values))


def places_in(values: pa.ChunkedArray, among: pa.ChunkedArray) -> np.ndarray:
    """For each value its first place among others, int64; -1 where it is not there."""
    if pa.types.is_integer(values.type):
        places = pc.index_in(values, value_set=among)
        return pc.fill_null(places, -1).to_numpy().astype(np.int64)
    first: dict[object, int] = {}
    for value, place in zip(among.to_pylist(), count(), strict=False):
        first.setdefault(value, place)
    places = (first.get(value, -1) for value in values.to_pylist())
    return np.fromiter(places, np.int64, len(values))


def count_different(values: pa.Array | pa.ChunkedArray) -> int:
    """How many different values there are; nulls are one."""
    if pa.types.is_integer(values.type):
        return int(pc.count_distinct(values, mode="all").as_py())
    return len({*values.to_pylist()})


def with_one_dictionary(table: pa.Table) -> pa.Table:
    """The table with one dictionary for all rows of a column of categories."""
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and is_text(field.type.value_type):
            column = table.column(number)
            table = table.set_column(number, field, _unified(column))
    return table.unify_dictionaries()  # others, and those inside of columns


def _unified(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.num_chunks < 2:
        return column
    kind = column.type
    values = pa.chunked_array([one.dictionary for one in column.chunks], kind.value_type)
    numbers = numbers_of(values.cast(pa.large_binary()))  # which need not be UTF-8
    _, first = np.unique(numbers, return_index=True)
    dictionary = pa.concat_arrays(values.take(pa.array(first)).chunks)
    ends = np.cumsum([len(one.dictionary) for one in column.chunks])[:-1]
    indices = pa.concat_arrays(
        pa.array(own).take(one.indices).cast(kind.index_type)
        for one, own in zip(column.chunks, np.split(numbers, ends), strict=True)
    )
    array = pa.DictionaryArray.from_arrays(indices, dictionary, ordered=kind.ordered)
    return pa.chunked_array([array], kind)

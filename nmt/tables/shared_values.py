"""Values that many rows of a Parquet file share: counted before each row gets one of its own.

In a dictionary a value stands once, however many rows, and elements of lists in rows, have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.tables.schemas import cast

LONG = 64 << 10  # bytes of a value that may be repeated for each row of a batch
_MOST_BYTES = 256 << 20  # that the columns of a batch may have


def long_columns(
    location: Location,
    by_dictionary: pq.ParquetFile,
    group: int,
    texts: Mapping[str, str],
    rows: int,
) -> tuple[str, ...]:
    """The columns of a row group that are read as dictionaries: those with long values, and those
    that may make a batch too large.

    Args:
        location: names the file in errors.
        by_dictionary: reads columns of texts as dictionaries.
        group: the row group.
        texts: the paths of these columns, each with the name of the column of the table that it is,
            or is a part of.
        rows: of a batch.

    Raises:
        UnusableInput: long values inside of others.
    """
    names = sorted(set(texts.values()))
    batches = by_dictionary.iter_batches(1, row_groups=[group], columns=names) if names else ()
    if (first := next(iter(batches), None)) is None:
        return ()
    metadata = by_dictionary.metadata.row_group(group)
    columns = (metadata.column(number) for number in range(metadata.num_columns))
    values = {column.path_in_schema: column.num_values for column in columns}
    chosen, sizes = [], dict[str, int]()
    for path, name in texts.items():
        arrays = _dictionaries(first.column(name))
        longest = max((_longest(array.dictionary) for array in arrays), default=0)
        if longest <= LONG:
            sizes[path] = longest * (min(values[path], rows) if path == name else values[path])
        elif path == name:
            chosen.append(path)
        else:
            raise UnusableInput(
                f"{location}: column '{path[:80]}' holds texts of {longest:,} bytes, more than "
                f"{LONG:,} inside of others; leave it out"
            )
    room = _MOST_BYTES
    for path, size in sorted(sizes.items(), key=lambda item: item[1]):
        room -= size
        if room < 0:
            chosen.append(path)
    return tuple(sorted(chosen))


def bytes_of(location: Location, batch: pa.RecordBatch, shared: Sequence[str]) -> int:
    """The bytes of a batch whose dictionaries, but for those of shared columns, are decoded.

    Args:
        location: names the file in errors.
        batch: as it was read.
        shared: columns that stay as they are.

    Raises:
        UnusableInput: they are too many.
    """
    sizes = {
        name: sum(map(_decoded_bytes, _dictionaries(array)))
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
        if name not in shared
    }
    if (size := sum(sizes.values())) > _MOST_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        more = "" if sizes[largest] == size else f", and {size:,} in all"
        raise UnusableInput(
            f"{location}: {len(batch):,} rows have {sizes[largest]:,} bytes in column "
            f"'{largest[:80]}'{more}, more than {_MOST_BYTES:,}; leave it out, or cut its texts"
        )
    return batch.nbytes + size


def decoded(batch: pa.RecordBatch, schema: pa.Schema, shared: Sequence[str]) -> pa.RecordBatch:
    """A batch with the file's own types, but for shared columns."""
    arrays, fields = [], []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name not in shared and array.type != schema.field(name).type:
            array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            array = cast(array, schema.field(name).type)
        arrays.append(array)
        fields.append(schema.field(name).with_type(array.type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _dictionaries(array: pa.Array) -> Iterator[pa.DictionaryArray]:
    """The array, or those inside it, that have dictionaries."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield array
    elif isinstance(array, pa.ExtensionArray):
        yield from _dictionaries(array.storage)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _dictionaries(array.field(number))
    elif pa.types.is_map(kind):
        yield from _dictionaries(array.keys)
        yield from _dictionaries(array.items)
    elif pa.types.is_nested(kind):
        yield from _dictionaries(array.values)


def _longest(dictionary: pa.Array) -> int:
    if not len(dictionary) or dictionary.type.id == pa.null().id:
        return 0
    return pc.max(pc.binary_length(_as_binary(dictionary))).as_py() or 0


def _as_binary(array: pa.Array) -> pa.Array:
    views = pa.string_view(), pa.binary_view()
    return array.cast(pa.large_binary()) if array.type in views else array


def _decoded_bytes(array: pa.DictionaryArray) -> int:
    """The bytes of the texts of all rows."""
    if not is_text(array.type):
        return 0
    lengths = pc.binary_length(_as_binary(array.dictionary))
    return pc.sum(pc.cast(lengths, pa.int64()).take(array.indices)).as_py() or 0

"""Values that many rows of a Parquet file share: counted before each row gets one of its own.

In a dictionary a value stands once, however many rows, and elements of lists in rows, have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.tables.schemas import cast

LONG = 64 << 10  # bytes of a value that may be repeated for each row of a batch
_MOST_BYTES = 256 << 20  # that the columns of a batch may have more than are stored of them


def bytes_of(location: Location, batch: pa.RecordBatch, shared: Sequence[str]) -> int:
    """The bytes of a batch whose dictionaries, but for those of shared columns, are decoded.

    Args:
        location: names the file in errors.
        batch: as it was read.
        shared: columns that stay as they are.

    Raises:
        UnusableInput: they are too many.
        pa.ArrowInvalid: a row has a value that is in no dictionary.
    """
    sizes: dict[str, int] = {}
    stored = 0
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        dictionaries = [*_dictionaries(array)]
        for one in dictionaries:
            _check_indices(one)
        texts = [one for one in dictionaries if is_text(one.type)]
        longest = max((_longest(one.dictionary) for one in texts), default=0)
        if longest > LONG and not pa.types.is_dictionary(array.type):
            raise UnusableInput(
                f"{location}: column '{name[:80]}' holds texts of {longest:,} bytes, more than "
                f"{LONG:,} inside of others; leave it out"
            )
        if name not in shared:
            stored += sum(one.dictionary.nbytes for one in texts)
            sizes[name] = sum(map(_decoded_bytes, texts))
    if (size := sum(sizes.values())) > _MOST_BYTES + stored:
        largest = max(sizes, key=lambda name: sizes[name])
        more = "" if sizes[largest] > _MOST_BYTES else f", and {size:,} in all"
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


def _check_indices(array: pa.DictionaryArray) -> None:
    """Raise ArrowInvalid where indices lead out of the dictionary: Arrow does not look."""
    least, most = pc.min_max(array.indices).as_py().values()
    if most is not None and not 0 <= least <= most < len(array.dictionary):
        raise pa.ArrowInvalid("values that are in no dictionary")


def _decoded_bytes(array: pa.DictionaryArray) -> int:
    """The bytes of the texts of all rows."""
    lengths = pc.binary_length(_as_binary(array.dictionary))
    return pc.sum(pc.cast(lengths, pa.int64()).take(array.indices)).as_py() or 0

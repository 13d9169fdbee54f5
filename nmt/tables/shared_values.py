"""Values that many rows of a Parquet file share: counted before each row gets one of its own.

In a dictionary a value stands once, however many rows, and elements of lists in rows, have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.tables.list_views import as_lists
from nmt.tables.schemas import cast, without_views

LONG = 64 << 10  # bytes of a value that may be repeated for each row of a batch
_MOST_BYTES = 256 << 20  # that the columns of some rows may have beyond what is stored of them


class Window:
    """Counts the bytes that neighbouring rows have beyond those that are stored of them.

    Args:
        location: names the file in errors.
        rows: of a window; then counting begins anew.
        shared: columns that stay dictionaries.

    Attributes:
        copied: columns in the encoding DELTA_BYTE_ARRAY, whose values were read as they are, though
            a few bytes may stand for many.
    """

    def __init__(self, location: Location, rows: int, shared: Collection[str]) -> None:
        self._location, self._most, self._shared = location, rows, shared
        self.copied: Collection[str] = ()
        self._rows, self._sizes = 0, Counter[str]()

    def add(self, batch: pa.RecordBatch) -> int:
        """Count a batch as it was read.

        Returns:
            The bytes that it has with its dictionaries decoded.

        Raises:
            UnusableInput: they are too many.
            pa.ArrowInvalid: a row has a value that is in no dictionary.
        """
        if self._rows >= self._most:
            self._rows, self._sizes = 0, Counter()
        self._rows += len(batch)
        size = batch.nbytes
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name in self.copied:
                self._sizes[name] += array.nbytes
            dictionaries = [*_dictionaries(array)]
            for one in dictionaries:
                _check_indices(one)
            texts = [one for one in dictionaries if is_text(one.type)]
            longest = max((_longest(one.dictionary) for one in texts), default=0)
            if longest > LONG and not pa.types.is_dictionary(array.type):
                raise UnusableInput(
                    f"{self._location}: column '{name[:80]}' holds texts of {longest:,} bytes, "
                    f"more than {LONG:,} inside of others; leave it out"
                )
            if name not in self._shared:
                own = sum(map(_decoded_bytes, texts))
                self._sizes[name] += max(0, own - sum(one.dictionary.nbytes for one in texts))
                size += own
        self._check()
        return size

    def _check(self) -> None:
        if (size := self._sizes.total()) > _MOST_BYTES:
            ((name, largest),) = self._sizes.most_common(1)
            more = "" if largest > _MOST_BYTES else f", and {size:,} in all"
            raise UnusableInput(
                f"{self._location}: {self._rows:,} rows share or repeat {largest:,} bytes in "
                f"column '{name[:80]}'{more}, more than {_MOST_BYTES:,}; leave it out, or cut its "
                "texts"
            )


def decoded(
    location: Location, batch: pa.RecordBatch, schema: pa.Schema, shared: Sequence[str]
) -> pa.RecordBatch:
    """A batch with the types of a schema, but for shared columns.

    Raises:
        UnusableInput: pyarrow cannot make values of such a type of what it has read.
    """
    arrays, fields = [], []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name not in shared and array.type != schema.field(name).type:
            array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            kind = schema.field(name).type
            try:
                array = cast(cast(as_lists(array), without_views(kind)), kind)
            except pa.ArrowNotImplementedError:
                raise UnusableInput(
                    f"{location}: column '{name[:80]}' holds {kind}, which cannot be read; leave "
                    "it out, or write it as texts, numbers, lists or structs of them"
                ) from None
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

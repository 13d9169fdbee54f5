"""Text columns of Parquet files, read as bytes.

Parquet does not promise that its strings are UTF-8, and pyarrow fails on a whole column for one
row that is not. So text is read as bytes, and each row judged by itself.
"""

from __future__ import annotations

import pyarrow as pa

_TEXT = (
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values, whether they are dictionary-encoded or not."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type of the stored values, whatever they are encoded as or stand for."""
    kind = plain_type(kind)
    return stored_type(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type can be read as text."""
    return plain_type(kind) in _TEXT


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column of this type holds bytes that are not declared to be text or a UUID."""
    plain = plain_type(kind)
    if plain == pa.uuid():
        return False
    plain = stored_type(plain)
    return plain in _TEXT[3:] or pa.types.is_fixed_size_binary(plain)


def as_bytes(column: pa.Array | pa.ChunkedArray, longest: int | None = None) -> list[bytes | None]:
    """The rows of a text column as bytes; None for a null.

    Args:
        column: of a type that `is_text`. The rows of a dictionary share its values.
        longest: of a longer value so many bytes and one more are read; None reads all.
    """
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in as_bytes(chunk, longest)]
    if pa.types.is_dictionary(column.type):
        values = as_bytes(column.dictionary, longest)
        return [None if place is None else values[place] for place in column.indices.to_pylist()]
    values = column.cast(pa.large_binary()).to_pylist()
    if longest is not None:
        values = [v if v is None or len(v) <= longest else v[: longest + 1] for v in values]
    return values


def texts_of(column: pa.Array | pa.ChunkedArray, longest: int | None = None) -> list[str | None]:
    """The rows of a text column, what is no UTF-8 in them as U+FFFD; None for a null.

    Args:
        column, longest: see `as_bytes`. The rows of a dictionary share its texts, too.
    """
    if isinstance(column, pa.ChunkedArray):
        return [text for chunk in column.chunks for text in texts_of(chunk, longest)]
    if pa.types.is_dictionary(column.type):
        texts = texts_of(column.dictionary, longest)
        return [None if place is None else texts[place] for place in column.indices.to_pylist()]
    return [
        None if value is None else value.decode("utf-8", "replace")
        for value in as_bytes(column, longest)
    ]

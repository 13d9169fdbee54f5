"""Values of any column, written one way: as JSON, for people, and to say which are equal.

An integer is written as a number, everything else as text:

    dates, times        ISO 8601, as many digits as are needed; with a time zone in UTC (``…Z``)
    durations           a number with its unit: ``1500ms``
    decimals, floats    in digits; ``nan``, ``inf``
    text                as it is; what is no UTF-8 in it as U+FFFD
    bytes               the printable text that they are in UTF-8, else ``0x`` and digits of base 16
    UUID                ``123e4567-e89b-12d3-a456-426614174000``
    bool                ``true``, ``false``

Two values of a column are equal where they are written alike. So 0.0 is -0.0 and NaN is NaN, and
times that differ in nanoseconds are different. Python's own objects are no such form: its dates end
with the year 9999, its times have no nanoseconds, and NaN is not NaN.
"""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.tables.columns import as_bytes, is_text, stored_type, texts_of

_DAY_ZERO = "1970-01-01T"
_TEXTS = pa.large_string()
_STRINGS = (pa.string(), pa.large_string(), pa.string_view())


def is_scalar(kind: pa.DataType) -> bool:
    """Whether the values of a column of this type can be written: they hold no other values."""
    return not pa.types.is_nested(stored_type(kind))


def written(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as they are written: int64, uint64 or large_string; a null stays one.

    Args:
        column: of a type that `is_scalar`.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    kind = stored_type(column.type)
    numbers = pa.uint64() if kind == pa.uint64() else pa.int64()
    written_type = numbers if pa.types.is_integer(kind) else _TEXTS
    return pa.chunked_array(
        [_written(one).cast(written_type) for one in chunks if len(one)], written_type
    )


def json_values(column: pa.Array | pa.ChunkedArray) -> list[int | str | None]:
    """The values as JSON holds them; see `written`."""
    return written(column).to_pylist()


def _written(values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _written(values.dictionary_decode())
    if kind == pa.uuid():
        binary = values.storage.to_pylist()
        return _texts([None if v is None else str(uuid.UUID(bytes=v)) for v in binary])
    if isinstance(kind, pa.BaseExtensionType):
        return _written(values.storage)
    if pa.types.is_floating(kind):
        single = values.cast(pa.float32()) if kind == pa.float16() else values
        return pc.add(single, pa.scalar(0.0, single.type)).cast(_TEXTS)  # no -0.0
    if pa.types.is_temporal(kind):
        return _moments(values)
    if kind in _STRINGS:
        return values.cast(_TEXTS) if _is_utf8(values) else _texts(texts_of(values))
    if is_text(kind) or pa.types.is_fixed_size_binary(kind):
        return _texts([None if value is None else _readable(value) for value in as_bytes(values)])
    return values if pa.types.is_integer(kind) else values.cast(_TEXTS)


def _is_utf8(values: pa.Array) -> bool:
    """Whether strings are what they should be; Parquet does not promise it."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _readable(value: bytes) -> str:
    """Bytes as text; different ones differ."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{value.hex()}"
    return text if text.isprintable() and not text.startswith("0x") else f"0x{value.hex()}"


def _moments(values: pa.Array) -> pa.Array:
    """Dates, times and durations."""
    kind = values.type
    width = pa.int32() if kind.bit_width == 32 else pa.int64()
    count = pc.fill_null(values.view(width), 0).to_numpy().astype(np.int64)
    if pa.types.is_duration(kind):
        texts = np.strings.add(count.astype(str), kind.unit)
    elif kind == pa.date32():
        texts = np.datetime_as_string(count.view("M8[D]"))
    else:
        unit = "ms" if kind == pa.date64() else kind.unit
        texts = np.datetime_as_string(count.view(f"M8[{unit}]"))
        if unit != "s":
            texts = np.strings.rstrip(np.strings.rstrip(texts, "0"), ".")
        if pa.types.is_time(kind):
            texts = np.strings.replace(texts, _DAY_ZERO, "")
        elif getattr(kind, "tz", None):
            texts = np.strings.add(texts, "Z")
    return _texts(texts, pc.is_null(values).to_numpy(zero_copy_only=False))


def _texts(texts: list[str | None] | np.ndarray, nulls: np.ndarray | None = None) -> pa.Array:
    return pa.array(texts, _TEXTS, mask=nulls)

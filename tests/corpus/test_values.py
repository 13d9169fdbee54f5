"""A value of any type is written one way, and values are equal where they are written alike."""

import decimal
import io
import json
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.tables.values import is_scalar, json_values, written

FAR = 5_000_000  # days: in the year 15659
ID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")


def days(*values: int | None) -> pa.Array:
    return pa.array(values, pa.int32()).view(pa.date32())


def moments(kind: pa.DataType, *values: int | None) -> pa.Array:
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


def uuids() -> pa.Array:
    return pa.array([ID.bytes, None], pa.uuid())


D = decimal.Decimal
VALUES = [
    (pa.array([7, None], pa.int8()), [7, None]),
    (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
    (pa.array([-(2**63)], pa.int64()), [-(2**63)]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([0.0, -0.0, 0.5, 3.0, float("nan"), float("-inf"), None]),
     ["0", "0", "0.5", "3", "nan", "-inf", None]),
    (pa.array([0.1, -0.0], pa.float32()), ["0.1", "0"]),
    (pa.array(np.array([0.5, -0.0], np.float16)), ["0.5", "0"]),
    (pa.array([D("1.50"), None], pa.decimal128(38, 2)), ["1.50", None]),
    (pa.array([D("-1.50")], pa.decimal256(76, 30)), ["-1." + "5".ljust(30, "0")]),
    (pa.array([D("1.50")], pa.decimal32(5, 2)), ["1.50"]),
    (days(0, FAR, -1_000_000, None), ["1970-01-01", "15659-07-15", "-768-02-04", None]),
    (moments(pa.date64(), 86_400_000), ["1970-01-02T00:00:00"]),
    (moments(pa.timestamp("ns"), 1, 2, 500_000_000), [
        "1970-01-01T00:00:00.000000001", "1970-01-01T00:00:00.000000002", "1970-01-01T00:00:00.5"]),
    (moments(pa.timestamp("s"), 10, FAR * 86_400), ["1970-01-01T00:00:10", "15659-07-15T00:00:00"]),
    (moments(pa.timestamp("us", "Nowhere/At_all"), 0, None), ["1970-01-01T00:00:00Z", None]),
    (moments(pa.time32("s"), 43_200), ["12:00:00"]),
    (moments(pa.time64("ns"), 43_200_000_000_001), ["12:00:00.000000001"]),
    (moments(pa.duration("ms"), 1500, -1), ["1500ms", "-1ms"]),
    (pa.array(["ä", None, "0x"]), ["ä", None, "0x"]),
    (pa.array(["a"], pa.large_string()), ["a"]),
    (pa.array(["a"], pa.string_view()), ["a"]),
    (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    (pa.array([b"a", b"\xff\x00", b"0xff00", None]), ["a", "0xff00", "0x307866663030", None]),
    (pa.array([b"abc", b"a\0c"], pa.binary(3)), ["abc", "0x610063"]),
    (pa.array([b"a"], pa.binary_view()), ["a"]),
    (uuids(), [str(ID), None]),
    (pa.array(["{}"], pa.json_()), ["{}"]),
    (pa.nulls(2), [None, None]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), VALUES, ids=lambda v: str(getattr(v, "type", "")))
def test_each_type_has_a_readable_form(values, expected) -> None:
    assert json_values(values) == expected
    assert json_values(pa.chunked_array([values.slice(1), values])) == [*expected[1:], *expected]
    assert json_values(values.slice(0, 0)) == []
    json.dumps(json_values(values), allow_nan=False)
    assert is_scalar(values.type)
    # Whatever is written of it is written of it again after it was stored.
    file = io.BytesIO()
    if values.type not in (pa.date64(), pa.binary_view(), pa.string_view()):
        pq.write_table(pa.table({"v": values}), file)
        assert json_values(pq.read_table(file).column("v")) == expected


def test_text_that_is_no_utf8_is_written_too() -> None:
    broken = pa.array([b"a", b"\xff", None]).cast(pa.string(), safe=False)
    assert json_values(broken) == ["a", "\ufffd", None]
    assert json_values(broken.dictionary_encode()) == ["a", "\ufffd", None]


def test_values_are_written_alike_where_they_are_equal() -> None:
    """Floats of all kinds: the written form tells apart exactly those that are unequal."""
    random = np.random.default_rng(1)
    bits = random.integers(0, 2**64, 2000, np.uint64).view(np.float64)
    floats = np.concatenate([bits, [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 5e-324, 0.1]])
    texts = json_values(pa.array(floats))
    assert [float(text) for text in texts] == pytest.approx(floats.tolist(), rel=0, nan_ok=True)
    assert len(set(texts)) == len(np.unique(floats))


def test_integers_of_any_width_are_written_alike() -> None:
    for kind in (pa.int8(), pa.uint8(), pa.int32(), pa.uint32(), pa.int64()):
        assert written(pa.array([5], kind)).type == pa.int64()


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int8()),
        pa.struct([("a", pa.int8())]),
        pa.map_(pa.string(), pa.int8()),
        pa.fixed_shape_tensor(pa.int8(), [2]),
    ],
)
def test_what_holds_other_values_is_not_written(kind) -> None:
    assert not is_scalar(kind)

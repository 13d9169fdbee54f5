"""Types that have one in common are read as that; no value is lost or refused on the way."""

import pyarrow as pa
import pytest

from nmt.errors import UnusableInput
from nmt.tables.schemas import common_type, conform, kept_schema, unify

COMMON = [
    (pa.int8(), pa.int64(), pa.int64()),
    (pa.uint32(), pa.int32(), pa.int64()),
    (pa.uint8(), pa.uint64(), pa.uint64()),
    (pa.float16(), pa.float64(), pa.float64()),
    (pa.string(), pa.large_string(), pa.large_string()),
    (pa.binary(), pa.large_binary(), pa.large_binary()),
    (pa.string(), pa.binary(), pa.large_binary()),
    (pa.binary(2), pa.binary(3), pa.large_binary()),
    (pa.dictionary(pa.int32(), pa.string()), pa.string(), pa.string()),
    (pa.dictionary(pa.int32(), pa.string()), pa.large_string(), pa.large_string()),
    (pa.decimal128(10, 2), pa.decimal128(12, 4), pa.decimal128(12, 4)),
    (pa.null(), pa.uuid(), pa.uuid()),
    (pa.null(), pa.list_(pa.string()), pa.list_(pa.string())),
    (pa.list_(pa.int8()), pa.large_list(pa.int16()), pa.large_list(pa.int16())),
    (pa.struct([("a", pa.int8())]), pa.struct([("a", pa.int64())]), pa.struct([("a", pa.int64())])),
    (pa.map_(pa.string(), pa.int8()), pa.map_(pa.large_string(), pa.int8()),
     pa.map_(pa.large_string(), pa.int8())),
    (pa.uuid(), pa.binary(16), pa.binary(16)),
]  # fmt: skip
DIFFERENT = [
    (pa.int64(), pa.uint64()),
    (pa.int64(), pa.float64()),
    (pa.int64(), pa.string()),
    (pa.bool_(), pa.int8()),
    (pa.date32(), pa.timestamp("s")),
    (pa.timestamp("s"), pa.timestamp("ns")),  # a far time is none in nanoseconds
    (pa.timestamp("s"), pa.timestamp("s", "UTC")),
    (pa.decimal128(10, 2), pa.int32()),
    (pa.list_(pa.int64()), pa.list_(pa.float64())),
    (pa.struct([("a", pa.int8())]), pa.struct([("b", pa.int8())])),
    (pa.decimal256(76, 0), pa.decimal256(76, 76)),
]


@pytest.mark.parametrize(("one", "other", "expected"), COMMON, ids=str)
def test_types_with_one_in_common(one, other, expected) -> None:
    assert common_type(one, other) == common_type(other, one) == expected
    for kind in (one, other):
        schema = unify([("a", pa.schema([("x", one)])), ("b", pa.schema([("x", other)]))])
        table = conform(pa.table({"x": pa.nulls(2, kind)}), schema)
        assert table.schema.field("x").type == expected


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=str)
def test_types_that_are_really_different(one, other) -> None:
    assert common_type(one, other) is common_type(other, one) is None


def test_the_largest_values_survive() -> None:
    for kind, value in ((pa.uint32(), 2**32 - 1), (pa.int32(), -(2**31))):
        one, other = pa.schema([("x", kind)]), pa.schema([("x", pa.int64())])
        table = conform(pa.table({"x": pa.array([value], kind)}), unify([("a", one), ("b", other)]))
        assert table.to_pydict() == {"x": [value]}


def test_a_difference_names_column_types_and_files() -> None:
    first = pa.schema([("x", pa.int8()), ("y", pa.string())])
    second = pa.schema([("y", pa.string()), ("x", pa.int64())])
    third = pa.schema([("x", pa.float64()), ("y", pa.string())])
    with pytest.raises(UnusableInput) as caught:
        unify([("1.parquet", first), ("2.parquet", second), ("3.parquet", third)])
    assert str(caught.value).startswith(
        "3.parquet: column 'x' holds double, but int64 in 2.parquet; "
    )
    for schemas in ((first, second.remove(0)), (second.remove(0), first)):
        with pytest.raises(UnusableInput, match=r"has no column 'y', but [ab] has; "):
            unify(zip("ab", schemas, strict=True))


def test_types_that_not_all_functions_know_are_kept_under_others() -> None:
    views = pa.list_(pa.field("item", pa.struct([("f", pa.string_view())]), nullable=False))
    given = pa.schema(
        [
            pa.field("v", pa.string_view(), nullable=False, metadata={"id": "1"}),
            ("n", views),
            ("d", pa.dictionary(pa.int8(), pa.string())),
        ],
        metadata={"writer": "x"},
    )
    assert kept_schema(given).equals(
        pa.schema(
            [
                ("v", pa.string()),
                ("n", pa.list_(pa.struct([("f", pa.string())]))),
                ("d", pa.dictionary(pa.int32(), pa.string())),
            ]
        ),
        check_metadata=True,
    )

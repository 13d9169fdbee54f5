"""Every type of a column of Parquet is read, or one line names file, column and type."""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.evaluation.files import TEXTS, open_table
from nmt.formats.file_list import list_files
from nmt.storage.location import Location
from nmt.tables.list_views import as_lists
from nmt.tables.parquet import read_whole
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit

TEXT = ["a b", "c", None]
BYTES = [b"a b", b"c", None]
DAY = [datetime.date(2024, 2, 29), datetime.date(1970, 1, 1), None]
VIEWS = (pa.list_view, pa.large_list_view)


def storage(kind: pa.BaseExtensionType, values: list) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


TEXTS_OF = {
    **{kind: pa.array(TEXT, kind) for kind in (pa.string(), pa.large_string(), pa.string_view())},
    **{kind: pa.array(BYTES, kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())},
    "dictionary": pa.array(TEXT, pa.dictionary(pa.int8(), pa.string())),
    "dictionary of large": pa.array(TEXT, pa.large_string()).dictionary_encode(),
}
NUMBERS = (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
    *(pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.date64(), pa.time32("s")),
    *(pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.timestamp("s"), pa.timestamp("ms")),
    *(pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.duration("s"), pa.duration("ns")),
)
OTHERS = {
    **{kind: pa.array([0, 86_400_000, None], pa.int64()).cast(kind) for kind in (pa.date64(),)},
    **{kind: pa.array([1, 2, None], kind) for kind in NUMBERS if kind != pa.date64()},
    **{
        kind: pa.array([decimal.Decimal("1.5"), decimal.Decimal(2), None], kind)
        for make in (pa.decimal32, pa.decimal64, pa.decimal128, pa.decimal256)
        for kind in (make(5, 2),)
    },
    "date": pa.array(DAY, pa.date32()),
    "bool": pa.array([True, False, None]),
    "null": pa.nulls(3),
    "fixed bytes": pa.array([b"ab", b"cd", None], pa.binary(2)),
    "dictionary of numbers": pa.array([5, 6, None]).dictionary_encode(),
    "fixed list": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)),
    **{
        f"{make.__name__} of {value}": pa.array([["a", None], [], None], make(value))
        for make in (pa.list_, pa.large_list, *VIEWS)
        for value in (pa.string(), pa.string_view())
    },
    **{f"{v.__name__} of numbers": pa.array([[1], [], None], v(pa.int64())) for v in VIEWS},
    **{
        f"{make.__name__} in others": pa.array(
            [{"x": [[["a"], None]]}, {"x": None}, None],
            pa.struct([("x", make(pa.list_(make(pa.string_view()))))]),
        )
        for make in VIEWS
    },
    "map": pa.array(
        [[("a", [1])], [], None], pa.map_(pa.string_view(), pa.list_view(pa.int64()))
    ),
    "view in a fixed list": pa.array(
        [[["a"], None], [[], ["b", "c"]], None], pa.list_(pa.list_view(pa.string()), 2)
    ),
    "uuid": storage(pa.uuid(), [b"a" * 16, b"b" * 16, None]),
    "json": storage(pa.json_(), ['"a"', "1", None]),
    "json of views": storage(pa.json_(pa.string_view()), ['"a"', "1", None]),
    "bool8": storage(pa.bool8(), [1, 0, None]),
    "opaque": storage(pa.opaque(pa.string(), "t", "v"), TEXT),
    "tensor": storage(pa.fixed_shape_tensor(pa.int32(), [2]), [[1, 2], [3, 4], None]),
}  # fmt: skip
EVERY = {str(name): column for name, column in {**TEXTS_OF, **OTHERS}.items()}


def write(file: Path, schema: bool = True, **columns: pa.Array) -> Path:
    table = pa.table({"t": ["1", "2", "3"], **columns})
    pq.write_table(table, file, store_schema=schema)
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """All columns, each named by its type."""
    return write(tmp_path_factory.mktemp("types") / "t.parquet", **EVERY)


def pairs(file: Path, column: str) -> list:
    reader = open_pairs(Location(file), columns=(column, "t"))
    reader.inspect()
    return [row.source for row in reader.rows()]


def sentences(file: Path, column: str) -> list:
    (unit,) = inspect(str(file), column).units()
    return [*read_unit(unit, column, None).texts]


def candidates(file: Path, column: str) -> list:
    table = open_table(list_files(str(file), TEXTS))
    return [text and text.encode() for text in table.texts("--candidate-column", column)]


@pytest.mark.parametrize("read", [pairs, sentences, candidates])
@pytest.mark.parametrize("name", OTHERS)
def test_a_column_of_no_texts_is_one_line(file: Path, name, read) -> None:
    kind = str(pq.read_schema(file).field(str(name)).type).partition("<")[0]
    with pytest.raises(UnusableInput) as caught:
        read(file, str(name))
    line = str(caught.value)
    assert line.startswith(f"{file}: column '{name}' ")
    assert f" holds {kind.removesuffix('_view')}" in line
    assert "\n" not in line


@pytest.mark.parametrize("read", [pairs, sentences, candidates])
@pytest.mark.parametrize("name", TEXTS_OF)
def test_a_column_of_texts_of_any_type_is_read(tmp_path: Path, name, read) -> None:
    assert read(write(tmp_path / "t.parquet", x=TEXTS_OF[name]), "x") == BYTES


@pytest.mark.parametrize("schema", [True, False])
def test_any_columns_go_with_the_sentences(tmp_path: Path, schema) -> None:
    """As others that an output keeps, and writes anew."""
    file = write(tmp_path / "t.parquet", schema, **EVERY)
    (unit,) = inspect(str(file), "t").units()
    others = read_unit(unit, "t", None).others
    others.validate(full=True)
    pq.write_table(others, tmp_path / "again.parquet")
    again, expected = (pq.read_table(one) for one in (tmp_path / "again.parquet", file))
    again.validate(full=True)
    assert others.column_names == [*EVERY]
    for name in EVERY:
        values = expected.column(name).to_pylist()
        assert others.column(name).to_pylist() == again.column(name).to_pylist() == values, name


def test_a_type_of_others_around_views_is_named(tmp_path: Path) -> None:
    opaque = storage(pa.opaque(pa.list_view(pa.string()), "t", "v"), [["a"], [], None])
    file = write(tmp_path / "t.parquet", x=opaque)
    (unit,) = inspect(str(file), "t").units()
    with pytest.raises(
        UnusableInput, match=r"t\.parquet: column 'x' holds extension<arrow\.opaque"
    ):
        read_unit(unit, "t", None)


CELLS = st.one_of(st.none(), st.lists(st.one_of(st.none(), st.text("ab", max_size=2)), max_size=3))
ROWS = st.lists(st.one_of(st.none(), st.lists(CELLS, max_size=3)), min_size=1, max_size=6)


@settings(max_examples=20)
@given(ROWS, st.sampled_from(VIEWS), st.sampled_from([pa.list_, *VIEWS]), st.integers(0, 5))
def test_lists_hold_what_their_views_hold(rows, outer, inner, start) -> None:
    array = pa.array(rows, outer(inner(pa.string()))).slice(start)
    for one in (array, pa.StructArray.from_arrays([array], ["x"])):
        lists = as_lists(one)
        lists.validate(full=True)
        assert "view" not in str(lists.type)
        assert lists.to_pylist() == one.to_pylist()


def test_views_of_values_that_rows_share_are_counted_as_lists_are(tmp_path: Path) -> None:
    """A long value stands once in the file, and would stand in each row."""
    values = pa.DictionaryArray.from_arrays(
        pa.array([0] * 30_000, pa.int32()), pa.array(["y" * 60_000])
    )
    starts, sizes = (pa.array(one, pa.int32()) for one in (range(0, 30_000, 100), [100] * 300))
    views = pa.ListViewArray.from_arrays(starts, sizes, values)
    file = Location(tmp_path / "t.parquet")
    pq.write_table(pa.table({"x": views}), str(file), compression="zstd")
    with pytest.raises(UnusableInput, match=r"300 rows share or repeat 1,[0-9,]+ bytes in column"):
        file.read(lambda handle: read_whole(file, handle))

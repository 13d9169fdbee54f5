"""The corpus to translate: every row in exactly one unit, with its own number."""

import decimal
import errno
import gzip
import os
import random
import socket
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from nmt.corpus.aligned import read_aligned
from nmt.errors import UnusableInput
from nmt.printable import printable
from nmt.storage.location import Location
from nmt.tables.columns import texts_of
from nmt.tables.values import json_values
from nmt.translation.input import files, gzip_lines
from nmt.translation.input.corpus import InputCorpus, inspect, read_unit


def lines(count: int, first: int = 0) -> list[bytes]:
    return [
        f"Satz {number} ".encode() + b"x" * (number % 40) for number in range(first, first + count)
    ]


def text(path: Path, rows: list[bytes], end: bytes = b"\n") -> Path:
    data = b"".join(row + end for row in rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def look(name: object, id_column: str | None = None) -> InputCorpus:
    return inspect(str(name), "source", id_column)


def read(corpus: InputCorpus) -> list[tuple[object, object]]:
    """All (id, text) in the order of the units, after a look at the units themselves."""
    units = corpus.units()
    assert [unit.number for unit in units] == list(range(len(units)))
    assert sum(unit.rows for unit in units) == corpus.rows
    assert all(0 < unit.rows <= 8192 for unit in units)
    assert units[0].first == 0
    assert all(before.first + before.rows == after.first for before, after in pairwise(units))
    assert len({unit.part for unit in units}) == len(units)
    found = []
    for unit in units:
        rows = read_unit(unit, "source", corpus.id_column)
        assert len(rows.ids) == len(rows.texts) == unit.rows
        assert rows.others.num_rows in (0, unit.rows)
        found += zip(rows.ids.to_pylist(), rows.texts, strict=True)
    return found


@pytest.mark.parametrize("count", [1, 255, 256, 257, 3000, 40_000])
def test_units_are_a_partition_of_a_text_file(tmp_path, count) -> None:
    rows = lines(count)
    corpus = look(text(tmp_path / "a.txt", rows))
    assert corpus.rows == count
    assert read(corpus) == list(enumerate(rows))
    assert corpus.units() == look(tmp_path / "a.txt").units()


def test_units_run_over_files_in_sorted_order(tmp_path) -> None:
    sizes = {"b.txt": 700, "a.txt": 300, "c.txt.gz": 901, "d.txt": 1, "sub/e.txt": 513}
    (tmp_path / "sub").mkdir()
    expected, first = [], 0
    for name in sorted(sizes):
        rows = lines(sizes[name], first)
        text(tmp_path / name, rows)
        expected += rows
        first += len(rows)
    (tmp_path / "_SUCCESS").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"no\n")
    (tmp_path / "empty.txt").write_bytes(b"")
    corpus = look(tmp_path)
    assert read(corpus) == list(enumerate(expected))
    assert [Path(entry.path).name for entry in corpus.inputs] == [
        Path(name).name for name in sorted(sizes)
    ]
    assert corpus.units() == look(tmp_path).units()


def test_the_last_line_needs_no_end(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo")
    assert read(look(tmp_path / "a.txt")) == [(0, b"one"), (1, b"two")]


def test_only_a_line_feed_ends_a_line(tmp_path) -> None:
    odd = ["a\u2028b", "c\x85d", "e\x0bf", "g\x0ch", "i\x1cj", "k\rl", "", "\u2029", "m"]
    rows = [row.encode() for row in odd]
    for end in (b"\n", b"\r\n"):
        for name in ("a.txt", "b.gz"):
            corpus = look(text(tmp_path / name, rows, end))
            assert read(corpus) == list(enumerate(rows))
    references = read_aligned(str(tmp_path / "a.txt"), len(odd))
    assert references == odd


def test_a_byte_order_mark_is_no_part_of_the_first_sentence(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    found = read(look(tmp_path / "a.txt"))
    assert found[0] == (0, b"one")
    assert read_aligned(str(tmp_path / "a.txt"), 2)[0] == "one"


def test_globs(tmp_path) -> None:
    for name in ("x-1.txt", "x-2.txt", "y-1.txt"):
        text(tmp_path / name, [name.encode()])
    found = [row for _, row in read(look(tmp_path / "x-*.txt"))]
    assert found == [b"x-1.txt", b"x-2.txt"]
    assert [row for _, row in read(look(tmp_path / "?-1.txt"))] == [b"x-1.txt", b"y-1.txt"]
    assert [row for _, row in read(look(tmp_path / "[y]-*"))] == [b"y-1.txt"]
    with pytest.raises(UnusableInput, match="no file has such a name"):
        look(tmp_path / "z*")


def test_a_glob_does_not_look_into_folders_or_at_hidden_files(tmp_path) -> None:
    text(tmp_path / "a.txt", [b"a"])
    text(tmp_path / ".b.txt", [b"hidden"])
    (tmp_path / "sub").mkdir()
    text(tmp_path / "sub" / "c.txt", [b"deeper"])
    assert [row for _, row in read(look(tmp_path / "*.txt"))] == [b"a"]
    assert [row for _, row in read(look(tmp_path / "*" / "*.txt"))] == [b"deeper"]
    assert [row for _, row in read(look(tmp_path / "**" / "*.txt"))] == [b"a", b"deeper"]
    assert [row for _, row in read(look(tmp_path / ".*"))] == [b"hidden"]


def test_a_file_whose_name_looks_like_a_glob_can_be_named(tmp_path) -> None:
    text(tmp_path / "a[1].txt", [b"one"])
    assert read(look(tmp_path / "a[1].txt")) == [(0, b"one")]


# Links, pipes and hidden names. ---------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
@pytest.mark.parametrize("goal", ["secret.txt", "folder"])
def test_a_link_of_a_stranger_that_leads_out_is_not_followed(tmp_path, goal) -> None:
    """Whose job it is may read what whoever made the link may not."""
    (tmp_path / "folder").mkdir()
    for name in ("secret.txt", "folder/secret.txt"):
        (tmp_path / name).write_text("private")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/b.txt").write_text("A dog.")
    link = tmp_path / "in/a"
    link.symlink_to(tmp_path / goal)
    os.lchown(link, 12345, 12345)
    with pytest.raises(UnusableInput, match="in/a: a link of another user"):
        inspect(str(tmp_path / "in" / "**"), "source", None)
    os.lchown(link, os.geteuid(), -1)
    assert inspect(str(tmp_path / "in" / "**"), "source", None).rows == 2
    link.unlink()
    link.symlink_to("b.txt")
    os.lchown(link, 12345, 12345)
    assert inspect(str(tmp_path / "in"), "source", None).rows == 1


def test_each_real_file_is_taken_once_however_links_lead_to_it(tmp_path) -> None:
    folder = tmp_path / "in"
    (folder / "z").mkdir(parents=True)
    text(folder / "z" / "a.txt", [b"row"])
    expected = [str(folder / "z" / "a.txt")]
    for link, goal in (("loop", "."), ("z/up", ".."), ("a", "z"), ("b.txt", "z/a.txt")):
        (folder / link).symlink_to(goal)
    (tmp_path / "link").symlink_to("in")
    assert [str(file) for file in files.expand(str(folder))] == expected
    for name in (folder, tmp_path / "link", folder / "**", folder / "**" / "*.txt", folder / "z"):
        assert read(look(name)) == [(0, b"row")], name
    assert [file.name for file in files.expand(str(folder / "*"))] == ["b.txt"]
    assert read(look(folder / "a" / "up" / "b.txt")) == [(0, b"row")]
    outside = tmp_path / "outside"
    outside.mkdir()
    text(outside / "c.txt", [b"more"])
    (folder / "c").symlink_to("../outside")
    assert [row for _, row in read(look(folder))] == [b"more", b"row"]


def special(folder: Path):
    """Things in a folder that cannot be read, and a part of what must be said of them."""
    (folder / "gone").symlink_to("nothing.txt")
    yield "gone", "a link to nothing.txt, which is not there"
    (folder / "self").symlink_to("self")
    yield "self", "a link to self"
    os.mkfifo(folder / "pipe")
    yield "pipe", "a pipe cannot be read"
    with socket.socket(socket.AF_UNIX) as server:
        # The path of a socket must be short.
        here = os.open(folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/sock")
        os.close(here)
    yield "sock", "a socket cannot be read"
    (folder / "device").symlink_to("/dev/null")
    yield "device", "a device cannot be read"
    (folder / "table.jsonl").write_text("{}")
    yield "table.jsonl", "JSON cannot be read"


def test_what_cannot_be_read_is_refused_by_name_and_never_left_out(tmp_path) -> None:
    text(tmp_path / "a.txt", [b"row"])
    (tmp_path / "sub").mkdir()
    for name, message in special(tmp_path / "sub"):
        file = tmp_path / "sub" / name
        for asked in (tmp_path, tmp_path / "sub", tmp_path / "*" / "*", file):
            with pytest.raises(UnusableInput, match="sub/") as caught:
                look(asked)
            assert str(caught.value).startswith(f"{file}: "), asked
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)
        with pytest.raises(UnusableInput, match=message):
            read_aligned(str(file), 1)
        hidden = file.rename(file.with_name(f"_{name}"))
        assert read(look(tmp_path)) == [(0, b"row")]
        hidden.unlink()


def test_hidden_names_must_be_asked_for(tmp_path) -> None:
    for name in ("a.txt", ".b.txt", "_c.txt", ".git/d.txt", "_tmp/e.txt", "f/_g/h.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text(tmp_path / name, [name.encode()])
    for name, expected in (
        ("", ["a.txt"]),
        ("*", ["a.txt"]),
        ("**", ["a.txt"]),
        ("_*", ["_c.txt"]),
        ("_*/*", ["_tmp/e.txt"]),
        (".*/*", [".git/d.txt"]),
        ("**/_g/*", ["f/_g/h.txt"]),
        ("_tmp", ["_tmp/e.txt"]),
    ):
        found = [row.decode() for _, row in read(look(tmp_path / name))]
        assert found == expected, name


def test_globs_fit_the_same_names_on_a_disk_and_in_a_store(tmp_path) -> None:
    names = ["a.txt", "s/b.txt", "s/t/c.txt", "_h/d.txt", "s/.e.txt", "s/_f/g.txt", "s/x"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        text(tmp_path / name, [b"row"])
    for pattern in ("*", "**", "*/*", "**/*.txt", "s/**", "**/t/*", "_h/*", "**/_f/*", "s/**/c*"):
        parts = pattern.split("/")
        remote = sorted(name for name in names if files._matches(name.split("/"), parts))
        local = [str(file) for file in files.expand(str(tmp_path / pattern))]
        assert local == [str(tmp_path / name) for name in remote], pattern


def test_a_name_that_is_not_utf8_is_refused_and_can_be_shown(tmp_path) -> None:
    name = os.fsdecode(b"K\xf6ter.txt")
    text(tmp_path / name, [b"row"])
    for asked in (tmp_path, tmp_path / "*", tmp_path / name):
        with pytest.raises(UnusableInput, match="not UTF-8; rename") as caught:
            look(asked)
        assert printable(str(caught.value)).startswith(f"{tmp_path}/K\\xf6ter.txt: ")
    with pytest.raises(UnusableInput, match="not UTF-8; rename"):
        Location(tmp_path).files()


@pytest.mark.parametrize(
    "name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "file:///dev/stdin"]
)
def test_a_stream_is_refused_wherever_a_file_is_named(name) -> None:
    for ask in (look, lambda name: read_aligned(name, 1), Location):
        with pytest.raises(UnusableInput, match=r": a pipe cannot be read .* write the text to a"):
            ask(name)


def test_a_folder_without_the_right_to_look_into_it_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "sub").mkdir()
    real = os.listdir

    def listdir(path: str) -> list[str]:
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(UnusableInput, match="/sub: permission denied"):
        look(tmp_path)


def parquet(path: Path, columns: dict[str, object], group: int = 100) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def test_units_are_a_partition_of_parquet(tmp_path) -> None:
    texts = [f"t{number}" for number in range(5000)]
    ids = [f"id-{number * 7}" for number in range(5000)]
    for number, (start, stop) in enumerate([(0, 1), (1, 3000), (3000, 5000)]):
        columns = {"source": texts[start:stop], "id": ids[start:stop], "n": range(start, stop)}
        columns = {name: pa.array(list(values)) for name, values in columns.items()}
        parquet(tmp_path / f"{number}.parquet", columns, group=700)
    corpus = look(tmp_path)
    assert corpus.kind == "parquet"
    assert corpus.columns.names == ["n"]
    assert corpus.id_type == pa.string()
    assert corpus.id_column == "id"
    assert read(corpus) == list(zip(ids, [text.encode() for text in texts], strict=True))
    for unit in corpus.units():
        rows = read_unit(unit, "source", corpus.id_column)
        assert rows.others.column("n").to_pylist() == list(
            range(unit.first, unit.first + unit.rows)
        )
    assert corpus.units() == look(tmp_path).units()


def test_rows_without_an_id_column_are_numbered(tmp_path) -> None:
    parquet(tmp_path / "0.parquet", {"source": ["a", None]})
    parquet(tmp_path / "1.parquet", {"source": ["c"]})
    assert look(tmp_path).id_column is None
    assert read(look(tmp_path)) == [(0, b"a"), (1, None), (2, b"c")]


def test_an_id_column_is_named_found_or_refused(tmp_path) -> None:
    file = parquet(tmp_path / "a.parquet", {"source": ["a", "b"], "id": [5, 6], "key": ["x", "y"]})
    for name, ids, others in ((None, [5, 6], ["key"]), ("key", ["x", "y"], ["id"])):
        corpus = look(file, name)
        assert corpus.id_column == (name or "id")
        assert corpus.columns.names == others
        assert [found for found, _ in read(corpus)] == ids
    for name in ("ids", "source"):
        with pytest.raises(UnusableInput, match="--id-column"):
            look(file, name)
    with pytest.raises(UnusableInput, match="text has no column 'key'"):
        look(text(tmp_path / "a.txt", [b"a"]), "key")
    assert look(text(tmp_path / "a.txt", [b"a"]), "id").id_column is None
    corpus = inspect(str(parquet(tmp_path / "b.parquet", {"id": ["a", "a"]})), "id", None)
    assert corpus.id_column is None


BROKEN = pa.array([b"good", b"caf\xe9", None, b"last"], pa.binary())


def broken(kind: pa.DataType) -> pa.Array:
    """Text of a type with a row that is no UTF-8, as other writers leave it."""
    if pa.types.is_dictionary(kind):
        return BROKEN.cast(kind.value_type, safe=False).dictionary_encode()
    if kind == pa.string_view():
        return BROKEN.cast(pa.binary_view()).view(kind)
    return BROKEN.cast(kind, safe=False)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_broken_utf8_is_a_row_not_a_crash(tmp_path, kind) -> None:
    columns = {"source": broken(kind), "reference": broken(kind), "n": [1, 2, 3, 4]}
    corpus = look(parquet(tmp_path / "a.parquet", columns, group=3))
    assert read(corpus) == list(enumerate(BROKEN.to_pylist()))
    (unit,) = corpus.units()
    others = read_unit(unit, "source", None).others
    expected = ["good", "caf\ufffd", None, "last"]
    assert texts_of(others.column("reference")) == expected
    # What the output keeps of them can be taken and stored.
    taken = pa.table({"r": others.column("reference").take(pa.array([0, 1, 3]))})
    pq.write_table(taken, tmp_path / "out.parquet")
    assert texts_of(pq.read_table(tmp_path / "out.parquet").column("r")) == [
        "good",
        "caf\ufffd",
        "last",
    ]


def test_ids_may_be_dictionary_encoded_but_must_be_utf8(tmp_path) -> None:
    ids = pa.array(["x", "y", "z"])
    for encoded in (ids.dictionary_encode(), ids.cast(pa.string_view())):
        file = parquet(tmp_path / "a.parquet", {"source": list("abc"), "id": encoded}, group=2)
        corpus = look(file)
        assert corpus.id_type == pa.string()
        assert [found for found, _ in read(corpus)] == ["x", "y", "z"]
        (unit,) = corpus.units()
        assert read_unit(unit, "source", "id").ids.type == pa.string()
    bad = pa.array([b"x", b"\xff"]).cast(pa.string(), safe=False)
    file = parquet(tmp_path / "b.parquet", {"source": list("ab"), "id": bad})
    with pytest.raises(UnusableInput, match="no UTF-8"):
        look(file)


def test_a_unit_of_a_huge_row_group_is_not_all_of_it(tmp_path, monkeypatch) -> None:
    rows = 60_000
    file = parquet(tmp_path / "a.parquet", {"source": [f"t{i}" for i in range(rows)]}, group=rows)
    corpus = look(file)
    decoded = []
    real = pq.ParquetFile.iter_batches

    def counting(self: pq.ParquetFile, *args: object, **options: object):
        for batch in real(self, *args, **options):
            decoded.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counting)
    read_unit(corpus.units()[0], "source", None)
    assert sum(decoded) < rows / 4
    assert max(decoded) <= 8192


# Object stores, by a folder that answers to S3's URIs. ---------------------------------------


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Everything under s3://bucket lies in a folder; notes for which paths `info` was asked."""
    asked = []

    class Handler(pafs.SubTreeFileSystem):
        def get_file_info(self, what):
            asked.append(what)
            return super().get_file_info(what)

    (tmp_path / "bucket").mkdir()
    real = pafs.FileSystem.from_uri
    monkeypatch.setattr(
        Location,
        "_resolve",
        lambda self: (Handler(str(tmp_path), pafs.LocalFileSystem()), real(str(self))[1]),
    )
    return tmp_path / "bucket", asked


def test_a_remote_glob_is_expanded_before_the_store_is_asked_for_it(store) -> None:
    folder, asked = store
    for name in ("a 1.txt", "ä2.txt", "b[1].txt", "b1.txt", "50%.txt", "*.txt"):
        text(folder / name, [name.encode()])
    query = "?region=us-east-1"

    def found(pattern: str) -> list[str]:
        return [file.name for file in files.expand(f"s3://bucket/{pattern}{query}")]

    assert found("*.txt") == sorted(["a 1.txt", "ä2.txt", "b[1].txt", "b1.txt", "50%.txt", "*.txt"])
    assert all(isinstance(what, pafs.FileSelector) for what in asked)
    assert found("[aä]*") == ["a 1.txt", "ä2.txt"]
    assert found("a%20*.txt") == found("a *.txt") == ["a 1.txt"]
    assert found("b[1].txt") == ["b1.txt"]
    assert found("b%5B1%5D.txt") == ["b[1].txt"]  # encoded, it is no glob
    assert found("%2A.t*") == ["*.txt"]
    assert found("50%25.txt") == ["50%.txt"]
    (folder / "b1.txt").unlink()
    assert found("b[1].txt") == ["b[1].txt"]  # then it is a name
    with pytest.raises(UnusableInput, match="no file has such a name"):
        found("z*")
    with pytest.raises(UnusableInput, match="no such file or folder"):
        found("z")


def test_keys_of_an_object_store_are_read_whatever_they_hold(store) -> None:
    folder, _ = store
    names = sorted(["a b.txt", "#c.txt", "d%20.txt", "e[1].txt", "日本.txt"])
    for name in names:
        text(folder / name, [name.encode()])
    corpus = look("s3://bucket?region=us-east-1")
    assert read(corpus) == [(i, name.encode()) for i, name in enumerate(names)]


# Columns of other writers, and of folders. -----------------------------------------------------


def test_files_of_other_writers_are_read_as_one(tmp_path) -> None:
    """Order, nullability, widths, encodings, and what an empty file knows of its columns."""
    numbers = pa.array([1, 2], pa.int32())
    parquet(tmp_path / "a.parquet", {"source": ["a", None], "n": numbers, "t": ["x", "y"]})
    required = pa.schema([pa.field("t", pa.large_string(), False), ("n", pa.int64()),
                          ("source", pa.large_string())])  # fmt: skip
    table = pa.table({"t": ["z"], "n": [2**40], "source": ["c"]}).cast(required)
    pq.write_table(table.replace_schema_metadata({"writer": "another"}), tmp_path / "b.parquet")
    encoded = pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), ["ä"])
    parquet(tmp_path / "c.parquet", {"n": pa.nulls(2), "t": encoded, "source": encoded})
    parquet(tmp_path / "d.parquet", {"n": pa.nulls(0), "source": pa.nulls(0), "t": pa.nulls(0)})
    corpus = look(tmp_path)
    assert corpus.columns == pa.schema([("n", pa.int64()), ("t", pa.large_string())])
    assert read(corpus) == list(enumerate([b"a", None, b"c", "ä".encode(), None]))
    (unit,) = corpus.units()
    others = read_unit(unit, "source", None).others
    assert others.to_pydict() == {"n": [1, 2, 2**40, None, None], "t": ["x", "y", "z", "ä", None]}


def test_values_of_small_dictionaries_are_more_than_their_index_counts(tmp_path) -> None:
    """Of row groups and of files: 300 values with an index of 8 bits."""
    for number in range(3):
        values = [f"{number}-{i}" for i in range(100)]
        encoded = pa.DictionaryArray.from_arrays(pa.array(range(100), pa.int8()), values)
        parquet(tmp_path / f"{number}.parquet", {"source": values, "t": encoded})
    corpus = look(tmp_path)
    found = [
        value
        for unit in corpus.units()
        for value in read_unit(unit, "source", None).others.column("t").to_pylist()
    ]
    assert found == [f"{number}-{i}" for number in range(3) for i in range(100)]


def test_row_groups_without_rows(tmp_path) -> None:
    schema = pa.schema([("source", pa.string())])
    with pq.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for rows in ([], ["a"], [], ["b"], []):
            writer.write_table(pa.table({"source": rows}, schema), row_group_size=10)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 5
    assert read(look(tmp_path / "a.parquet")) == [(0, b"a"), (1, b"b")]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (pa.array([decimal.Decimal("1.5")]), pa.array([decimal.Decimal("1.50")]), True),
        (pa.array([0.1], pa.float32()), pa.array([0.1]), False),
        (pa.array([5], pa.int8()), pa.array([5], pa.int64()), True),
        (pa.array([5], pa.uint8()), pa.array([2**64 - 5], pa.uint64()), False),
        (pa.array(["a"]), pa.array(["a"]).dictionary_encode(), True),
        (pa.array(["a"]), pa.array([b"a"]), True),
    ],
)
def test_ids_of_two_types_are_compared_as_they_are_stored(tmp_path, one, other, equal) -> None:
    """In the one type that they get in the output."""
    for name, ids in (("a", one), ("b", other)):
        parquet(tmp_path / f"{name}.parquet", {"source": ["x"], "id": ids})
    if equal:
        with pytest.raises(UnusableInput, match="is given more than once"):
            look(tmp_path)
    else:
        (unit,) = look(tmp_path).units()
        assert len(set(json_values(read_unit(unit, "source", "id").ids))) == 2


def test_a_column_whose_name_begins_like_that_of_the_ids(tmp_path) -> None:
    columns = {"id.first": [9, 9], "id": [1, 2], "source": ["a", "b"], "source.2": ["c", "d"]}
    assert read(look(parquet(tmp_path / "a.parquet", columns))) == [(1, b"a"), (2, b"b")]


def test_far_times_of_the_obsolete_type_are_themselves(tmp_path) -> None:
    """Spark's INT96, which pyarrow reads as nanoseconds; those end with the year 2262."""
    times = pa.array([253_402_300_799_000_000, 0, 5 * 10**17], pa.timestamp("us"))
    table = pa.table({"source": list("abc"), "t": times, "id": times})
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    (unit,) = look(tmp_path).units()
    rows = read_unit(unit, "source", "id")
    assert rows.ids.equals(times)
    assert rows.others.column("t").combine_chunks().equals(times)


def hive(base: Path, kind: str) -> None:
    for number, folder in enumerate(
        ("d=b/m=02", "d=a%2Fc/m=01", "m=01/d=__HIVE_DEFAULT_PARTITION__")
    ):
        (base / folder).mkdir(parents=True)
        if kind == "text":
            text(base / folder / "x.txt", [b"%d" % number] * 2)
        else:
            parquet(base / folder / "x.parquet", {"source": [f"{number}"] * 2})


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_folders_are_columns(tmp_path, kind) -> None:
    """Below what is named: a folder, or the first wildcard; whatever their order is."""
    hive(tmp_path / "run=1/in", kind)
    expected = {b"0": ("b", "02"), b"1": ("a/c", "01"), b"2": (None, "01")}
    for name in (tmp_path / "run=1/in", tmp_path / "run=1/in/*/*/*", f"{tmp_path}/run=1/in/"):
        corpus = look(name)
        assert set(corpus.columns.names) == {"d", "m"} == set(corpus.folders)
        assert {column.type for column in corpus.columns} == {pa.string()}
        for unit in corpus.units():
            rows = read_unit(unit, "source", None)
            found = zip(*(rows.others.column(n).to_pylist() for n in "dm"), strict=True)
            assert list(found) == [expected[line] for line in rows.texts if line is not None]
        read(corpus)
    assert look(tmp_path / "run=1/in/d=b").columns.names == ["m"]
    assert look(next((tmp_path / "run=1/in/d=b").rglob("x.*"))).columns.names == []


def test_a_column_of_the_file_comes_before_that_of_its_folder(tmp_path) -> None:
    (tmp_path / "d=folder").mkdir()
    parquet(tmp_path / "d=folder/a.parquet", {"d": ["file"], "source": ["a"]})
    parquet(tmp_path / "d=folder/b.parquet", {"source": ["b"]})
    (unit,) = look(tmp_path).units()
    rows = read_unit(unit, "source", None)
    assert rows.others.to_pydict() == {"d": ["file", "folder"]}


def test_a_folder_may_be_the_id_of_a_file_of_one_row(tmp_path) -> None:
    for name in "ab":
        (tmp_path / f"id={name}").mkdir()
        parquet(tmp_path / f"id={name}/x.parquet", {"source": [name]})
    assert read(look(tmp_path)) == [("a", b"a"), ("b", b"b")]
    parquet(tmp_path / "id=b/x.parquet", {"source": ["b", "c"]})
    with pytest.raises(UnusableInput, match="id 'b' is given more than once"):
        look(tmp_path)


def test_folders_of_an_object_store_are_columns(store) -> None:
    folder, _ = store
    hive(folder / "in", "text")
    for name in ("s3://bucket/in?region=us-east-1", "s3://bucket/in/*/*/*?region=us-east-1"):
        corpus = look(name)
        (unit,) = corpus.units()
        found = read_unit(unit, "source", None).others.select(["d", "m"]).to_pydict()
        assert found == {
            "d": ["a/c"] * 2 + ["b"] * 2 + [None] * 2,
            "m": ["01"] * 2 + ["02"] * 2 + ["01"] * 2,
        }


def unusable(folder: Path):
    """Names of inputs that cannot be used, and a part of what must be said of them."""
    yield folder / "nothing", "no such file or folder"
    (folder / "empty").mkdir()
    yield folder / "empty", "an empty folder"
    (folder / "empty.txt").write_bytes(b"")
    yield folder / "empty.txt", "empty"
    (folder / "only-empty").mkdir()
    (folder / "only-empty" / "a.txt").write_bytes(b"")
    yield folder / "only-empty", "empty"
    (folder / "mixed").mkdir()
    text(folder / "mixed" / "a.txt", [b"a"])
    parquet(folder / "mixed" / "b.parquet", {"source": ["a"]})
    yield folder / "mixed", "holds text and Parquet"
    (folder / "a.zip").write_bytes(b"PK\x03\x04 and so on")
    yield folder / "a.zip", "zip"
    (folder / "fake.parquet").write_bytes(b"no parquet at all\n")
    yield folder / "fake.parquet", "holds plain text"
    (folder / "cut.parquet").write_bytes((folder / "mixed" / "b.parquet").read_bytes()[:-9])
    yield folder / "cut.parquet", "damaged or cut off"
    (folder / "cut.gz").write_bytes(gzip.compress(b"line\n" * 1000)[:-9])
    yield folder / "cut.gz", "damaged or cut off"
    (folder / "binary.txt").write_bytes(b"\x00\x01\x02")
    yield folder / "binary.txt", "binary data"
    (folder / "utf16.txt").write_bytes("Hallo".encode("utf-16"))
    yield folder / "utf16.txt", "UTF-16"
    yield parquet(folder / "a.parquet", {"text": ["a"]}), "no column 'source' (there are text)"
    yield parquet(folder / "b.parquet", {"source": [1, 2]}), "holds int64, not text"
    yield parquet(folder / "c.parquet", {"source": pa.array([], pa.string())}), "holds no row"
    yield parquet(folder / "d.parquet", {"source": list("ab"), "id": [1, 1]}), "more than once"
    yield parquet(folder / "e.parquet", {"source": list("ab"), "id": [1, None]}), "have no id"
    nested = {"source": list("ab"), "id": pa.array([[1], [2]])}
    yield parquet(folder / "f.parquet", nested), "id"
    (folder / "two").mkdir()
    parquet(folder / "two" / "a.parquet", {"source": ["a"], "id": ["x"]})
    parquet(folder / "two" / "b.parquet", {"source": ["a"], "id": ["x"]})
    yield folder / "two", "id 'x' is given more than once"
    yield folder / "*" / "none*", "no file has such a name"
    (folder / "other").mkdir()
    parquet(folder / "other" / "a.parquet", {"source": ["a"]})
    parquet(folder / "other" / "b.parquet", {"source": ["a"], "more": [1]})
    yield folder / "other", "/other/a.parquet: has no column 'more', but "
    (folder / "kinds").mkdir()
    parquet(folder / "kinds" / "a.parquet", {"source": ["a"], "n": [1]})
    parquet(folder / "kinds" / "b.parquet", {"source": ["a"], "n": ["1"]})
    yield folder / "kinds", "/kinds/b.parquet: column 'n' holds string, but int64 in "
    (folder / "d=1" / "d=2").mkdir(parents=True)
    text(folder / "d=1" / "d=2" / "a.txt", [b"a"])
    yield folder / "d=*" / "**", "lies in two folders 'd=…'"
    (folder / "latin" / "d=%E9").mkdir(parents=True)
    text(folder / "latin" / "d=%E9" / "a.txt", [b"a"])
    yield folder / "latin", "its folder 'd=%E9' is not UTF-8"
    (folder / "hive" / "d=1").mkdir(parents=True)
    text(folder / "hive" / "d=1" / "a.txt", [b"a"])
    text(folder / "hive" / "b.txt", [b"a"])
    yield folder / "hive", "/hive/b.txt: has no column 'd', but "


def test_unusable_input_is_refused_in_one_line(tmp_path) -> None:
    for name, message in unusable(tmp_path):
        with pytest.raises(UnusableInput) as caught:
            look(name)
        assert message in str(caught.value), name
        assert "\n" not in str(caught.value)


def test_references_must_be_line_aligned(tmp_path) -> None:
    text(tmp_path / "r.txt", [b"eins", b"zwei \xff"])
    text(tmp_path / "r.gz", [b"eins", b"zwei"])
    assert read_aligned(str(tmp_path / "r.gz"), 2) == ["eins", "zwei"]
    assert read_aligned(str(tmp_path / "r.txt"), 2) == ["eins", "zwei \ufffd"]
    for rows, count in ((1, "more"), (3, "2")):
        message = f"has {count} lines but the input has {rows} rows"
        with pytest.raises(UnusableInput, match=message) as caught:
            read_aligned(str(tmp_path / "r.txt"), rows)
        assert "\n" not in str(caught.value)
    parquet(tmp_path / "r.parquet", {"source": ["a"]})
    with pytest.raises(UnusableInput, match="a Parquet file"):
        read_aligned(str(tmp_path / "r.parquet"), 1)
    with pytest.raises(UnusableInput, match="no such file"):
        read_aligned(str(tmp_path / "none"), 1)


def test_inputs_are_described_for_the_manifest(tmp_path) -> None:
    import hashlib

    path = text(tmp_path / "a.txt", lines(3))
    entry = look(path).inputs[0].to_json()
    data = path.read_bytes()
    assert entry == {
        "path": str(path),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows": 3,
    }


def test_files_that_change_or_go_are_found(tmp_path) -> None:
    for name in "abcde":
        text(tmp_path / f"{name}.txt", lines(3))
    corpus = look(tmp_path)
    assert corpus.changed() == []
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b.txt").write_bytes(b"longer\n" * 9)
    rows = (tmp_path / "c.txt").read_bytes()
    (tmp_path / "c.txt").write_bytes(rows[::-1])  # as long
    text(tmp_path / "f.txt", lines(3))  # is none of the corpus
    assert corpus.changed() == [str(tmp_path / f"{name}.txt") for name in "abc"]


def test_rows_are_the_same_however_they_are_spread_over_files(tmp_path) -> None:
    """Rows in = rows out, ids the numbers of the lines, over random splits of the same rows."""
    rows = lines(21_000)
    for seed in range(6):
        chance = random.Random(seed)
        cuts = sorted(chance.sample(range(1, len(rows)), chance.choice([0, 1, 7, 60, 900])))
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        for number, (start, stop) in enumerate(pairwise([0, *cuts, len(rows)])):
            kind = chance.choice(["txt", "txt", "gz"])
            text(folder / f"{number:05d}.{kind}", rows[start:stop], chance.choice([b"\n", b"\r\n"]))
        corpus = look(folder)
        assert read(corpus) == list(enumerate(rows))
        assert len(corpus.units()) <= 64 + len(rows) // 256
        assert corpus.units() == look(folder).units()


def test_small_files_share_units(tmp_path) -> None:
    for number in range(1000):
        text(tmp_path / f"{number:04d}.{'gz' if number % 3 else 'txt'}", lines(9, 9 * number))
    corpus = look(tmp_path)
    assert len(corpus.units()) < 45
    assert read(corpus) == list(enumerate(lines(9000)))


def test_a_gz_is_one_unit_unless_it_is_huge(tmp_path) -> None:
    for name, count in (("a.gz", 5000), ("b.txt", 600), ("c.gz", 8192), ("d.gz", 17_000)):
        text(tmp_path / name, lines(count))
    shares: dict[str, list[int]] = {}
    for unit in look(tmp_path).units():
        for part in unit.slices:
            shares.setdefault(Path(part.file).name, []).append(part.rows)
    assert shares["a.gz"] == [5000]
    assert shares["c.gz"] == [8192]
    assert shares["d.gz"] == [8192, 8192, 616]
    assert sum(shares["b.txt"]) == 600


def test_units_of_a_gz_are_the_same_in_any_order(tmp_path, monkeypatch) -> None:
    opened = []
    real = gzip_lines.open_text

    def counting(*args: object):
        opened.append(args)
        return real(*args)

    monkeypatch.setattr(gzip_lines, "open_text", counting)
    rows = [f"\ufeffline {i}".encode() for i in range(60_000)]
    file = text(tmp_path / "a.gz", rows)
    units = look(file).units()
    assert len(units) == 8
    found = [read_unit(unit, "source", None).texts for unit in units]
    assert [line for some in found for line in some] == [b"line 0", *rows[1:]]
    assert len(opened) == 1
    for number in (5, 5, 2, 7, 0, 1):
        assert read_unit(units[number], "source", None).texts == found[number]
    assert len(opened) == 5
    text(file, rows[::-1])
    assert read_unit(units[3], "source", None).texts == rows[::-1][3 * 8192 : 4 * 8192]

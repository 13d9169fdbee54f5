"""The corpus to translate: every row in exactly one unit, with its own number."""

import gzip
import hashlib
import random
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from input_corpora import lines, look, parquet, read, text

from nmt.errors import UnusableInput
from nmt.evaluation.files import read_aligned
from nmt.formats.detection import LINES
from nmt.formats.file_list import list_files
from nmt.storage.location import Location
from nmt.translation.input import streams
from nmt.translation.input.unit_rows import read_unit


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
    references = read_aligned(list_files(str(tmp_path / "a.txt"), LINES), len(odd))
    assert references == odd


def test_a_byte_order_mark_is_no_part_of_the_first_sentence(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    found = read(look(tmp_path / "a.txt"))
    assert found[0] == (0, b"one")
    assert read_aligned(list_files(str(tmp_path / "a.txt"), LINES), 2)[0] == "one"


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
    (folder / "e=1" / "%65=2").mkdir(parents=True)
    text(folder / "e=1" / "%65=2" / "a.txt", [b"a"])
    yield folder / "e=*" / "**", "lies in two folders 'e=…'"
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
    assert read_aligned(list_files(str(tmp_path / "r.gz"), LINES), 2) == ["eins", "zwei"]
    assert read_aligned(list_files(str(tmp_path / "r.txt"), LINES), 2) == ["eins", "zwei \ufffd"]
    for rows, count in ((1, "more"), (3, "2")):
        message = f"has {count} lines but the input has {rows} rows"
        with pytest.raises(UnusableInput, match=message) as caught:
            read_aligned(list_files(str(tmp_path / "r.txt"), LINES), rows)
        assert "\n" not in str(caught.value)
    parquet(tmp_path / "r.parquet", {"source": ["a"]})
    with pytest.raises(UnusableInput, match="a Parquet file"):
        read_aligned(list_files(str(tmp_path / "r.parquet"), LINES), 1)
    with pytest.raises(UnusableInput, match="no such file"):
        read_aligned(list_files(str(tmp_path / "none"), LINES), 1)


PACKED = {
    "txt": lambda data: data,
    "no line end.txt": lambda data: data[:-1],
    "txt.gz": gzip.compress,
    "twice.txt.gz": lambda data: gzip.compress(gzip.compress(data)),
    "members.txt.gz": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]) + bytes(99),
}


@pytest.mark.parametrize("ending", PACKED)
def test_inputs_are_described_for_the_manifest(tmp_path, ending) -> None:
    """The hash is that of the file as it lies there, though it is read but once."""
    path = tmp_path / f"a.{ending}"
    data = PACKED[ending](b"".join(line + b"\n" for line in lines(3)))
    path.write_bytes(data)
    entry = look(path).inputs[0].to_json()
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
            shares.setdefault(part.file.name, []).append(part.rows)
    assert shares["a.gz"] == [5000]
    assert shares["c.gz"] == [8192]
    assert shares["d.gz"] == [8192, 8192, 616]
    assert sum(shares["b.txt"]) == 600


def test_units_of_a_gz_are_the_same_in_any_order(tmp_path, monkeypatch) -> None:
    opened = []
    real = streams.open_text

    def counting(*args: object):
        opened.append(args)
        return real(*args)

    monkeypatch.setattr(streams, "open_text", counting)
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
    with pytest.raises(UnusableInput, match="another file"):
        read_unit(units[3], "source", None)
    assert read_unit(look(file).units()[3], "source", None).texts == rows[::-1][24576:32768]


def test_an_object_with_a_control_character_in_its_key_is_read(s3) -> None:
    """pyarrow lists it under another name, under which there is none."""
    keys = ["odd/a\x0bb.txt", "odd/ok.txt"]
    for key in keys:
        s3.client().put_object(Bucket="nmt", Key=key, Body=b"A dog.\n")
    corpus = look("s3://nmt/odd")
    assert corpus.rows == 2
    assert [Location(file.path).path for file in corpus.inputs] == [f"nmt/{key}" for key in keys]

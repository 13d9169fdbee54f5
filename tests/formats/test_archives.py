"""An archive is read as the folder that it holds, within limits, and is never unpacked."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from written_rows import WRITERS

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.formats import archives
from nmt.storage.location import Location
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.unit_rows import read_unit

LINE = st.text("ab ü😀\u2028\t\"'\x00", max_size=6)
FEW = settings(max_examples=15)


def texts(corpus: InputCorpus) -> list[bytes | None]:
    units = (read_unit(u, corpus.text_column, corpus.id_column) for u in corpus.units())
    return [text for unit in units for text in unit.texts]


def pack(file: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(file)


@given(st.lists(st.lists(LINE, min_size=1, max_size=4), min_size=1, max_size=3))
@example([["\x00", "\x00\x00", "\x00\x00"]])
@FEW
def test_members_are_read_as_the_files_of_a_folder(tmp_path_factory, files) -> None:
    top = tmp_path_factory.mktemp("zip")
    members = {f"{n}/a.txt": "\n".join(("A cat.", *lines, "A dog sleeps here.")).encode()
               for n, lines in enumerate(files)}  # fmt: skip
    for name, data in members.items():
        (top / "in" / name).parent.mkdir(parents=True)
        (top / "in" / name).write_bytes(data)
    hidden = {"__MACOSX/0/._a.txt": b"\0\1", ".git/config": b"x", "0/_note.md": b"", "0/e.txt": b""}
    name = pack(top / "in.zip", {**dict(reversed(members.items())), **hidden})
    try:
        folder = inspect(str(top / "in"), "source")
    except UnusableInput:  # most of a file's lines hold NUL: it is no text
        with pytest.raises(UnusableInput, match="is binary data"):
            inspect(name, "source")
        return
    archive = inspect(name, "source")
    assert texts(archive) == texts(folder)
    assert archive.rows == folder.rows
    (entry,) = archive.inputs
    assert entry.rows == archive.rows
    assert not archive.changed()


def test_members_of_rows_have_columns_and_ids(tmp_path: Path) -> None:
    rows = [{"id": f"{n}", "source": f"Satz {n}", "target": "x"} for n in range(6)]
    for kind, write in WRITERS.items():
        members = {f"b.{kind}": write(rows[3:]), f"a.{kind}": write(rows[:3])}
        id_column = "tuid" if kind == "tmx" else None
        name = pack(tmp_path / f"{kind}.zip", members)
        corpus = inspect(name, "source", id_column, language="en")
        (unit,) = corpus.units()
        read = read_unit(unit, corpus.text_column, corpus.id_column)
        assert read.ids.to_pylist() == [row["id"] for row in rows]
        assert texts(corpus) == [row["source"].encode() for row in rows]
    twice = pack(
        tmp_path / "twice.zip", {"a.csv": WRITERS["csv"](rows), "b.csv": b"id,source\n1,x"}
    )
    with pytest.raises(UnusableInput, match="id '1' is given more than once"):
        inspect(twice, "source")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.txt": b"x", "README.md": b"y"}, "member 'README.md': named .md, but a document"),
        ({"a.txt.gz": b"x"}, "member 'a.txt.gz': packed in its turn"),
        ({"a.parquet": b"x"}, "member 'a.parquet': packed in its turn, or Parquet"),
        ({"a.zip": b"x"}, "member 'a.zip': packed in its turn"),
        ({"a.txt": b"x", "b.csv": b"source\nx"}, "holds text and CSV files"),
        ({"a.txt": bytes(range(27)) * 9}, "member 'a.txt' is binary data, not UTF-8 text"),
        ({"a\x1b[31m.md": b"x"}, r"member 'a\\x1b\[31m.md': named .md"),
        ({"a.txt": b""}, "all its files are empty"),
        ({f"{n}.txt": b"x" for n in range(1001)}, "1,001 members, more than 1,000"),
    ],
)
def test_what_is_no_corpus_is_refused(tmp_path: Path, members, message) -> None:
    with pytest.raises(UnusableInput, match=message) as caught:
        inspect(pack(tmp_path / "in.zip", members), "source")
    assert str(caught.value).isprintable()


def test_no_archive_is_out_of_proportion(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archives, "most_unpacked", lambda packed: 1000)
    inspect(pack(tmp_path / "in.zip", {"a.txt": b"x\n" * 250, "b.txt": b"x\n" * 250}), "source")
    name = pack(tmp_path / "in.zip", {"a.txt": b"x\n" * 250, "b.txt": b"x\n" * 251})
    with pytest.raises(UnusableInput, match="unpack to 1,002, more than 1,000"):
        inspect(name, "source")
    name = pack(tmp_path / "bz.zip", {"a.txt": b"x"}, zipfile.ZIP_BZIP2)
    with pytest.raises(UnusableInput, match="is compressed with bzip2"):
        inspect(name, "source")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.txt", b"x")
        archive.writestr("a.txt", b"y")
    with pytest.raises(UnusableInput, match=r"has two members 'a\.txt'"):
        inspect(str(tmp_path / "in.zip"), "source")


def test_a_directory_is_parsed_once_however_many_members_it_has(tmp_path, monkeypatch) -> None:
    parsed = list[str]()
    real = zipfile.ZipInfo.__init__

    def init(info: zipfile.ZipInfo, *args, **kwargs) -> None:
        parsed.append(args[0] if args else "")
        real(info, *args, **kwargs)

    members = {f"{n}.txt": b"A cat sleeps." for n in range(9)} | {f"_{n}": b"" for n in range(20)}
    name = pack(tmp_path / "in.zip", members)
    monkeypatch.setattr(zipfile.ZipInfo, "__init__", init)
    corpus = inspect(name, "source")
    assert texts(corpus) == [b"A cat sleeps."] * 9
    assert sorted(parsed) == sorted(members)


@pytest.mark.parametrize("kind", ["_{}", "{}/", "{}.txt"])
def test_hidden_entries_and_folders_count_too(tmp_path, monkeypatch, kind) -> None:
    monkeypatch.setattr(archives, "_MOST_ENTRIES", 20)
    names = [kind.format(n) for n in range(19)]
    seen = {"a.txt": b"A cat\tEine Katze\nA dog\tEin Hund\n"}
    fits = pack(tmp_path / "in.zip", seen | dict.fromkeys(names, b""))
    assert inspect(fits, "source").rows == 2
    assert open_pairs(Location(fits)).inspect().rows == 2
    many = pack(tmp_path / "in.zip", seen | dict.fromkeys([*names, "_"], b""))
    for read in (lambda: inspect(many, "source"), lambda: open_pairs(Location(many))):
        with pytest.raises(UnusableInput, match="more than 20 entries"):
            read()


def test_a_member_without_a_name_is_one_line(tmp_path: Path) -> None:
    name = pack(tmp_path / "in.zip", {"a.txt": b"x", "zz": b""})
    data = Path(name).read_bytes()
    Path(name).write_bytes(data.replace(b"zz", b"\0\0"))  # a name ends where a NUL stands
    for read in (lambda: inspect(name, "source"), lambda: open_pairs(Location(name))):
        with pytest.raises(UnusableInput, match=r"damaged or cut off \(a member without a name"):
            read()

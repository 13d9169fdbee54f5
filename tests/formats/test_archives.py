"""An archive is read as the folder that it holds, within limits, and is never unpacked."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_rows import WRITERS

from nmt.errors import UnusableInput
from nmt.formats import archives
from nmt.translation.input.corpus import InputCorpus, inspect
from nmt.translation.input.unit_rows import read_unit

LINE = st.text("ab ü😀\u2028\t\"'\x00", max_size=6)
FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def texts(corpus: InputCorpus) -> list[bytes | None]:
    units = (read_unit(u, corpus.text_column, corpus.id_column) for u in corpus.units())
    return [text for unit in units for text in unit.texts]


def pack(file: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> str:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(file)


@given(st.lists(st.lists(LINE, min_size=1, max_size=4), min_size=1, max_size=3))
@FEW
def test_members_are_read_as_the_files_of_a_folder(tmp_path_factory, files) -> None:
    top = tmp_path_factory.mktemp("zip")
    members = {f"{n}/a.txt": "\n".join(("A cat.", *lines, "A dog sleeps here.")).encode()
               for n, lines in enumerate(files)}  # fmt: skip
    for name, data in members.items():
        (top / "in" / name).parent.mkdir(parents=True)
        (top / "in" / name).write_bytes(data)
    hidden = {"__MACOSX/0/._a.txt": b"\0\1", ".git/config": b"x", "0/_note.md": b"", "0/e.txt": b""}
    archive = inspect(pack(top / "in.zip", {**dict(reversed(members.items())), **hidden}), "source")
    folder = inspect(str(top / "in"), "source")
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

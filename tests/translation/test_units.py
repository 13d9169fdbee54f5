"""A corpus is cut into units that hold each row once, in order, and not too much."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.formats.detection import FileKind
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.translation.input import units
from nmt.translation.input.units import GRAIN, CorpusFile, cut, rows_of_units

NONE = pa.schema([])
TEXT, GZIP, PARQUET = FileKind("text"), FileKind("text", "gzip"), FileKind("parquet")
KINDS = [TEXT, GZIP, PARQUET, FileKind("jsonl"), FileKind("tmx", "xz")]


def corpus_file(number: int, kind: FileKind, rows: int, width: int) -> CorpusFile:
    location = PinnedFile(Location(f"/nowhere/{number}"))
    offsets = [width * start for start in range(0, rows, GRAIN)] if kind == TEXT else []
    return CorpusFile(location, kind, (), rows, rows * width, "", offsets)


FILES = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(1, 3000),
        st.sampled_from([1, 60, 1000, 100_000]),
    ),
    max_size=8,
)


@given(FILES, st.sampled_from([256, 512, 8192]))
def test_each_row_is_in_one_unit(files, size) -> None:
    corpus = [corpus_file(number, *file) for number, file in enumerate(files)]
    made = cut(corpus, size, NONE)
    assert [unit.number for unit in made] == list(range(max(1, len(made))))
    slices = [part for unit in made for part in unit.slices]
    assert sum(part.rows for part in slices) == sum(file.rows for file in corpus)
    first, done = 0, dict.fromkeys((str(file.location) for file in corpus), 0)
    for part in slices:
        name = str(part.file)
        assert part.first == first
        assert part.start == done[name]
        assert part.kind.is_stream or part.start % GRAIN == 0
        if part.kind == TEXT:
            (file,) = (file for file in corpus if str(file.location) == name)
            assert part.offset == part.start * file.unpacked // file.rows
        first, done[name] = first + part.rows, done[name] + part.rows
    for unit in made:
        streams = all(part.kind.is_stream for part in unit.slices)
        assert unit.rows <= size or (streams and len(unit.slices) == 1)


@pytest.mark.parametrize("kind", KINDS)
def test_wide_rows_are_few_in_a_unit(kind, monkeypatch) -> None:
    monkeypatch.setattr(units, "_BYTES", 1 << 20)
    made = cut([corpus_file(0, kind, 5000, 2048)], 8192, NONE)
    assert {unit.rows for unit in made[:-1]} == {512}
    # However wide they are, a unit of text begins where an offset is remembered.
    made = cut([corpus_file(0, kind, 5000, 1 << 20)], 8192, NONE)
    assert {unit.rows for unit in made[:-1]} == {GRAIN}


@pytest.mark.parametrize(
    ("rows", "most", "size"),
    [
        (0, None, 256),
        (1, None, 256),
        (100_000, None, 1792),
        (10**6, None, 8192),
        (33_000_000, None, 8192),
        (10**8, None, 24_576),
        (10**9, None, 131_072),
        (10**9, 1000, 768),
        (10, 65_536, 65_536),
    ],
)
def test_large_corpora_have_large_units(rows, most, size) -> None:
    assert rows_of_units(rows, most) == size
    assert -(-rows // size) <= max(4096, -(-rows // 131_072)) or most


def test_a_corpus_is_cut_as_it_is_asked_for(tmp_path: Path) -> None:
    from nmt.translation.input.corpus import inspect

    (tmp_path / "in.txt").write_text("The dog sleeps.\n" * 2000)
    corpus = inspect(str(tmp_path / "in.txt"), "source", unit_rows=1100)
    assert [unit.rows for unit in corpus.units()] == [1024, 976]

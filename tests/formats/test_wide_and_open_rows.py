"""Rows of many columns, names with dots, and quotes that are never closed cost what they are."""

import json
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from effort import LINEAR, steps
from outputs import translate

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.evaluation.files import TEXTS, open_table
from nmt.evaluation.metric_scores import _FILES, _read
from nmt.formats.comma_separated import CommaSeparated
from nmt.formats.file_list import list_files
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.verify.output import verify


def quoted(file: Path, lines: int) -> int:
    """The work of reading so many lines that each leave a quote open."""
    file.write_text("source,target\n" + 'a","x\n' * lines)
    with file.open("rb") as stream:
        rows = CommaSeparated().rows(stream, Location(file))
        return steps(lambda: deque(rows, 0))[0]


def test_quotes_that_stay_open_cost_linear_time(tmp_path: Path) -> None:
    quoted(tmp_path / "0.csv", 200)  # what measures coverage works on a line the first time
    assert quoted(tmp_path / "8.csv", 1600) < LINEAR * quoted(tmp_path / "1.csv", 200)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_marks_between_cells_are_named(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "c.csv"
    file.write_text(f"source{mark}target\na{mark}b\n")
    with pytest.raises(UnusableInput, match=r"stand between .*; write them between comma"):
        list(open_pairs(Location(file)).rows())


def test_open_quotes_hide_no_whole_record(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text('source,target\na,"b\nc,d\n"e",f\ng,"h\ni"\nj,k\n')
    rows = [(row.source, row.target) for row in open_pairs(Location(file)).rows()]
    assert (b"c", b"d") in rows
    assert (b"e", b"f") in rows
    assert (b"g", b"h\ni") in rows
    assert rows[-1] == (b"j", b"k")
    assert rows[0] == (b'a,"b', None)


@pytest.mark.parametrize("more", [{}, {"x": {"y": "inside"}}], ids=["alone", "beside"])
def test_columns_whose_names_have_dots_pass_through(saved_models, tmp_path: Path, more) -> None:
    """Also beside a column of which one part has that path."""
    rows = [{"source": "A dog sleeps.", "x.y": f"n{n}", **more} for n in range(3)]
    file = tmp_path / "dots.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    translate(saved_models[0], file, tmp_path / "out", output_format="csv")
    table = pq.read_table(tmp_path / "out" / "translations")
    assert table["x.y"].to_pylist() == ["n0", "n1", "n2"]
    assert [table[name].to_pylist() for name in more] == [[more[name]] * 3 for name in more]
    assert not verify(Location(tmp_path / "out")).violations
    lines = tmp_path / "dots.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    translate(saved_models[0], lines, tmp_path / "other", max_rejected=1.0)
    table = pq.read_table(tmp_path / "other" / "translations")
    assert table["x.y"].to_pylist() == ["n0", "n1", "n2"]
    assert not verify(Location(tmp_path / "other")).violations


@pytest.mark.parametrize(("count", "fits"), [(998, True), (1001, False)])
def test_an_input_is_refused_before_the_work_if_its_columns_do_not_fit(
    saved_models, tmp_path: Path, count: int, fits: bool
) -> None:
    columns = {f"c{n}": [n] for n in range(count)}
    file = tmp_path / "wide.parquet"
    pq.write_table(pa.table({"source": ["A dog."], "id": [7], **columns}), file)
    if fits:
        translate(saved_models[0], file, tmp_path / "out")
        assert not verify(Location(tmp_path / "out")).violations
        return
    with pytest.raises(UnusableInput, match="1,001 columns beside texts and ids, more than 1,000"):
        inspect(str(file), "source")


def test_a_table_of_rows_costs_the_cells_that_it_has(tmp_path: Path) -> None:
    def work(rows: int) -> int:
        file = tmp_path / f"{rows}.jsonl"
        wide = json.dumps({f"c{n}": n for n in range(900)})
        file.write_text(wide + "\n" + '{"s": "a"}\n' * rows)
        return steps(partial(open_table, list_files(str(file), TEXTS)))[0]

    work(100)  # see above
    assert work(800) - work(400) < 400 * 900  # less than a step for each of 900 columns
    table = open_table(list_files(str(tmp_path / "400.jsonl"), TEXTS))
    assert table is not None
    assert table.texts("--x", "s") == [None, *["a"] * 400]
    assert table.column("--x", "c7").to_pylist() == [7, *[None] * 400]


def test_a_file_of_scores_has_few_columns(tmp_path: Path) -> None:
    file = tmp_path / "m.tsv"
    names = [f"m{n}" for n in range(101)]
    file.write_text("\t".join(["id", *names]) + "\n" + "\t".join(["0"] * 102) + "\n")
    with pytest.raises(UnusableInput, match="102 columns, more than 100 metrics and id"):
        _read(list_files(str(file), _FILES), "--scores")
    pq.write_table(
        pa.table({"id": [0], **{name: np.zeros(1) for name in names}}), tmp_path / "m.parquet"
    )
    with pytest.raises(UnusableInput, match="101 columns of numbers, more than 100"):
        _read(list_files(f"{tmp_path}/m.parquet", _FILES), "--scores")

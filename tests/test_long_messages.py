"""However long what a file holds is, an error is one short line that still says what to do."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from nmt.cli.application import run
from nmt.corpus.readers import open_pairs
from nmt.errors import JobFailed, UnusableInput
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect


@pytest.mark.parametrize("kind", [UnusableInput, JobFailed])
def test_the_beginning_and_the_end_of_a_long_message_are_shown(kind) -> None:
    message = str(kind("file.txt: " + "\x1b" * 1_000_000 + "; give another"))
    assert message.startswith("file.txt: \\x1b")
    assert message.endswith("; give another")
    assert len(message) == 2000
    assert str(kind("x" * 2000)) == "x" * 2000


def test_few_names_are_joined_and_many_are_counted() -> None:
    assert join_names(["a", "b"]) == "a, b"
    assert join_names([]) == ""
    assert join_names([f"n{n}" for n in range(25)]).endswith("n18, n19 and 5 others")
    assert join_names(["x" * 100]) == "x" * 80 + "…"


def test_a_table_of_long_names_is_refused_in_a_short_line(tmp_path: Path, capsys) -> None:
    file = tmp_path / "in.parquet"
    names = [f"{number}" + "://:a" * 200 for number in range(999)]
    pq.write_table(pa.table({name: [1] for name in names}), file, store_schema=False)
    for use in (lambda: inspect(str(file), "source"), lambda: open_pairs(Location(file)).inspect()):
        with pytest.raises(UnusableInput) as caught:
            use()
        assert "and 979 others" in str(caught.value)
        app = typer.Typer()

        @app.command()
        def job(use=use) -> None:
            use()

        with pytest.raises(SystemExit):
            run(app, [])
        (line,) = capsys.readouterr().err.splitlines()
        assert len(line) < 2200

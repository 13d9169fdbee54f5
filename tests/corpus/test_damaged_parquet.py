"""Damaged Parquet and Parquet that claims too much are one line, whatever pyarrow raises."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect


def deep(kind: str, levels: int) -> pa.Table:
    """A column of lists inside of lists."""
    value, of = [1], pa.list_(pa.int64())
    for _ in range(levels):
        value, of = [value], pa.list_(of)
    return pa.table({"source": ["a"], "target": ["b"], kind: pa.array([value], of)})


def write(file: Path, change: Callable[[bytes], bytes] = lambda data: data) -> None:
    rows = [f"A dog {number} sleeps." for number in range(3000)]
    pq.write_table(pa.table({"source": rows, "target": rows, "column_x": rows}), file)
    file.write_bytes(change(file.read_bytes()))


DAMAGES = {
    "a page": lambda data: data[:400] + bytes(b ^ 0x5A for b in data[400:600]) + data[600:],
    "a header": lambda data: data[:4] + b"\xff" * 40 + data[44:],
    "a footer": lambda data: data[:-200] + b"\x9f" * 60 + data[-140:],
    "a name": lambda data: data.replace(b"column_x", b"column_\xff"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_line(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "in.parquet"
    write(file, DAMAGES[damage])
    messages = [
        refusal(lambda: inspect(str(file), "source")),
        refusal(lambda: list(open_pairs(Location(file)).rows())),
    ]
    assert any(messages)
    for message in filter(None, messages):
        assert message.startswith(str(file))
        assert "\n" not in message
        assert len(message) < 400


def refusal(use: Callable[[], object]) -> str:
    """The line with which something is refused; empty if it is not, other errors are raised."""
    try:
        use()
    except UnusableInput as error:
        return str(error)
    return ""


def test_deep_columns_are_one_line(tmp_path: Path) -> None:
    pq.write_table(deep("n", 100), tmp_path / "in.parquet")
    with pytest.raises(UnusableInput, match="damaged"):
        open_pairs(Location(tmp_path / "in.parquet")).inspect()


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [(1200, 1, "1,202 columns, more than 1,000"), (40, 900_000, "values, more than 100 a byte")],
)
def test_many_columns_are_not_read(tmp_path: Path, columns, values, message) -> None:
    zeros = pa.ListArray.from_arrays([0, values], np.zeros(values, np.int64))
    more = {f"c{number}": zeros for number in range(columns)}
    pq.write_table(pa.table({"source": ["a"], "target": ["b"], **more}), tmp_path / "in.parquet")
    with pytest.raises(UnusableInput, match=message):
        inspect(str(tmp_path / "in.parquet"), "source")


def test_a_footer_that_ends_the_interpreter_is_one_line(tmp_path: Path) -> None:
    """A sizes' histogram of another length: pyarrow aborts the process where it meets one."""
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["a"], "source": ["x"], "target": ["y"], "n": [1]}), file)
    whole = file.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    places = [i for i in range(footer, len(whole)) if whole[i] == 0x29]
    messages = []
    for place in places:
        file.write_bytes(whole[:place] + b"\x16" + whole[place + 1 :])
        messages += [
            refusal(lambda: inspect(str(file), "source")),
            refusal(lambda: list(open_pairs(Location(file)).rows())),
        ]
    deadly = [message for message in messages if "pyarrow does not survive" in message]
    assert deadly, messages
    assert all(message.startswith(f"{file}: damaged (") for message in deadly)
    file.write_bytes(whole)
    assert inspect(str(file), "source").rows == 1

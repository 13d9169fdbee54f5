"""Row groups of Parquet files, each read whole, and again where a store fails amid it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.corpus.parquet_files import read_whole
from nmt.errors import UnusableInput
from nmt.storage import Location


def count_row_groups(file: Location) -> int:
    """How many there are."""
    with _explained(file):
        return file.read(lambda handle: pq.read_metadata(handle).num_row_groups)


def read_row_group(file: Location, number: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one.

    Args:
        file: a Parquet file.
        number: of the row group, from 0.
        columns: the columns wanted; None is all.
    """
    with _explained(file):
        return file.read(lambda handle: read_whole(file, handle, columns, [number]))


@contextlib.contextmanager
def _explained(file: Location) -> Iterator[None]:
    """Turn an error of the format into one line.

    Raises:
        UnusableInput: the file is damaged.
    """
    try:
        yield
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())[:120]
        raise UnusableInput(f"{file}: damaged ({reason}); prepare the data again") from None

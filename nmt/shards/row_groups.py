"""Row groups of Parquet files, each read whole, and again where a store fails amid it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.storage import Location


def count_row_groups(file: Location) -> int:
    """How many there are."""
    return file.read(lambda handle: pq.read_metadata(handle).num_row_groups)


def read_row_group(file: Location, number: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of one.

    Args:
        file: a Parquet file.
        number: of the row group, from 0.
        columns: the columns wanted; None is all.
    """
    wanted = None if columns is None else list(columns)
    return file.read(lambda handle: pq.ParquetFile(handle).read_row_group(number, columns=wanted))

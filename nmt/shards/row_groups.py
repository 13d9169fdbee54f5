"""Row groups of Parquet files, each read whole, and again if a store fails meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.records import TableEntry
from nmt.storage.location import Location
from nmt.storage.recorded import check_recorded
from nmt.tables.parquet import read_whole


class RowGroup(NamedTuple):
    """One row group of a file.

    Attributes:
        file: a Parquet file.
        number: of the row group in it, from 0.
    """

    file: Location
    number: int

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows.

        Args:
            columns: the columns wanted; None is all.

        Raises:
            UnusableInput: the file is damaged.
        """
        with _explained(self.file):
            return self.file.read(
                lambda handle: read_whole(self.file, handle, columns, [self.number])
            )


def row_groups(file: Location, entry: TableEntry) -> list[RowGroup]:
    """The row groups of a file, which is read once and compared with its entry.

    Args:
        file: a Parquet file.
        entry: the file when it was written.

    Raises:
        UnusableInput: the file is damaged, or is another one now.
    """

    def look(handle: pa.NativeFile) -> pq.FileMetaData:
        check_recorded(file, handle, entry, "prepare the data again")
        return pq.read_metadata(handle)

    with _explained(file):
        metadata = file.read(look)
    if metadata.num_rows != entry.rows:
        raise UnusableInput(
            f"{file}: has {metadata.num_rows:,} rows, not the {entry.rows:,} that were written; "
            "prepare the data again"
        )
    return [RowGroup(file, number) for number in range(metadata.num_row_groups)]


@contextlib.contextmanager
def _explained(file: Location) -> Iterator[None]:
    """Turn an error of the format into one line.

    Raises:
        UnusableInput: the file is damaged.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UnusableInput(f"{file}: damaged ({reason}); prepare the data again") from None

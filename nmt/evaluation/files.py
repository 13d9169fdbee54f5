"""Files of texts and numbers that an evaluation compares, whatever their format: the one place that
reads them.

A file of lines has one text a line; a table has columns. To read tables of another format, name it
in `TEXTS`, and have `Table` read its columns.
"""

from __future__ import annotations

from functools import cached_property

import pyarrow as pa

from nmt.corpus.aligned import read_aligned
from nmt.corpus.formats import Accepted, detect, readable
from nmt.corpus.text_files import read_lines
from nmt.errors import UnusableInput
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import is_text, texts_of
from nmt.tables.parquet import open_parquet, read_batches
from nmt.text_limits import most_bytes

TEXTS = Accepted(
    ("text", "gzip", "parquet"), "give UTF-8 text, one text a line (also in .gz), or .parquet"
)


class Table:
    """A file of columns: Parquet.

    Args:
        location: the file.
    """

    def __init__(self, location: Location) -> None:
        self.location = location

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of its columns."""
        with readable(self.location), self.location.open() as handle:
            return open_parquet(self.location, handle).schema_arrow

    def check_column(self, option: str, column: str) -> None:
        """Refuse a column that is missing.

        Args:
            option: names the column, for the message.
            column: its name.
        """
        names = self.schema.names
        if names.count(column) != 1:
            problem = "several columns" if column in names else "no column"
            raise UnusableInput(
                f"{self.location}: {problem} '{column}' for {option} (there are "
                f"{join_names(names)})"
            )

    def column(self, option: str, name: str) -> pa.ChunkedArray:
        """The values of a column; see `check_column`."""
        self.check_column(option, name)
        with readable(self.location), self.location.open() as handle:
            batches = read_batches(self.location, handle, [name])
            kind = self.schema.field(name).type
            return pa.chunked_array([batch.column(name).cast(kind) for batch in batches], kind)

    def texts(self, option: str, name: str) -> list[str | None]:
        """The texts of a column, what is no UTF-8 in them as U+FFFD; None for a null.

        Raises:
            UnusableInput: it is missing, or holds no text.
        """
        self.check_column(option, name)
        if not is_text(kind := self.schema.field(name).type):
            raise UnusableInput(f"{self.location}: column '{name}' for {option} holds {kind}")
        with readable(self.location), self.location.open() as handle:
            batches = read_batches(self.location, handle, [name], shared=[name])
            return [text for batch in batches for text in texts_of(batch.column(name))]


def open_table(location: Location) -> Table | None:
    """A file of columns; None for one of lines.

    Raises:
        UnusableInput: no such file, or one of another format.
    """
    return Table(location) if detect(location, TEXTS) == "parquet" else None


def read_translations(location: Location, most: int) -> list[str]:
    """The lines of a file, what is no UTF-8 in them as U+FFFD.

    Args:
        location: the file.
        most: characters of a line that count; a longer one may be cut off, and is still longer.
    """
    lines = read_lines(location, TEXTS, longest=most_bytes(most))
    return [line.decode("utf-8", "replace") for line in lines]


def read_beside(
    name: str, column: str | None, option: str, rows: int, what: str, most: int
) -> list[str | None]:
    """The texts of a file that goes with translations row by row.

    Args:
        name: the file.
        column: of a table, the column that holds them; None is a file of lines.
        option: names the column, for errors.
        rows: how many there must be.
        what: it holds, for errors.
        most: see `read_translations`.
    """
    if column is None:
        return [*read_aligned(name, rows, what, most)]
    location = PinnedFile(Location(name))
    if (table := open_table(location)) is None:
        raise UnusableInput(f"{location}: has lines and no column '{column}'; leave {option} out")
    texts = table.texts(option, column)
    if len(texts) != rows:
        raise UnusableInput(
            f"{location} has {len(texts):,} rows but the input has {rows:,}; {what} must be "
            "line-aligned with the input"
        )
    return texts

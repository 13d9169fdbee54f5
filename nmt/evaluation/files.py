"""Files of texts and numbers that an evaluation compares, whatever their format: the one place that
opens them.

Files of lines have one text per line; a table has columns, see `nmt.evaluation.tables`.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import NamedTuple

from nmt.errors import UnusableInput
from nmt.evaluation.row_ids import RowIds
from nmt.evaluation.tables import RowTable, Table
from nmt.formats.detection import Accepted
from nmt.formats.file_list import FileList, list_files
from nmt.formats.registry import ROW_FORMATS
from nmt.printable import join_names
from nmt.text_limits import MOST_CHARACTERS, most_bytes

TEXTS = Accepted(
    ("text", "parquet", *ROW_FORMATS),
    "give UTF-8 text, one text per line, .csv, .jsonl or .tmx (also compressed or .zip), or "
    ".parquet",
    archives=True,
)


def open_table(files: FileList, most: int | None = None) -> Table | None:
    """Files of columns; None for those of lines.

    Args:
        files: of one format.
        most: rows that may be of use; more need not be read.

    Raises:
        UnusableInput: a file is damaged.
    """
    if files.format == "parquet":
        return Table(files)
    return RowTable(files, most) if files.format in ROW_FORMATS else None


class Lines(NamedTuple):
    """The lines of files.

    Attributes:
        texts: what is no UTF-8 in them is U+FFFD.
        counts: how many each part has.
    """

    texts: list[str]
    counts: list[int]


def read_translations(files: FileList, most: int) -> Lines:
    """The lines of files, one after the other.

    Args:
        files: of text.
        most: characters of a line that count; a longer one may be cut off, and is still longer.
    """
    texts, counts = [], Counter[int]()
    for place, line in files.lines(most_bytes(most)):
        texts.append(line.decode("utf-8", "replace"))
        counts[place] += 1
    return Lines(texts, [counts[place] for place in range(len(files.parts))])


def read_aligned(
    files: FileList, rows: int, what: str = "references", most: int = MOST_CHARACTERS
) -> list[str]:
    """Read files of one line a row, one after the other.

    Args:
        files: of text.
        rows: rows of the input.
        what: what they hold, for error messages.
        most: characters of a line that count; a longer one may be cut off, and is still longer.

    Raises:
        UnusableInput: damaged, or of another number of lines.
    """
    lines = [line for _, line in islice(files.lines(most_bytes(most)), rows + 1)]
    if len(lines) != rows:
        count = f"{len(lines):,} lines" if len(lines) < rows else "more lines"
        has = "has" if len(files.parts) == 1 else f"has in its {len(files.parts):,} files"
        raise UnusableInput(
            f"{files.location} {has} {count} but the input has {rows:,} rows; {what} must be "
            "line-aligned with the input"
        )
    return [line.decode("utf-8", "replace") for line in lines]


def read_beside(
    name: str,
    column: str | None,
    option: str,
    rows: int,
    what: str,
    most: int = MOST_CHARACTERS,
    default: str = "",
    ids: RowIds | None = None,
) -> list[str | None]:
    """The texts of files that go with translations row by row, or by ids where both have them.

    Args:
        name: a file, a folder or a glob.
        column: of a table, the column that holds them.
        option: names the column, for errors.
        rows: how many there must be.
        what: it holds, for errors.
        most: see `read_translations`.
        default: the column of a table where no other is named.
        ids: of the rows that they go with; None where these are numbered.

    Raises:
        UnusableInput: no such file or column, of another format, or of another number of rows.
    """
    files = list_files(name, TEXTS)
    location = files.location
    if (table := open_table(files, most=rows)) is None:
        if column is not None:
            raise UnusableInput(
                f"{location}: has lines and no column '{column}'; leave {option} out"
            )
        return [*read_aligned(files, rows, what, most)]
    if column is None:
        column = default
        if table.find_column(column) is None:
            raise UnusableInput(
                f"{location}: has columns (there are {join_names(table.schema.names)}); name that "
                f"of the {what} with {option}"
            )
    table.check_column(option, column)
    if table.rows != rows:
        count = f"more than {rows:,}" if table.rows > rows else f"{table.rows:,}"
        raise UnusableInput(
            f"{location} has {count} rows but the input has {rows:,}; {what} must be line-aligned "
            "with the input"
        )
    texts = table.texts(option, column, most)
    return texts if ids is None else ids.ordered(table, texts, what)

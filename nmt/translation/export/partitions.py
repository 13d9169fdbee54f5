"""Hive partitions of an export: the rows of each value of a column in a folder ``COLUMN=VALUE``.

Values are percent-encoded, as pyarrow, Spark and Hive decode them, and in the name of the column
what Hive encodes there (pyarrow leaves names as they are); a row without a value
lies under ``__HIVE_DEFAULT_PARTITION__``. What stands in the name of the folder is no column of its
files. `nmt.formats.hive` reads such folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.formats.hive import NULL
from nmt.tables.values import is_scalar, json_values

MOST_PARTITIONS = 1000
_ODD_IN_NAMES = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{}\[\]^]""")
_LONGEST_NAME = 255  # bytes of a folder's name
_SHOWN = 80  # characters of a value


@dataclass(frozen=True)
class Partitions:
    """Where the rows of an export go.

    Attributes:
        column: whose values name the folders.
    """

    column: str

    def folder(self, value: Any) -> str:
        """The folder of a value, as JSON has it; null is one, too."""
        text = NULL if value is None else quote(_text(value), safe="")
        return f"{_ODD_IN_NAMES.sub(lambda match: quote(match[0], safe=''), self.column)}={text}"

    def split(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """The rows of each folder, in their order, without the column."""
        folders: dict[str, list[int]] = {}
        for row, value in enumerate(json_values(table.column(self.column))):
            folders.setdefault(self.folder(value), []).append(row)
        table = table.drop_columns([self.column])
        for folder, rows in folders.items():
            yield folder, table.take(pa.array(np.array(rows, np.int64)))

    def check(self, where: str, columns: Iterable[pa.ChunkedArray]) -> None:
        """Refuse values that cannot name folders.

        Args:
            where: names the input, for the message.
            columns: the values of the column, some at a time.

        Raises:
            UnusableInput: too many of them, one that is too long, or one that means null.
        """
        if self.column.startswith(("_", ".")):
            raise UnusableInput(
                f"--partition-by {self.column}: readers pass over folders whose names begin so; "
                "rename the column"
            )
        seen: set[Any] = set()
        for column in columns:
            seen |= {*json_values(column)}
            if len(seen) > MOST_PARTITIONS:
                raise UnusableInput(
                    f"{where}: column '{self.column}' has more than {MOST_PARTITIONS:,} values, "
                    "each a folder; give --partition-by a column of fewer"
                )
        for value in sorted(map(_text, seen - {None})):
            if why := self._unfit(value):
                raise UnusableInput(
                    f"{where}: column '{self.column}' holds {value[:_SHOWN]!r}, {why}; change it, "
                    "or leave --partition-by out"
                )

    def problem(self, table: pa.Table, folders: set[str]) -> str | None:
        """What is wrong with stored values, which come from an input that was checked.

        Args:
            table: stored rows.
            folders: the folders of all values so far, to which theirs are added.
        """
        if self.column not in table.column_names or not is_scalar(table.field(self.column).type):
            return f"column '{self.column}' names no partitions"
        values = {*json_values(table.column(self.column))}
        folders |= {self.folder(value) for value in values}
        if len(folders) > MOST_PARTITIONS:
            return f"column '{self.column}' has more than {MOST_PARTITIONS:,} values"
        reasons = (self._unfit(value) for value in map(_text, values - {None}))
        return next((f"column '{self.column}' holds one {why}" for why in reasons if why), None)

    def _unfit(self, value: str) -> str | None:
        """Why a value cannot name a folder; None if it can."""
        if len(self.folder(value).encode()) > _LONGEST_NAME:
            return f"too long for the name of a folder ({_LONGEST_NAME} bytes)"
        return "which readers of partitions take for null" if value == NULL else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

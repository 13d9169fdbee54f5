"""Ids by which the rows of another table find those that they go with, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.tables import Table
from nmt.tables.lookups import count_different, places_in
from nmt.tables.values import is_scalar, written


def as_texts(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Ids as they are written, so that those of CSV and of JSON are the same."""
    return written(ids).cast(pa.large_string())


class RowIds(NamedTuple):
    """The ids of the rows of an input.

    Attributes:
        column: the column that they are in, here and in tables that go with the rows.
        owner: what the rows are, for messages.
        read: returns the ids, each once, and the numbers of their rows, shape (ids,).
    """

    column: str
    owner: str
    read: Callable[[], tuple[pa.ChunkedArray, np.ndarray]]

    def ordered(self, table: Table, texts: list[str | None], what: str) -> list[str | None]:
        """The texts of a table in the order of the rows, if it has the column of the ids; else as
        they stand. A row without a known id gets None.

        Args:
            table: as many rows as the input.
            texts: of its rows.
            what: they are, for messages.

        Raises:
            UnusableInput: its ids are not those of the rows.
        """
        if table.find_column(self.column) is None:
            return texts
        column = table.column("", self.column)
        if not is_scalar(column.type):
            raise UnusableInput(
                f"{table.location}: column '{self.column}' holds {column.type}, not ids"
            )
        known, (ids, numbers) = as_texts(column), self.read()
        if count_different(known) < len(known):
            raise UnusableInput(
                f"{table.location}: column '{self.column}' has an id twice; give each row one of "
                "its own, or rename the column if the rows are in the order of the input"
            )
        places = places_in(wanted := as_texts(ids), known)
        if len(unknown := np.flatnonzero(places < 0)):
            odd = wanted[int(unknown[0])].as_py()
            raise UnusableInput(
                f"{table.location}: no row has the {self.column} {odd[:80]!r} of {self.owner}; "
                f"give the {what} of its rows, or rename the column if the rows are in their order"
            )
        result: list[str | None] = [None] * len(texts)
        for number, place in zip(numbers.tolist(), places.tolist(), strict=True):
            result[number] = texts[place]
        return result

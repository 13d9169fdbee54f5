"""Rows of several text columns: of each text a row in ``translations/``, of each row of the input
one in ``export/``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from nmt.evaluation.columns import TEXT_COLUMN
from nmt.translation.input.earlier_output import OWN_COLUMNS

_OF_TEXT = ("translation", "score", "flags", "reason")  # what is kept of each text, with its source


def columns_of(text_column: str) -> list[str]:
    """The names of the columns that are added for a text column."""
    return [f"{text_column}_{name}" for name in _OF_TEXT]


def joined(table: pa.Table, text_columns: Sequence[str]) -> pa.Table:
    """The texts of each row side by side.

    Args:
        table: a row for each text, those of a row of the input together, in the order of
            `text_columns`.
        text_columns: their names.

    Returns:
        The id; of each text column its source under the column's own name, then `columns_of` it;
        and the other columns of the input.
    """
    width = len(text_columns)
    columns: dict[str, pa.ChunkedArray] = {}
    for place, name in enumerate(text_columns):
        texts = table.take(pa.array(np.arange(place, table.num_rows, width)))
        columns |= {} if place else {"id": texts.column("id")}
        columns[name] = texts.column("source")
        for own, kept in zip(columns_of(name), _OF_TEXT, strict=True):
            columns[own] = texts.column(kept)
    others = [n for n in texts.column_names if n not in (*OWN_COLUMNS, TEXT_COLUMN)]
    return pa.table({**columns, **{name: texts.column(name) for name in others}})

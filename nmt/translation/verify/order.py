"""Whether rows stand in the order of the input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.evaluation.columns import TEXT_COLUMN
from nmt.records.output import JobSettings
from nmt.tables.lookups import numbers_of
from nmt.tables.values import is_scalar, written


def order_problems(table: pa.Table, settings: JobSettings) -> Iterator[str]:
    """What is wrong with the order of a part's rows, as far as the part itself says it.

    Numbers of rows ascend. Of several text columns the texts of a row stand together, in the order
    of the columns. Other ids have no order of their own.

    Args:
        table: the part.
        settings: of the job.
    """
    columns = _columns(table, settings)
    if "id" not in table.column_names or columns is None:
        return
    ids = table.column("id")
    if ids.null_count or not is_scalar(ids.type):
        return
    if settings.id_column is not None:
        if settings.width == 1:
            return
        # They ascend where equal values stand together.
        rows = numbers_of(written(ids))
    elif not pa.types.is_integer(ids.type):
        return
    else:
        rows = ids.to_numpy()
    after = (rows[1:] > rows[:-1]) | ((rows[1:] == rows[:-1]) & (columns[1:] > columns[:-1]))
    if not after.all():
        yield "its rows are not in the order of the input"


def is_elsewhere(table: pa.Table, settings: JobSettings, numbers: np.ndarray) -> bool:
    """Whether rows are none of those that should stand in their places, as far as the numbers of
    these say it.

    Args:
        table: a part, or all rows of a unit.
        settings: of the job.
        numbers: of the texts that should stand there, counted over the whole input, shape (rows,).
    """
    columns = _columns(table, settings)
    if columns is None or len(columns) != len(numbers):
        return True
    rows = pa.array(numbers // settings.width)
    numbered = settings.id_column is None
    return bool(
        (columns != numbers % settings.width).any()
        or (numbered and not written(table.column("id")).equals(written(rows)))
    )


def same_values(one: pa.Array | pa.ChunkedArray, other: pa.Array | pa.ChunkedArray) -> bool:
    """Whether ids are the same ones in the same order, whatever their types."""
    return is_scalar(one.type) and written(one).equals(written(other))


def _columns(table: pa.Table, settings: JobSettings) -> np.ndarray | None:
    """The place of each row's text column among those of the job; None where there is none."""
    if settings.width == 1:
        return np.zeros(table.num_rows, np.int64)
    if TEXT_COLUMN not in table.column_names or (table.column(TEXT_COLUMN).type != pa.string()):
        return None
    among = pa.array([*settings.text_columns], pa.string())
    places = pc.index_in(table.column(TEXT_COLUMN), value_set=among)
    return None if places.null_count else places.to_numpy()

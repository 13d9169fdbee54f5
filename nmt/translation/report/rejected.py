"""The first rejected rows of each reason, as a report shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.evaluation.samples import clipped
from nmt.evaluation.sentences import read_table
from nmt.records.output import UnitRecord
from nmt.records.report import RejectedSample
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.tables.values import json_values
from nmt.translation.report import summary

OF_A_REASON = 3  # rows that a report shows
MOST_SHOWN = 300  # characters of each


def first_rejected(
    location: Location, records: Sequence[UnitRecord], several: bool
) -> list[RejectedSample]:
    """The first rows of each reason, in the order of the input; files without one are not read.

    Args:
        location: the OUT folder.
        records: of its units, in order.
        several: whether there are several text columns.

    Raises:
        UnusableInput: a file cannot be read.
    """
    counts = summary.total_counts(records).rejected_by_reason
    missing = {reason: min(OF_A_REASON, count) for reason, count in counts.items()}
    result: list[RejectedSample] = []
    for record in records:
        if any(missing.get(reason) for reason in record.counts.rejected_by_reason):
            for name, entry in record.files.items():
                if name.startswith("rejected/"):
                    columns = ["id", "reason", "source", *([TEXT_COLUMN] if several else [])]
                    file = location.named(name)
                    result += _first(file, read_table(file, columns, entry), missing)
    return result


def _first(file: Location, table: pa.Table, missing: dict[str, int]) -> list[RejectedSample]:
    """Those rows of a file that are still missing, of each reason so many; they no longer are."""
    for name in table.column_names:
        if name != "id" and not is_text(kind := table.column(name).type):
            raise UnusableInput(
                f"{file}: damaged (column '{name}' holds {kind}, not text); translate again"
            )
    chosen = []
    for place, reason in enumerate(json_values(table.column("reason"))):
        if missing.get(str(reason)):
            missing[str(reason)] -= 1
            chosen.append(place)
    rows = table.take(pa.array(np.array(chosen, np.int64)))
    columns = {name: json_values(rows.column(name)) for name in rows.column_names}
    return [
        RejectedSample.model_validate(
            {
                **dict(zip(columns, values, strict=True)),
                "source": None if source is None else clipped(str(source), MOST_SHOWN),
            }
        )
        for *values, source in zip(*columns.values(), columns["source"], strict=True)
    ]

"""The columns of ``OUT/translations/`` besides the id and those of the input, in their order.

The reference of columns in the documentation is made from it.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

STRINGS = pa.list_(pa.string())
RESULTS = {
    "translation": pa.string(),
    "score": pa.float64(),
    "source_tokens": STRINGS,
    "target_tokens": STRINGS,
    "attention_entropy": pa.float64(),
    "coverage": pa.float64(),
    "flags": STRINGS,
}
COLUMNS = {"source": pa.string(), **RESULTS}
TEXT_COLUMN = "text_column"  # of several text columns: which one a text is of
REASON = "reason"  # of an export: why a row was rejected
# Of an export: what is kept of each text, beside its source. Of several text columns each name has
# that of the column before it, as ``title_translation``.
OF_TEXT = ("translation", "score", "flags", REASON)
NULLABLE = frozenset({"attention_entropy", "coverage"})


def are_results(names: Iterable[str]) -> bool:
    """Whether columns are those of ``OUT/translations/`` or of ``OUT/export/`` of one text column,
    wherever the files lie now."""
    return {"id", *COLUMNS} <= {*names}


def reason_column(column: str, names: Iterable[str]) -> str | None:
    """The column that says why a text was rejected, beside that of its translations in an export;
    None where columns are none of an export.

    Args:
        column: of the translations, ``translation`` or ``title_translation``.
        names: of all columns.
    """
    prefix = column.removesuffix(OF_TEXT[0])
    own = {f"{prefix}{name}" for name in OF_TEXT}
    return f"{prefix}{REASON}" if {column, *own} <= {*names} else None

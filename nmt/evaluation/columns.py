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
NULLABLE = frozenset({"attention_entropy", "coverage"})


def are_results(names: Iterable[str]) -> bool:
    """Whether columns are those of ``OUT/translations/`` or of ``OUT/export/`` of one text column,
    wherever the files lie now."""
    return {"id", *COLUMNS} <= {*names}

"""The columns of a DATASET's Parquet files, and how such a file is written."""

from __future__ import annotations

import pyarrow as pa

from nmt.records.dataset import NamedTable
from nmt.storage.location import Location

ROW_GROUP_ROWS = 4096

_PAIR_FIELDS = [
    pa.field("id", pa.int64(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("target", pa.string(), nullable=False),
    pa.field("source_ids", pa.list_(pa.int32()), nullable=False),
    pa.field("target_ids", pa.list_(pa.int32()), nullable=False),
]

REJECTED = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("target", pa.string()),
    ]
)


# Of rejected/, where several files were read: the one with that line, of two line-aligned texts
# that of the source. It is named by the end of its path that tells it from all others.
FILE = pa.field("file", pa.string())

# Of the splits and of rejected/, where corpora were named: the one that a pair is from; null for
# pairs of given valid and test files.
CORPUS = pa.field("corpus", pa.string())


def pairs_schema(alignment: bool, corpus: bool = False) -> pa.Schema:
    """The columns of ``train/``, ``valid/`` and ``test/``.

    Args:
        alignment: whether gold word alignments are known.
        corpus: whether there are several corpora, each with a name.
    """
    extra = [pa.field("alignment", pa.string())] if alignment else []
    return pa.schema(_PAIR_FIELDS + extra + [CORPUS] * corpus)


def write_part(folder: Location, name: str, table: pa.Table) -> NamedTable:
    """Store a Parquet file whole.

    Args:
        folder: the dataset.
        name: the file's path within it.
        table: its rows.

    Returns:
        The file's entry in dataset.json.
    """
    entry = (folder / name).write_table(table, ROW_GROUP_ROWS)
    return NamedTable(name=name, **entry.to_json())

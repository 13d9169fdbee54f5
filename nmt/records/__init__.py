"""Typed records of every JSON file that is written, one module per kind of folder."""

from nmt.records.base import (
    FileEntry,
    Record,
    TableEntry,
    Versioned,
    check,
    damaged,
    file_entry,
    read,
    read_list,
    table_entry,
)

__all__ = [
    "FileEntry",
    "Record",
    "TableEntry",
    "Versioned",
    "check",
    "damaged",
    "file_entry",
    "read",
    "read_list",
    "table_entry",
]

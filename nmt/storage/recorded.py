"""Files whose size and SHA-256 were recorded when they were written: those files, or none.

The size is compared before anything is read, so a file that was exchanged for a huge one costs no
memory.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.records import FileEntry
from nmt.storage.encoding import hash_stream
from nmt.storage.location import Location


class ChangedFile(UnusableInput):
    """A file is not the one that was recorded."""


def read_recorded(file: Location, entry: FileEntry, remedy: str = "") -> bytes:
    """The whole file, if it is the one that was recorded.

    Args:
        file: it exists.
        entry: the file when it was written.
        remedy: what to do if it is another one, for the message.

    Raises:
        ChangedFile: it is another one.
    """

    def read(handle: pa.NativeFile) -> bytes:
        _compare_size(file, handle, entry, remedy)
        data = handle.read()
        _compare_hash(file, hashlib.sha256(data).hexdigest(), entry, remedy)
        return data

    return file.read(read)


def check_recorded(file: Location, handle: pa.NativeFile, entry: FileEntry, remedy: str) -> None:
    """Read an open file once, a piece at a time, and go back to its beginning; see
    `read_recorded`."""
    _compare_size(file, handle, entry, remedy)
    _compare_hash(file, hash_stream(handle), entry, remedy)
    handle.seek(0)


def _compare_size(file: Location, handle: pa.NativeFile, entry: FileEntry, remedy: str) -> None:
    if (size := handle.size()) != entry.bytes:
        problem = f"has {size:,} bytes, not the {entry.bytes:,} that were written"
        raise ChangedFile(f"{file}: {problem}{remedy and '; '}{remedy}")


def _compare_hash(file: Location, digest: str, entry: FileEntry, remedy: str) -> None:
    if digest != entry.sha256:
        problem = "is not the file that was written: its SHA-256 differs"
        raise ChangedFile(f"{file}: {problem}{remedy and '; '}{remedy}")

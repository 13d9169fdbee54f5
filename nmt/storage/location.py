"""Where data lies: local paths and object stores behind one small class.

A `Location` is a file or folder on any filesystem that ``pyarrow.fs.FileSystem.from_uri``
knows. Objects are written whole: the bytes are made in memory first and then stored in one
go (under a temporary name and moved, on a local disk), because a pyarrow stream that an
exception closes would publish what it has so far as if it were complete.

See `nmt.storage.readable` for links, credentials, and stores that are away.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.json_text import format_json
from nmt.records import Record, TableEntry, table_entry
from nmt.storage import below, s3
from nmt.storage.readable import LARGEST_JSON, Readable
from nmt.storage.s3_client import AT_ONCE
from nmt.storage.uri import NO_STREAM

__all__ = ["LARGEST_JSON", "Location", "json_bytes"]

_HALF_WRITTEN = re.compile(r"\A(.*/)?\.([^/]+)\.[0-9a-f]{16}\.tmp\Z")  # see `below.write`

_SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def json_bytes(value: Any) -> bytes:
    """What `Location.write_json` stores."""
    if isinstance(value, list):
        value = [entry.to_json() if isinstance(entry, Record) else entry for entry in value]
    return format_json(value.to_json() if isinstance(value, Record) else value).encode()


def parquet_bytes(table: pa.Table, row_group_size: int | None = None, mark: str = "") -> bytes:
    """A table as a Parquet file; see `Location.write_table`.

    Args:
        table: its rows.
        row_group_size: rows of a row group at most; None is pyarrow's default.
        mark: stands in the file's metadata, as ``nmt.mark``, unless it is empty.
    """
    import pyarrow.parquet as pq

    if mark:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), "nmt.mark": mark})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", row_group_size=row_group_size)
    return buffer.getvalue().to_pybytes()


class Location(Readable):
    """A file or folder with what can be done there; see `StorePath` for its name."""

    def write_bytes(self, data: bytes) -> None:
        """Store the whole file at once: readers see the old one or the new one, never a part."""
        self._ask(lambda: self._store(data))

    def _store(self, data: bytes) -> None:
        if self.is_local:
            self._below(below.write, data)
        elif self.is_s3:
            s3.store(self, data)
        else:
            stream = self.filesystem.open_output_stream(self.path)
            stream.write(data)
            stream.close()

    def write_within(self, fence: below.Fence, data: bytes) -> None:
        """`write_bytes` to a local disk, where the file gets its name in the context `fence`."""
        self._ask(lambda: self._below(below.write, data, fence))

    def local_state(self) -> tuple[int, ...] | None:
        """What tells a file of the local disk from all others that ever lay there; None where
        nothing lies."""
        state = self._ask(lambda: self._below(below.state_of))
        if state is None:
            return None
        return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns

    def write_text(self, text: str) -> None:
        """Store the whole file as UTF-8."""
        self.write_bytes(text.encode("utf-8"))

    def write_json(self, value: Any) -> None:
        """Store a record, a list of records, or other JSON, indented and with sorted keys."""
        self.write_bytes(json_bytes(value))

    def write_table(self, table: pa.Table, row_group_size: int | None = None) -> TableEntry:
        """Store a table as one Parquet file.

        Args:
            table: its rows.
            row_group_size: rows of a row group at most; None is pyarrow's default.

        Returns:
            The file's entry for a record or manifest.
        """
        data = parquet_bytes(table, row_group_size)
        self.write_bytes(data)
        return table_entry(table.num_rows, data)

    def upload(self, local: Path) -> None:
        """Copy a local file or the files of a local folder here."""
        if local.is_file():
            self.write_bytes(local.read_bytes())
            return
        for file in sorted(path for path in local.rglob("*") if path.is_file()):
            (self / file.relative_to(local).as_posix()).write_bytes(file.read_bytes())

    def delete(self) -> None:
        """Remove the file; nothing happens where nothing lies.

        Raises:
            UnusableInput: a folder lies there, or a link leads there, so that it may be somebody
                else's.
        """

        def delete() -> None:
            try:
                if self.is_local:
                    return self._below(below.remove)
                if self.is_s3:
                    return s3.delete(self)
                kind = self.filesystem.get_file_info(self.path).type
                if kind == pafs.FileType.Directory:
                    raise IsADirectoryError
                if kind == pafs.FileType.File:
                    with contextlib.suppress(FileNotFoundError):  # another job was first
                        self.filesystem.delete_file(self.path)
            except IsADirectoryError:
                raise UnusableInput(
                    f"{self}: a folder, where a file of ours belongs; move it elsewhere"
                ) from None

        self._ask(delete)

    def rename(self, name: str) -> None:
        """Give this file another name in its folder."""
        if self.is_local:
            return self._ask(lambda: self._below(below.rename, name))
        target = self.parent / name
        if self.is_s3:
            return self._ask(lambda: s3.rename(self, target))
        self._ask(lambda: self.filesystem.move(self.path, target.path))

    def delete_own(self, names: re.Pattern[str]) -> None:
        """Remove what a program of ours wrote to this folder, and folders that it leaves empty.

        What a killed process left half written is ours where the file itself would be.

        Args:
            names: of such files, as paths from here on.

        Raises:
            UnusableInput: a link leads there, or not all of it can be listed.
        """
        own = [
            file
            for file, _ in self._all_files(recursive=True)
            if names.fullmatch(_HALF_WRITTEN.sub(r"\1\2", "/".join(file.parts_below(self))))
        ]
        if not self.is_local:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for _ in pool.map(type(self).delete, own):
                    pass
        else:  # one after the other: where one cannot be removed, nothing after it is
            for file in own:
                file.delete()
            ways = [file.parts_below(self) for file in own]
            inner = {"/".join(parts[:n]) for parts in ways for n in range(1, len(parts))}
            for folder in (*(self / name for name in sorted(inner, key=len, reverse=True)), self):
                folder._ask(partial(folder._below, below.remove_empty_folder))

    def delete_half_written(self) -> None:
        """Remove what killed processes left half written in this folder and below it."""
        for file, _ in self._all_files(recursive=True):
            if _HALF_WRITTEN.search("/".join(file.parts_below(self))):
                file.delete()

    def open_lock(self) -> int:
        """The lock of this local file, opened; `files` passes it over."""
        return self._below(below.open_lock)


def check_file(location: Location) -> pafs.FileInfo:
    """What is known of a file that can be read.

    Args:
        location: where it should lie.

    Raises:
        UnusableInput: nothing there, a folder, a link to nothing, or a pipe, socket or device.
    """
    info = location.info()
    if info.type == pafs.FileType.File:
        return info
    if info.type == pafs.FileType.Directory:
        raise UnusableInput(f"{location}: a folder; name a file")
    if location.is_local and os.path.islink(location.uri) and not os.path.exists(location.uri):
        raise UnusableInput(
            f"{location}: a link to {os.readlink(location.uri)}, which is not there; mend or "
            "remove the link"
        )
    if info.type == pafs.FileType.NotFound:
        raise UnusableInput(f"{location}: no such file; check the path")
    kind = _SPECIAL.get(stat.S_IFMT(os.stat(location.uri).st_mode), "what is no file")
    raise UnusableInput(f"{location}: {kind} {NO_STREAM}")

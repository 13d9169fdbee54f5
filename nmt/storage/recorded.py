"""Files that are known by what was recorded of them: those files, or none.

Of a file of ours these are its size and SHA-256 when it was written. The size is compared before
anything is read, so a file in whose place a huge one lies costs no memory. Of a user's file they
are what the job saw when it first looked at it.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import os
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import ChangedFile, UnusableInput
from nmt.json_text import hash_json
from nmt.records import FileEntry
from nmt.storage import below
from nmt.storage.location import Location
from nmt.storage.readable import hash_stream
from nmt.storage.s3 import ObjectVersion, changed, open_object, version_of

MOST_WHOLE = 32 << 30  # bytes of a file that is read into memory


def read_recorded(file: Location, entry: FileEntry, remedy: str = "") -> bytes:
    """The whole file, if it is the one that was recorded.

    Args:
        file: it exists.
        entry: the file when it was written.
        remedy: what to do if it is another one, for the message.

    Raises:
        ChangedFile: it is another one, or larger than what is read into memory.
    """

    def read(handle: pa.NativeFile) -> bytes:
        _compare_size(file, handle, entry, remedy)
        if entry.bytes > MOST_WHOLE:  # the record may be a stranger's, too
            problem = f"has {entry.bytes:,} bytes, more than the {MOST_WHOLE:,} that are read"
            raise ChangedFile(f"{file}: {problem}{remedy and '; '}{remedy}")
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


_State = tuple[int, ...] | ObjectVersion


class PinnedFile(Location):
    """A file that is opened only as the one that was looked at.

    Whoever owns a folder of the local disk may put a link to another file in its place. So each
    open file is compared with what was seen first: device, inode, size and times. Where these
    differ, as the first two may on another machine, the SHA-256 decides, if it was asked for
    before. An object of S3 is read by its entity tag, and one of another store compared before and
    after it was read: size and time.

    Args:
        location: where it lies.
        state: of a local file; None is to look now. At an object is looked on its first use.

    Attributes:
        digest: the SHA-256 of what was looked at, once it is known; else empty.
    """

    _known: _State | None = None
    digest = ""

    def __init__(self, location: Location, state: os.stat_result | None = None) -> None:
        self.__dict__.update(location.__getstate__())
        if self.is_local:
            with contextlib.suppress(OSError):  # nothing there; whoever reads it says so
                self._known = _state_of(state or os.stat(self.uri))

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_known": self._known, "digest": self.digest}

    @property
    def bytes(self) -> int:
        """Its size when it was looked at.

        Raises:
            UnusableInput: nothing lies there.
        """
        state = self.state
        return state.size if isinstance(state, ObjectVersion) else state[_SIZE]

    @property
    def state(self) -> _State:
        """What it is known by; see `bytes`."""
        if self._known is None:
            self._known = self._now()
        return self._known

    @property
    def version(self) -> str:
        """A hash of `state`: another one where the file was changed, or is another."""
        return hash_json([*self.state])[:32]

    def _now(self) -> _State:
        """What an object, or a local file that was not there before, is known by now."""
        if self.is_s3:
            return self._ask(lambda: version_of(self))
        if self.is_local:
            with self.explained():
                return _state_of(os.stat(self.uri))
        info = self.info()
        if info.type != pafs.FileType.File:
            raise UnusableInput(f"{self}: no such file; check the path")
        return info.mtime_ns or 0, 0, info.size

    def sha256(self) -> str:
        """See `Location.sha256`."""
        self.digest = super().sha256()
        return self.digest

    def read_bytes(self, most: int | None = None) -> builtins.bytes:
        """See `Location.read_bytes`."""
        return self._read_opened(most)

    def open(self) -> pa.NativeFile:
        """See `Location.open`.

        Raises:
            ChangedFile: another file lies there.
        """
        if self.is_local:
            return self._ask(self._open_known)
        state = self.state
        if isinstance(state, ObjectVersion):
            return open_object(self, state)
        self.check()
        return super().open()

    def check(self) -> None:
        """Look again whether it is that file still, as it was.

        Raises:
            ChangedFile: it is not.
        """
        if self.is_local:
            self._ask(self._open_known).close()
        elif self._now() != self.state:
            raise changed(self)

    def check_read(self) -> None:
        """`check` after it was read, where reading itself does not tell."""
        if not isinstance(self._known, ObjectVersion):
            self.check()

    def _open_known(self) -> pa.NativeFile:
        file, state = self._below(below.open_file)
        seen = _state_of(state), self.digest
        if seen[0] != self._known and seen not in _same:
            same_size = self._known is not None and file.size() == self._known[_SIZE]
            if not (self.digest and same_size and hash_stream(file) == self.digest):
                raise changed(self)
            file.seek(0)
            _same.add(seen)
        return file


_SIZE = 2  # its place in a state
_same: set[tuple[_State, str]] = set()  # states of files that were hashed, and their SHA-256


def _state_of(state: os.stat_result) -> _State:
    # Whoever owns a file can set the time of its change, but not that of its state's change.
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns

"""A small object that is replaced only if nobody else replaced it in the meantime.

pyarrow's filesystems cannot do that, so it is done by the means of each kind of store:

* S3 and what speaks its protocol: a conditional PUT (``If-None-Match: *`` for the first,
  ``If-Match`` with the entity tag afterwards), through boto3, with
  the endpoint and region that pyarrow uses. Some stores accept the condition
  and do not keep to it: the first PUT is therefore repeated, and must then be refused.
* The local disk: compared and replaced under ``flock``, which the kernel gives back when its
  holder dies, whatever killed it.
* Any other store, and those that do not keep to the condition: written, and after a settling time
  read back: the last writer has won. That is safe only if no two writers are further apart,
  between their reading and their writing, than the settling time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nmt.errors import JobFailed, UnusableInput
from nmt.storage.location import Location
from nmt.storage.retry import retry
from nmt.storage.s3 import get, put

_SETTLE_SECONDS = 3.0
_LOCK_SECONDS = 20.0  # for which another process may hold a lock: it does no more than one write
_LOCK_PAUSE = 0.02
_LARGEST = 1 << 20  # bytes of an object


class VersionedFile(Protocol):
    """A file, or an object of a store, by one of the means above."""

    @property
    def is_conditional(self) -> bool:
        """Whether the store itself keeps to the condition."""
        ...

    def read(self) -> tuple[bytes | None, Any]:
        """What it holds, None where there is none, and the version of that."""

    def replace(self, data: bytes, version: Any) -> bool:
        """Store other contents in the place of the version that was read; False if that is gone.

        Contents must differ from all others ever stored.
        """


def versioned_file(location: Location) -> VersionedFile:
    """The file, or object, of this name."""
    if location.is_local:
        return _LocalFile(location)
    if location.is_s3:
        return _S3File(location)
    return _SettledFile(location)


class _LocalFile:
    is_conditional = True

    def __init__(self, location: Location) -> None:
        self._location = location

    def read(self) -> tuple[bytes | None, Any]:
        version = self._location.local_state()  # first: what is read may only be newer
        return _read(self._location), version

    def replace(self, data: bytes, version: Any) -> bool:
        return replace_local(self._location, data, version, self._location)


def replace_local(file: Location, data: bytes, version: Any, lock: Location) -> bool:
    """Store a local file in the place of a version of it; False if that is gone.

    Args:
        file: where it goes.
        data: its contents.
        version: its `Location.local_state`; None is that nothing lies there.
        lock: the file under whose lock it is compared and replaced.
    """
    with locked(lock):
        if file.local_state() != version:
            return False
        file.write_bytes(data)
        return True


@contextlib.contextmanager
def locked(file: Location) -> Iterator[None]:
    """Hold the lock of a local file.

    Raises:
        UnusableInput: there can be none.
        JobFailed: another process has held it for too long.
    """
    path = Path(file.path)
    lock = path.with_name(f".{path.name}.lock.tmp")
    try:
        handle = file.open_lock()  # never deleted, or two could lock two files
    except PermissionError:
        raise UnusableInput(
            f"{lock}: is another user's; give an --output of your own, or remove the file once "
            "no job writes here"
        ) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise UnusableInput(f"{lock}: cannot be a lock ({reason}); remove it") from None
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            raise UnusableInput(f"{lock}: is more than a lock; remove it")
        _lock(handle, lock)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    """Lock an open file; whoever may open it can do so, and need not give it back.

    Raises:
        JobFailed: somebody else has held it for too long.
    """
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise JobFailed(
                    f"{path}: another process has held this lock for {_LOCK_SECONDS:g} s; find it "
                    "with lslocks, end it, and run the same command again"
                ) from None
        time.sleep(_LOCK_PAUSE)


class _SettledFile:
    """An object whose version is what stands in it."""

    is_conditional = False

    def __init__(self, location: Location) -> None:
        self._location = location

    def read(self) -> tuple[bytes | None, Any]:
        data = _read(self._location)
        return data, data

    def replace(self, data: bytes, version: Any) -> bool:
        if _read(self._location) != version:
            return False
        self._location.write_bytes(data)
        time.sleep(_SETTLE_SECONDS)
        return _read(self._location) == data


class _S3File:
    def __init__(self, location: Location) -> None:
        self._location = location
        self._settled: _SettledFile | None = None
        self._proven = False
        self._last: bytes | None = None

    @property
    def is_conditional(self) -> bool:
        return self._settled is None

    def read(self) -> tuple[bytes | None, Any]:
        if self._settled:
            return self._settled.read()
        data, version = retry(lambda: get(self._location, _LARGEST)) or (None, None)
        self._last = data
        return data, version and version.etag

    def replace(self, data: bytes, version: Any) -> bool:
        if self._settled:
            return self._settled.replace(data, version)
        stored = retry(lambda: put(self._location, data, version))
        if stored and not self._proven:
            self._proven = retry(lambda: put(self._location, data, version)) is False
            if not self._proven:
                self._settled = _SettledFile(self._location)
                time.sleep(_SETTLE_SECONDS)
        elif stored is None:
            self._settled = _SettledFile(self._location)
            return self._settled.replace(data, self._last)
        # Not found: perhaps it is there all the same, and only the answer was lost.
        return bool(stored and self._proven) or self.read()[0] == data


def _read(location: Location) -> bytes | None:
    return location.read_if_any(_LARGEST)

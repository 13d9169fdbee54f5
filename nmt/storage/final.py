"""Files of an output that only the holder of its lease stores, replaces and removes.

A job that was stopped after its last look at the lease goes on with one change, whenever it wakes.
That change must not reach what the job that took over has stored meanwhile.

* The local disk: the look and the change are made under the lock without which nobody takes the
  lease (`flock`).
* S3 and what speaks its protocol: a file is created where nothing lies (``If-None-Match: *``), or
  takes the place of exactly the version that was there before the look (``If-Match`` with the
  entity tag).
* Other stores, and those of S3 that do not keep to a condition: without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self

from nmt.storage import s3
from nmt.storage.compare_and_swap import locked
from nmt.storage.lease import NAME, check_owner
from nmt.storage.location import Location
from nmt.storage.retry import retry

Check = Callable[[], None]  # raises if this process may not write there any more


def store_final(
    file: Location, contents: Callable[[str], bytes], check: Check, lease: Location
) -> bytes:
    """Store a file whole, where mostly nothing lies.

    Args:
        file: where it goes.
        contents: makes it. Given a text, it puts that into it where this can be: contents that
            replace others differ from all that ever lay there, so that a version never comes back.
        check: raises if this process may not write there any more.
        lease: the file of the lease.

    Returns:
        What is stored.
    """
    data = contents("")
    if not file.is_s3:
        _store(file, data, check, lease)
    elif not _put(file, data, None):
        while True:
            version, data = _version(file), contents(secrets.token_hex(8))
            check()
            if _put(file, data, version):
                break
    return data


def replace_final(file: Location, data: bytes, check: Check, lease: Location) -> None:
    """Store a file whole, where mostly another one lies; see `store_final`."""
    if not file.is_s3:
        return _store(file, data, check, lease)
    while True:
        version = _version(file)
        check()
        if _put(file, data, version):
            return


def remove_final(file: Location, check: Check, lease: Location) -> None:
    """Remove a file; nothing happens where nothing lies; see `store_final`."""
    if file.is_s3:
        version = _version(file)
        check()
        if version is not None:
            retry(lambda: s3.delete(file, version))
    elif file.is_local:
        with _fence(check, lease):
            file.delete()
    else:
        check()
        file.delete()


def _store(file: Location, data: bytes, check: Check, lease: Location) -> None:
    check()  # before a folder is made
    if file.is_local:
        file.write_within(partial(_fence, check, lease), data)
    else:
        file.write_bytes(data)


@contextmanager
def _fence(check: Check, lease: Location) -> Iterator[None]:
    """In it nobody can take a local lease, and this process has it."""
    with locked(lease):
        check()
        yield


def _version(file: Location) -> str | None:
    """The entity tag of what lies there now; None is nothing."""
    version = retry(lambda: s3.version_if_any(file))
    return version and version.etag


def _put(file: Location, data: bytes, version: str | None) -> bool:
    stored = retry(lambda: s3.put(file, data, version))
    if stored is None:  # a store that knows no conditions
        file.write_bytes(data)
    return stored is not False


class FencedLocation(Location):
    """A place below an output; what writes a file or deletes one looks at the lease first.

    A process that was stopped after that look, and wakes when another job has taken over, replaces
    and removes nothing of it: see `nmt.storage.final`.

    Args:
        output: the folder with the lease.
        owner: who must hold it.
    """

    def __init__(self, output: Location, owner: str) -> None:
        super().__init__(str(output))
        self._output, self._owner = output, owner

    def _sibling(self, uri: str) -> Self:
        other = super()._sibling(uri)
        other._output, other._owner = self._output, self._owner
        return other

    def __reduce__(self) -> str:
        raise TypeError("another process makes its own")

    def _plain(self) -> Location:
        return self._output._sibling(self.uri)

    def check_owner(self) -> None:
        """Go on only if the lease is still held; see `nmt.storage.lease.check_owner`."""
        check_owner(self._output, self._owner)

    def write_bytes(self, data: bytes) -> None:
        """See `Location.write_bytes`.

        Raises:
            LeaseLost: another job has taken over.
        """
        replace_final(self._plain(), data, self.check_owner, self._output / NAME)

    def delete(self) -> None:
        """See `Location.delete`.

        Raises:
            LeaseLost: another job has taken over.
        """
        remove_final(self._plain(), self.check_owner, self._output / NAME)

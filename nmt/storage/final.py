"""Files that are final: each is created, and takes the place only of what was looked at before.

A job that was stopped after its last look at the lease goes on with one write, whenever it wakes.
That write must not replace what the job that took over has stored meanwhile. So a file is created
on the condition that nothing lies there. What lies there all the same was left by a job that was
killed or lost its lease: whoever holds the lease now replaces exactly that version of it.

* The local disk: ``link(2)``, which takes no name that is taken; a version is the file's inode,
  size and times, compared under a lock.
* S3 and what speaks its protocol: ``If-None-Match: *``, and ``If-Match`` with the entity tag.
* Other stores, and those of S3 that do not keep to a condition: written without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from nmt.storage import s3
from nmt.storage.compare_and_swap import locked, replace_local
from nmt.storage.location import Location
from nmt.storage.retry import retry


def store_final(
    file: Location,
    contents: Callable[[str], bytes],
    check: Callable[[], None],
    lock: Location | None = None,
) -> bytes:
    """Store a file whole.

    Args:
        file: where it goes.
        contents: makes it. Given a text, it puts that into it where this can be: contents that
            replace others differ from all that ever lay there, so that a version never comes back.
        check: raises if this process may not write there any more.
        lock: the local file under whose lock others are replaced; None is the file itself.

    Returns:
        What is stored.
    """
    put = _put_local if file.is_local else _put_s3 if file.is_s3 else _put_plainly
    version, data = None, contents("")
    while not put(file, data, version, lock or file):
        # First the version, then the right to write: what another job stores later is another one.
        version, data = _version(file), contents(secrets.token_hex(8))
        check()
    return data


def replace_final(file: Location, data: bytes, check: Callable[[], None], lock: Location) -> None:
    """Store a file in the place of what lies there, unless another process does so meanwhile.

    Args:
        file: where it goes.
        data: its contents.
        check: raises if this process may not write there any more.
        lock: the local file under whose lock others are replaced.
    """
    put = _put_local if file.is_local else _put_s3 if file.is_s3 else _put_plainly
    while True:
        version = _version(file)
        check()
        if put(file, data, version, lock):
            return


def remove_final(file: Location, check: Callable[[], None], lease: Location) -> None:
    """Remove a file that is final; nothing happens where nothing lies.

    On a local disk nobody can take the lease between `check` and the removal. On S3 exactly the
    version is removed that was there before `check`, and on other stores whatever lies there.

    Args:
        file: the file.
        check: raises if this process may not write there any more.
        lease: the file of the lease.
    """
    if file.is_local:
        with locked(lease):
            check()
            file.delete()
        return
    version = _version(file) if file.is_s3 else None
    check()
    if version is not None:
        retry(lambda: s3.delete(file, version))
    elif not file.is_s3:
        file.delete()


def _version(file: Location) -> Any:
    """What lies there now; None is nothing."""
    if file.is_local:
        file.refuse_links()
        return file.local_state()
    version = retry(lambda: s3.version_if_any(file))
    return version and version.etag


def _put_local(file: Location, data: bytes, version: Any, lock: Location) -> bool:
    return file.create(data) if version is None else replace_local(file, data, version, lock)


def _put_s3(file: Location, data: bytes, version: str | None, _: Location) -> bool:
    stored = retry(lambda: s3.put(file, data, version))
    if stored is None:  # a store that knows no conditions
        file.write_bytes(data)
    return stored is not False


def _put_plainly(file: Location, data: bytes, *_: object) -> bool:
    file.write_bytes(data)
    return True

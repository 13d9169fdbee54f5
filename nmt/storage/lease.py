"""The right to write to an output: held by one job at a time, with a heartbeat.

A lease is a small object in the output. Its holder renews it every few seconds; who is killed
renews it no more, and the next job takes it over once it has watched it for the stated time, by
its own clock, and it did not change. Taking and renewing replace exactly the version that was read
(`nmt.storage.compare_and_swap`), so of two jobs one wins. The times in it are for people: no clock
is compared with that of another machine.

Gray and Cheriton (1989), Leases: an efficient fault-tolerant mechanism.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from nmt import records
from nmt.errors import JobFailed, LeaseLost, StoreAway, UnusableInput
from nmt.json_text import format_json, parse_json
from nmt.records.output import Lease
from nmt.storage.compare_and_swap import VersionedFile, versioned_file
from nmt.storage.location import Location

log = logging.getLogger(__name__)

NAME = "_lease.json"
SECONDS = 30  # after which the lease of a job that was killed is taken over
LONGEST = 3600  # seconds that a lease can last
_LARGEST = 1 << 14  # bytes of the object
_BEATS = 5  # in that time
_LOOK = 1.0  # seconds between two looks at another job's lease


class HeldLease:
    """A lease that this process took; made by `hold`.

    Attributes:
        owner: its name in the object, by which others can check it.
    """

    def __init__(self, output: Location, seconds: float, file: VersionedFile) -> None:
        self._output, self._seconds, self._file = output, seconds, file
        self.owner = uuid.uuid4().hex
        self._lost: Lease | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def check(self) -> None:
        """Go on only if the lease is still held.

        Raises:
            LeaseLost: another job has it.
        """
        if self._lost is not None:
            raise _lost(self._output, self._lost)

    def _take(self) -> None:
        data, version = self._file.read()
        stored = _parse(data)
        if stored is not None and not stored.released:
            if _is_sound(stored):
                data, version = self._watch(stored, data, version)
            else:
                log.warning(
                    f"{self._output}: its lease {NAME} says that it is held until "
                    f"{_time(stored.expires)}, longer than a lease can last; it does not count"
                )
        if not self._file.replace(self._contents(), version):
            winner = _parse(self._file.read()[0])
            raise (
                _held(self._output, winner)
                if winner
                else JobFailed(
                    f"{self._output}: the lease {NAME} was removed; run the same command again"
                )
            )

    def _watch(self, stored: Lease, data: bytes | None, version: Any) -> tuple[bytes | None, Any]:
        """Wait until a lease has run out, and return what stands there then.

        Raises:
            JobFailed: its holder has renewed it, or another job has taken it over.
        """
        seconds = stored.expires - stored.heartbeat
        log.info(
            f"{self._output}: held by {stored.holder}, last seen {_time(stored.heartbeat)}; "
            f"waiting {seconds:.0f} s for a sign of life"
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(_LOOK, self._seconds / _BEATS))
            now, version = self._file.read()
            if now != data:
                if (lease := _parse(now)) and not lease.released and _is_sound(lease):
                    raise _held(self._output, lease)
                return now, version
        return data, version

    def start(self) -> None:
        """Take it and keep it; see `hold`."""
        self._take()
        self._thread.start()

    def stop(self) -> None:
        """Keep it no longer; it runs out."""
        self._end.set()
        self._thread.join(self._seconds)

    def release(self) -> None:
        """Give it back."""
        self.stop()
        if self._lost is None:
            with contextlib.suppress(JobFailed, UnusableInput):
                data, version = self._file.read()
                if (stored := _parse(data)) and stored.owner == self.owner:
                    self._file.replace(self._contents(released=True), version)

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._end.wait(self._seconds / _BEATS) and self._lost is None:
            try:
                self._renew()
                renewed = time.monotonic()
            except Exception as error:  # whatever it is: it passes, or it ends the job elsewhere
                if time.monotonic() - renewed > self._seconds:
                    log.warning(
                        f"{self._output}: its lease cannot be renewed, so another job may take "
                        f"over ({error})"
                    )
                    renewed = time.monotonic()  # once in that time

    def _renew(self) -> None:
        data, version = self._file.read()
        stored = _parse(data)
        if stored is not None and stored.owner != self.owner:
            self._lost = stored
        else:
            self._file.replace(self._contents(), version)

    def _contents(self, released: bool = False) -> bytes:
        now = time.time()
        # Of interest to who wants the output, and no longer: what is finished may be published.
        holder = "" if released else f"process {os.getpid()} on {socket.gethostname()}"
        lease = Lease(
            owner=self.owner,
            holder=holder,
            heartbeat=now,
            expires=now + self._seconds,
            released=released,
        )
        return format_json(lease.to_json()).encode()


@contextlib.contextmanager
def hold(output: Location, seconds: float = SECONDS) -> Iterator[HeldLease]:
    """Take the lease of an output and keep it until the block ends.

    Where another job holds it, this waits for that job's next heartbeat, or for the end of the
    lease if none comes.

    Args:
        output: the folder.
        seconds: for which it is held without a heartbeat.

    Raises:
        JobFailed: another job holds it and lives.
    """
    file = versioned_file(output / NAME)
    lease = HeldLease(output, seconds, file)
    lease.start()
    if not file.is_conditional:
        log.warning(
            f"{output}: this store has no conditional writes here; a job that is paused for longer "
            f"than {seconds:g} s and wakes may write over the work of the one that took over"
        )
    try:
        yield lease
    except StoreAway:  # nor would it answer now
        lease.stop()
        raise
    except BaseException:
        lease.release()
        raise
    lease.release()


def check_owner(output: Location, owner: str) -> None:
    """Go on only if an output's lease still has this owner; for other processes of a job.

    Raises:
        LeaseLost: another job has it.
    """
    stored = _parse((output / NAME).read_if_any(_LARGEST))
    if stored is not None and stored.owner != owner:
        raise _lost(output, stored)


def _parse(data: bytes | None) -> Lease | None:
    """What the object says; None where there is none, or nothing of ours."""
    if data is None or len(data) > _LARGEST:
        return None
    try:
        return records.check(parse_json(data), Lease, NAME)
    except (ValueError, UnusableInput):
        return None


def _is_sound(lease: Lease) -> bool:
    """Whether it lasts no longer than a lease can."""
    return 0 <= lease.expires - lease.heartbeat <= LONGEST


def _held(output: Location, lease: Lease) -> JobFailed:
    return JobFailed(
        f"{output}: another job writes to it: {lease.holder}, last seen {_time(lease.heartbeat)}; "
        "wait for its end, or give another --output"
    )


def _lost(output: Location, lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"{output}: this job lost its lease (paused for too long?); "
        f"{lease.holder or 'another job'} has taken over; nothing more was written here"
    )


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

"""The footers of Parquet files that somebody else wrote.

pyarrow ends the whole interpreter where some contradictions of a footer meet it. So a process of
its own parses each footer first, and only one that it survives is parsed here.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import struct
import subprocess
import sys
import threading
from itertools import product
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.errors import JobFailed, UnusableInput
from nmt.process import module_process
from nmt.storage.location import Location

_MAGIC = b"PAR1"
_TAIL = 64 << 10  # bytes of the first read, as pyarrow does: mostly the whole footer
_PATIENCE = 60.0  # seconds for one footer
_MOST_KNOWN = 100_000  # footers that are remembered, 16 bytes each


def read_footer(location: Location, handle: pa.NativeFile) -> pq.FileMetaData:
    """The metadata of a Parquet file.

    Args:
        location: names it in errors.
        handle: the file, open.

    Raises:
        UnusableInput: pyarrow does not survive the footer.
        JobFailed: the process did not start.
        OSError: the file is no Parquet.
    """
    size = handle.size()
    handle.seek(max(0, size - _TAIL))
    tail = handle.read()
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if not tail.endswith(_MAGIC) or length > size:
        return pq.read_metadata(handle)  # raises what is wrong
    if length > len(tail):
        handle.seek(size - length)
        tail = handle.read()
    file = _MAGIC + tail[-length:]
    digest = hashlib.blake2b(file, digest_size=16).digest()
    if digest not in _known:
        if not _checker.survives(file):
            raise UnusableInput(
                f"{location}: damaged (pyarrow does not survive its footer); fetch it again"
            )
        if len(_known) < _MOST_KNOWN:
            _known.add(digest)
    return pq.read_metadata(pa.BufferReader(file))


def parse_all(file: bytes) -> None:
    """Parse whatever of a footer anybody asks for; what raises an error hides nothing else."""
    metadata = pq.read_metadata(pa.BufferReader(file))
    with contextlib.suppress(Exception):
        metadata.schema.to_arrow_schema()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column, bound in product(range(group.num_columns), ("min", "max")):
            with contextlib.suppress(Exception):
                getattr(group.column(column).statistics, bound, None)


class _Checker:
    """A process that parses footers; it is started with the first one, and anew when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def survives(self, file: bytes) -> bool:
        """Whether the process is still there after it parsed a footer."""
        with self._lock:
            process = self._process or self._start()
            timer = threading.Timer(_PATIENCE, process.kill)
            timer.start()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(struct.pack("<I", len(file)) + file)
                process.stdin.flush()
                alive = process.stdout.read(1) == b"+"
            except OSError:
                alive = False
            finally:
                timer.cancel()
            if not alive:
                self.close()
            return alive

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = process = subprocess.Popen(
            **module_process("nmt.tables.footers"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        if process.stdout.read(1) != b"+":
            self.close()
            raise JobFailed("the process that parses the footers of Parquet files did not start")
        return process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Parse one footer after another, as long as it goes well."""
    answers.write(b"+")  # it is there
    answers.flush()
    while size := requests.read(4):
        with contextlib.suppress(Exception):  # the caller meets it, too
            parse_all(requests.read(struct.unpack("<I", size)[0]))
        answers.write(b"+")
        answers.flush()


_known: set[bytes] = set()
_checker = _Checker()
atexit.register(_checker.close)

if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)

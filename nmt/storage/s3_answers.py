"""Bounds what a store may answer: how slowly it comes, how much there is beside the content of an
object, and what parsers of XML get to see.

Everything that a connection receives passes through `_Received`: status, headers, interim answers,
sizes of chunks, content, trailers.
"""

from __future__ import annotations

import io
import re
import time
from itertools import chain
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.exceptions import HTTPClientError, ReadTimeoutError
from urllib3 import exceptions

_LARGEST = 16 << 20  # bytes; a page with 1,000 names of a kilobyte has four million
# One of a prefix, or a long one; that of S3 has 39 characters.
_NAMESPACE = re.compile(rb"""\sxmlns(?::|\s*=\s*(?:"[^"]{200}|'[^']{200}))""")
_MINUTE = 60.0  # seconds of waiting in which so many bytes come, or the store counts as failed
_LEAST_OF_A_MINUTE = 60 << 10  # 1 KiB a second
_LARGEST_HEADERS = 16 << 10  # bytes; S3 has 2,048 for those of a user, and a few of its own
_MOST_LINES = 1 << 20  # bytes of lines beside content, beyond as many as the content has


class BoundedSession:
    """Bounds the answers to the requests of a client; see botocore's `URLLib3Session`.

    Those that boto3 takes whole, errors and pages of a listing, are read here. The content of an
    object is read by whoever asked for it.

    Args:
        session: sends the requests. It makes its connections anew, of the kinds below: for this
            neither botocore nor urllib3 has a public way.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        session._pool_classes_by_scheme.update(http=_Pool, https=_SecurePool)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def send(self, request: Any) -> Any:
        """Send a request; returns its answer.

        Raises:
            HTTPClientError: the answer is too large or too slow, breaks off, or is XML that may
                unfold.
        """
        is_object, request.stream_output = request.stream_output, True
        answer = self._session.send(request)
        if (size := sum(map(len, chain(*answer.headers.items())))) > _LARGEST_HEADERS:
            answer.raw.close()
            raise HTTPClientError(error=f"headers of {size:,} bytes")
        if is_object and answer.status_code < 300:
            return answer
        try:
            content = answer.raw.read(_LARGEST + 1)
        except exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
        except exceptions.HTTPError as error:
            raise HTTPClientError(error=error) from None
        if len(content) > _LARGEST:
            answer.raw.close()
            raise HTTPClientError(error=f"an answer of more than {_LARGEST:,} bytes")
        # Entities of a document type unfold without a bound, a namespace is a part of the name of
        # each element, and in UTF-16 each letter has a NUL.
        if b"<!DOCTYPE" in content or b"\0" in content or _NAMESPACE.search(content):
            raise HTTPClientError(error="an answer with a document type, long namespace, or NUL")
        answer._content = content
        return answer


class _Socket:
    """A connected socket whose answers are bounded."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def makefile(self, mode: str, buffering: int = io.DEFAULT_BUFFER_SIZE) -> _Answer:
        """What is received, to be read; without a buffer nothing is taken beyond what is asked."""
        return _Answer(_Received(self._socket.makefile(mode, 0)), max(1, buffering))


class _Received(io.RawIOBase):
    """What a socket receives; it fails where that comes too slowly to come to an end.

    The time limit of a connection begins anew with each byte.

    Args:
        socket: as a file.
    """

    def __init__(self, socket: io.RawIOBase) -> None:
        self._socket = socket
        self._waited, self._count = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """See `io.RawIOBase`.

        Raises:
            HTTPClientError: in a minute of waiting came less than a kibibyte a second.
        """
        since = time.monotonic()
        size = self._socket.readinto(buffer)
        self._waited += time.monotonic() - since
        self._count += size or 0
        if size and self._waited >= _MINUTE:
            if self._count < _LEAST_OF_A_MINUTE:
                raise HTTPClientError(
                    error=f"{self._count:,} bytes in {self._waited:.0f} s, less than "
                    f"{_LEAST_OF_A_MINUTE:,} a minute"
                )
            self._waited, self._count = 0.0, 0
        return size

    def close(self) -> None:
        self._socket.close()
        super().close()


class _Answer(io.BufferedReader):
    """An answer: its content, and lines beside it, that is status, headers, interim answers, sizes
    of chunks and trailers, of which there may be about as much."""

    def __init__(self, received: _Received, buffering: int) -> None:
        super().__init__(received, buffering)
        self._room = _MOST_LINES

    def readline(self, size: int | None = -1) -> bytes:
        """See `io.BufferedReader`.

        Raises:
            HTTPClientError: there are too many lines.
        """
        whole = size is None or size < 0 or size > self._room
        line = super().readline(self._room + 1 if whole else size)
        self._room -= len(line)
        if self._room < 0:
            raise HTTPClientError(error="an answer of lines without an end")
        return line

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._room += len(data)
        return data

    def read1(self, size: int = -1) -> bytes:
        data = super().read1(size)
        self._room += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        size = super().readinto(buffer)
        self._room += size
        return size


class _Connection(AWSHTTPConnection):
    sock: Any

    def connect(self) -> None:
        super().connect()
        self.sock = _Socket(self.sock)


class _SecureConnection(AWSHTTPSConnection):
    sock: Any

    def connect(self) -> None:
        super().connect()
        self.sock = _Socket(self.sock)


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection

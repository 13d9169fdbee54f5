"""No part of an answer of S3 is without an end, and none comes too slowly to come to one."""

import contextlib
import io
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from botocore.exceptions import HTTPClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import StoreAway, UnusableInput
from nmt.storage import s3_answers
from nmt.storage.location import Location

ENDLESS = 1 << 26  # bytes, if somebody reads them


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8))
@settings(max_examples=40)
def test_a_body_is_whole_or_too_slow_for_a_minute(kibibytes) -> None:
    """Pieces come after 20 seconds each: three of them are a minute. What happens between the
    reads does not count."""
    pieces = [b"x" * (size << 10) for size in kibibytes]
    body, times = (
        iter(pieces),
        itertools.chain.from_iterable((n, n + 20) for n in range(0, 10**6, 999)),
    )

    class Socket(io.RawIOBase):
        def readinto(self, buffer) -> int:
            piece = next(body, b"")
            buffer[: len(piece)] = piece
            return len(piece)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_answers, "time", SimpleNamespace(monotonic=lambda: next(times)))
        answer = s3_answers._Answer(s3_answers._Received(Socket()), 200 << 10)
        sums = [sum(kibibytes[n : n + 3]) for n in range(0, len(kibibytes) - 2, 3)]
        if min(sums, default=60) < 60:
            with pytest.raises(HTTPClientError, match="less than 61,440 a minute"):
                b"".join(iter(lambda: answer.read1(), b""))
        else:
            assert b"".join(iter(lambda: answer.read1(), b"")) == b"".join(pieces)


BEGIN = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\n'
CHUNKED = BEGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\n<a />\r\n"
LINE = b"x: " + b"y" * 60_000 + b"\r\n"
# What begins an answer, and what follows without an end.
WITHOUT_AN_END = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "headers of interim answers": (b"", b"HTTP/1.1 100 Continue\r\n" + LINE * 50 + b"\r\n"),
    "a status": (b"HTTP/1.1 200 ", LINE.strip()),
    "a header": (BEGIN + b"x: ", LINE.strip()),
    "headers": (BEGIN, LINE),
    "long headers": (
        BEGIN + b"Content-Length: 5\r\nExpires: " + b"1 " * 9000 + b"\r\n\r\n",
        b"<a />",
    ),
    "the size of a chunk": (BEGIN + b"Transfer-Encoding: chunked\r\n\r\n5;", LINE.strip()),
    "sizes of chunks": (CHUNKED, (b"1;" + LINE + b"z\r\n") * 10),
    "trailers": (CHUNKED + b"0\r\n", LINE),
    "a trailer": (CHUNKED + b"0\r\nx:", LINE.strip()),
}


@pytest.fixture
def stubborn(monkeypatch) -> Iterator[Callable[[bytes, bytes], list[int]]]:
    """Has a store begin each answer so, and go on so until nobody listens; returns a list of the
    bytes that each answer had."""
    sent: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = [b"", b""]

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(told[0])
                for _ in range(ENDLESS // len(told[1])):
                    connection.sendall(told[1])
                    sent[-1] += len(told[1])

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    sent.append(0)
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            monkeypatch.setenv(f"AWS_{name}", "test")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

        def tell(begin: bytes, rest: bytes) -> list[int]:
            told[:] = begin, rest
            return sent

        yield tell
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        *((Location.files, what) for what in WITHOUT_AN_END),
        (Location.read_bytes, "headers"),
        (Location.is_file, "interim answers"),
    ],
)
def test_an_answer_without_an_end_is_given_up(stubborn, ask, what) -> None:
    sent = stubborn(*WITHOUT_AN_END[what])
    with pytest.raises((StoreAway, UnusableInput)) as caught:
        ask(Location("s3://bucket/in"))
    assert "\n" not in str(caught.value)
    assert max(sent) < ENDLESS // 2


@pytest.mark.parametrize("what", ["a piece", *WITHOUT_AN_END])
def test_an_answer_that_comes_too_slowly_is_given_up(stubborn, monkeypatch, what) -> None:
    """Whatever of it: each wait for the next bytes takes half a minute."""
    reads = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 30.0 * ((next(reads) + 1) // 2))
    monkeypatch.setattr(s3_answers, "time", clock)
    begin, rest = WITHOUT_AN_END.get(what, (BEGIN + b"Content-Length: 99999\r\n\r\n", b"z"))
    stubborn(begin, rest[:1])
    with pytest.raises(StoreAway, match=r"bytes in 60 s, less than 61,440 a minute"):
        Location("s3://bucket/in").files()

"""The requests that reach a server: a proxy on loopback that counts them on their way."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(GET|PUT|HEAD|POST|DELETE) (\S+) HTTP/1\.1\r\n")


@contextmanager
def counting_proxy(endpoint: str) -> Iterator[tuple[str, list[str]]]:
    """An endpoint that leads to another, and the requests to it as ``GET /bucket/key``."""
    target = urlsplit(endpoint)
    requests: list[str] = []

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target.hostname, target.port)) as server:
                back = threading.Thread(target=copy, args=(server, self.request), daemon=True)
                back.start()
                while data := self.request.recv(1 << 16):
                    requests.extend(f"{m.decode()} {p.decode()}" for m, p in _REQUEST.findall(data))
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
                back.join()

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:  # the client has gone
            pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

    with Server(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
        server.shutdown()

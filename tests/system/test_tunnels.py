"""A store with TLS behind a proxy: requests go through a tunnel, and certificates are checked."""

import datetime
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nmt.errors import UnusableInput
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.location import Location

pytestmark = pytest.mark.system

NAME = "store.invalid"  # which nobody knows but the proxy


def certificate(folder: Path) -> Path:
    """A key, and a certificate of it for the store, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "store.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other side has gone
            pass

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join()


@contextmanager
def serving(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback; its port."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

    with Server(("127.0.0.1", 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def tunnels(s3, monkeypatch, tmp_path) -> Iterator[tuple[list[str], Path]]:
    """The heads of all requests to a proxy before the store with TLS, and its certificate."""
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    store, heads = urlsplit(s3.endpoint), list[str]()

    def secured(client: socket.socket) -> None:
        try:
            plain = context.wrap_socket(client, server_side=True)
            with plain, socket.create_connection((store.hostname, store.port)) as server:
                join(plain, server)
        except ssl.SSLError:  # who does not trust the certificate
            pass

    with serving(secured) as port:

        def proxied(client: socket.socket) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n") and (data := client.recv(1)):
                head += data
            heads.append(head.decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", port)) as server:
                join(client, server)

        with serving(proxied) as proxy:
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:p%40ss@127.0.0.1:{proxy}")
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://{NAME}:9000")
            yield heads, file


def test_requests_go_through_a_tunnel(tunnels) -> None:
    heads, file = tunnels
    folder = Location(f"s3://nmt/tunnel?tls_ca_file_path={file}")
    (folder / "a").write_bytes(b"1")
    assert heads
    assert [each.name for each in folder.files()] == ["a"]
    assert folder.exists()
    assert (folder / "a").read_bytes() == b"1"
    lease = versioned_file(folder / "lease")
    assert lease.replace(b"first", lease.read()[1])
    assert not lease.replace(b"second", '"another"')
    assert lease.is_conditional
    assert {head.split("\r\n")[0] for head in heads} <= {
        f"CONNECT {NAME}:9000 HTTP/1.0", f"CONNECT {NAME}:9000 HTTP/1.1"
    }  # fmt: skip
    # The user and the password of the proxy go to the proxy: user:p@ss.
    assert all("Basic dXNlcjpwQHNz" in head for head in heads), heads


def test_a_certificate_that_nobody_knows_is_refused(tunnels) -> None:
    location = Location("s3://nmt/tunnel")
    for ask in (location.exists, location.is_file):
        with pytest.raises(UnusableInput, match="no answer; check AWS_ENDPOINT_URL, HTTPS_PROXY"):
            ask()


def test_certificates_are_checked_through_a_proxy(tunnels) -> None:
    location = Location("s3://nmt/tunnel?tls_verify_certificates=false")
    with pytest.raises(UnusableInput, match="name your own with tls_ca_file_path"):
        location.exists()

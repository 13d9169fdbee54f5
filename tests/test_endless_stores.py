"""A store that gives more than it says, or has always more to say, ends a job in one line."""

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from logged import Recorder

from nmt.errors import StoreAway, UnusableInput
from nmt.formats.named_files import expand
from nmt.storage import s3_answers, s3_client, s3_filesystem
from nmt.storage.location import Location

PIECE = b"x" * (1 << 16)
ENDLESS = 1 << 26  # bytes, if somebody reads them
PAGE = (
    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{}"
    "</NextContinuationToken><Contents><Key>in/{}.txt</Key><Size>3</Size></Contents>"
    "</ListBucketResult>"
)


class Endless:
    """A store on loopback.

    Attributes:
        answer: the status and the text of an answer to a GET, from its number.
        headers: more of an answer.
        length: what an answer says of its length, beside the pieces in which it comes.
        requests: the paths that were asked for.
        sent: bytes after the text.
    """

    def __init__(self) -> None:
        self.answer: Callable[[int], tuple[int, str | bytes]] = lambda number: (200, "")
        self.length, self.requests, self.sent = -1, list[str](), 0
        self.headers = dict[str, str]()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Endless, str]]:
    """It, and its address; one for all tests, so that they share a client."""
    endless = Endless()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            endless.requests.append(self.path)
            status, text = endless.answer(len(endless.requests))
            data = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            self.send_header("ETag", '"tag"')
            self.send_header("Content-Length", str(len(data)))
            for name, value in endless.headers.items():
                self.send_header(name, value)
            if endless.length < 0:
                self.end_headers()
                self.wfile.write(data if self.command == "GET" else b"")
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            try:
                for piece in [data] * bool(data) + [PIECE] * (ENDLESS // len(PIECE)):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    endless.sent += len(piece)
                self.wfile.write(b"0\r\n\r\n")
            except OSError:  # nobody listens any more
                pass

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield endless, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def store(server: tuple[Endless, str], monkeypatch: pytest.MonkeyPatch) -> Endless:
    """The same as this process reaches it, with nothing to say yet."""
    endless, address = server
    endless.__init__()  # type: ignore[misc]
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    return endless


def test_no_more_of_an_object_is_read_than_it_has(store: Endless) -> None:
    store.length, store.answer = 0, lambda _: (200, "four")
    with pytest.raises(StoreAway, match="it gave more than 4 bytes"):
        Location("s3://bucket/a.json").read_json()
    assert store.sent < ENDLESS / 4  # what lies in buffers


def test_fewer_bytes_than_an_object_has_are_none(store: Endless, monkeypatch) -> None:
    place = Location("s3://bucket/a.json")
    client = s3_client.s3_client(place)
    real = client.get_object
    store.answer = lambda _: (200, "four")
    monkeypatch.setattr(client, "get_object", lambda **name: real(**name) | {"ContentLength": 9})
    with pytest.raises(StoreAway, match="it gave 4 of 9 bytes"):
        place.read_bytes()


@pytest.mark.parametrize("status", [200, 403])
def test_no_more_of_an_answer_is_read_than_one_may_have(store, monkeypatch, status) -> None:
    monkeypatch.setattr(s3_answers, "_LARGEST", 1 << 20)
    store.length, store.answer = 0, lambda _: (status, "<Error>")
    with pytest.raises(StoreAway, match="an answer of more than 1,048,576 bytes"):
        Location("s3://bucket/in").files()
    assert store.sent < ENDLESS * len(store.requests) / 4


LISTED = {
    "a folder": lambda: Location("s3://bucket/in").files(recursive=True),
    "an input": lambda: expand("s3://bucket/in/*.txt"),
}


@pytest.mark.parametrize(
    ("what", "others"),
    [("a folder", "always another"), ("an input", "always another"), ("an input", "the same")],
)
def test_a_listing_without_an_end_is_one_line(store, monkeypatch, what, others) -> None:
    monkeypatch.setattr(s3_filesystem, "_MOST_PAGES", 20)
    monkeypatch.setattr(s3_filesystem, "_SECONDS", 0.0)
    log, same = Recorder(), others == "the same"
    store.answer = lambda number: (200, PAGE.format("token" if same else number, number))
    with pytest.raises(UnusableInput, match=r"^s3://bucket/in: .* or comes to no end \(") as caught:
        LISTED[what]()
    assert "\n" not in str(caught.value)
    assert len(store.requests) == (2 if same else 21)
    assert log.messages[0] == "s3://bucket/in: listing it, 1 files so far"


def test_a_listing_of_too_many_files_is_one_line(store: Endless, monkeypatch) -> None:
    monkeypatch.setattr(s3_filesystem, "_MOST_FILES", 3)
    store.answer = lambda number: (200, PAGE.format(number, number))
    with pytest.raises(UnusableInput, match="lists more than 3 files"):
        Location("s3://bucket/in").files()
    assert len(store.requests) == 4


def test_all_pages_of_a_listing_are_read(store: Endless) -> None:
    last = PAGE.replace("true", "false")
    store.answer = lambda number: (200, (PAGE if number < 3 else last).format(number, number))
    names = [file.name for file in Location("s3://bucket/in").files()]
    assert names == ["1.txt", "2.txt", "3.txt"]


ENTRY = (
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>in/a.txt</Key>"
    "<LastModified>{}</LastModified><Size>{}</Size></Contents></ListBucketResult>"
)
DAY = "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "entry",
    [
        (DAY, "9" * 40),
        (DAY, "9" * 5000),
        (DAY, "-5"),
        (DAY, "1e5"),
        ("no date", "3"),
        ("1e400", "3"),
        ("99999999999999999999", "3"),
        ("x" * 100_000, "3"),
        ("99999-01-01T00:00:00Z", "3"),
    ],
)
def test_a_damaged_listing_is_one_line_about_the_store(store: Endless, entry) -> None:
    store.answer = lambda _: (200, ENTRY.format(*entry))
    with pytest.raises(StoreAway, match="its answer is damaged: ") as caught:
        Location("s3://bucket/in").files()
    assert "\n" not in str(caught.value)


def test_names_that_no_object_has_are_damage(store: Endless) -> None:
    store.answer = lambda _: (200, ENTRY.format(DAY, 3).replace("in/a", "in/" + "ü" * 600))
    with pytest.raises(StoreAway, match="its answer is damaged: a name of 607 characters"):
        Location("s3://bucket/in").files()


def test_an_endless_token_is_damage(store: Endless) -> None:
    store.answer = lambda number: (200, PAGE.format("t" * 8193, number))
    with pytest.raises(StoreAway, match="its answer is damaged: a token of 8,193 characters"):
        Location("s3://bucket/in").files()


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_entities_of_an_answer_do_not_unfold(store: Endless, encoding, status) -> None:
    """Neither in a listing nor in an error, however the document type is written."""
    text = '<!DOCTYPE r [<!ENTITY a "' + "a" * 100 + '">]>' + ENTRY.format(DAY, 3)
    store.answer = lambda _: (status, text.replace("in/a", "in/" + "&a;" * 100).encode(encoding))
    with pytest.raises(StoreAway, match="an answer with a document type, long namespace, or NUL"):
        Location("s3://bucket/in").files()


@pytest.mark.parametrize(
    "content",
    [
        "<Code>A</Code><Code>B</Code>",
        "<Code><x>NoSuchBucket</x></Code>",
        "<Code>AuthorizationHeaderMalformed</Code><Region><a>eu</a><a>b</a></Region>",
    ],
)
def test_an_error_of_another_shape_is_one_line(store: Endless, content: str) -> None:
    store.answer = lambda _: (400, f"<Error>{content}</Error>")
    with pytest.raises(StoreAway, match="its answer is damaged: ") as caught:
        Location("s3://bucket/in").files()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["xmlns:n", "xmlns", "a='>' xmlns \n= "])
@pytest.mark.parametrize("status", [200, 403])
def test_a_long_namespace_is_in_no_name(store: Endless, status: int, name: str) -> None:
    namespace = f"{name}=".replace("= =", "=")
    store.answer = lambda _: (status, f"<ListBucketResult {namespace}'{'u>' * 500}'><e/></a>")
    with pytest.raises(StoreAway, match="an answer with a document type, long namespace, or NUL"):
        Location("s3://bucket/in").files()


@pytest.mark.parametrize("status", [200, 403, 500])
def test_an_answer_of_any_depth_is_one_line(store: Endless, status: int) -> None:
    store.answer = lambda _: (status, "<Error>" + "<a>" * 5000 + "</a>" * 5000 + "</Error>")
    with pytest.raises(StoreAway, match="its answer is damaged: maximum recursion") as caught:
        Location("s3://bucket/in").files()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("ask", ["info", "is_file", "exists", "read_bytes", "files"])
def test_no_redirect_leads_to_another_address(store: Endless, server, status, ask) -> None:
    """It would get the session's token, and may be any address that this machine reaches."""
    store.answer = lambda _: (status, "")
    store.headers = {"Location": f"{server[1]}/internal"}
    with pytest.raises((StoreAway, UnusableInput)):
        getattr(Location("s3://bucket/in/a.txt"), ask)()
    assert store.requests
    assert not [path for path in store.requests if path.startswith("/internal")]


REDIRECT = "<Error><Code>TemporaryRedirect</Code></Error>"


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ("", "307|Redirect"),
        ("evil.example.com/#", "its answer is damaged: "),
        ("eu-west-1", "307|Redirect"),
    ],
)
def test_redirects_come_to_an_end(store: Endless, region, problem) -> None:
    store.headers = {"Location": "/other"} | ({"x-amz-bucket-region": region} if region else {})
    store.answer = lambda _: (307, REDIRECT)
    for ask in (Location.read_bytes, Location.files, Location.is_file):
        store.requests.clear()
        with pytest.raises(StoreAway, match=problem) as caught:
            ask(Location("s3://bucket/in"))
        assert "\n" not in str(caught.value)
        assert len(store.requests) <= 3

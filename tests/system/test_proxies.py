"""A proxy of HTTP before a real S3 server: everything goes through it, or past it."""

import pytest
from requests_of import counting_proxy

from nmt.errors import UnusableInput
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.location import Location
from nmt.storage.preflight import check_writable

pytestmark = pytest.mark.system

# A name that nobody knows but the proxy: past it there is no way.
STORE = "http://store.invalid:9000"


@pytest.fixture(autouse=True)
def _no_other_proxy(monkeypatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def use(folder: Location) -> None:
    """Read, write, list, move, delete, and write under conditions."""
    check_writable(folder)
    (folder / "a").write_bytes(b"1")
    assert (folder / "a").read_bytes() == b"1"
    with (folder / "a").open() as file:
        assert file.read() == b"1"
    assert (folder / "a").exists()
    assert not (folder / "b").is_file()
    (folder / "a").rename("b")
    assert [file.name for file in folder.files(recursive=True)] == ["b"]
    (folder / "b").delete()
    assert not (folder / "b").exists()
    assert not (folder / "b").is_file()
    lease = versioned_file(folder / "lease")
    assert lease.replace(b"first", lease.read()[1])
    before = lease.read()[1]
    assert lease.replace(b"second", before)
    assert not lease.replace(b"third", before)
    assert lease.is_conditional


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_all_of_a_store_goes_through_the_proxy(s3, monkeypatch, variable) -> None:
    with counting_proxy(s3.endpoint) as (proxy, requests):
        monkeypatch.setenv(variable, proxy.replace("//", "//user:p%40ss@"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", STORE)
        use(Location(f"s3://nmt/{variable}-through"))
    asked = {request.split()[0] for request in requests}
    assert asked >= {"GET", "PUT", "HEAD", "DELETE"}
    assert all(request.split()[1].startswith(f"{STORE}/nmt") for request in requests), requests
    # Both clients: boto3 lists nothing, pyarrow stores nothing.
    assert any("list-type=2" in request for request in requests)
    assert any(request.startswith("PUT") and "lease" in request for request in requests)


def test_the_address_may_stand_in_the_uri(s3, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with counting_proxy(s3.endpoint) as (proxy, requests):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        use(Location("s3://nmt/of-uri?endpoint_override=store.invalid:9000&scheme=http"))
    assert len(requests) > 10


@pytest.mark.parametrize("exception", ["127.0.0.1", "other.example,127.0.0.1", "*"])
def test_what_no_proxy_names_is_asked_directly(s3, monkeypatch, exception) -> None:
    with counting_proxy(s3.endpoint) as (proxy, requests):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        use(Location(f"s3://nmt/with-proxy-{len(exception)}"))
        assert requests
        requests.clear()
        monkeypatch.setenv("NO_PROXY", exception)
        use(Location(f"s3://nmt/past-proxy-{len(exception)}"))
        assert requests == []


def test_the_proxy_of_another_scheme_is_not_used(s3, monkeypatch) -> None:
    with counting_proxy(s3.endpoint) as (proxy, requests):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        use(Location("s3://nmt/other-scheme"))
    assert requests == []


@pytest.mark.parametrize(
    ("proxy", "hint"),
    [
        (
            "http://user:S3CRET0@127.0.0.1:1",
            "no answer; check AWS_ENDPOINT_URL, HTTPS_PROXY, HTTP_PROXY",
        ),
        ("socks5://user:S3CRET0@127.0.0.1:1", "HTTP_PROXY: not a proxy that can be used"),
        ("http://user:S3CRET0@127.0.0.1:many", "HTTP_PROXY: not a proxy that can be used"),
    ],
)
def test_a_proxy_that_does_not_work_is_told(monkeypatch, proxy, hint) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-nobody")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", STORE)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    location = Location("s3://nmt/x")
    for ask in (location.exists, location.is_file):
        with pytest.raises(UnusableInput, match=hint) as caught:
            ask()
        assert "S3CRET0" not in str(caught.value)

"""pyarrow's filesystem of a bucket, where it needs the proxy or the role that boto3 uses.

pyarrow itself looks at no variable of a proxy, and asks for the credentials of a service account
at the public address of AWS alone. So it gets the proxy that boto3 uses, and the credentials that
boto3 keeps and renews.
"""

from __future__ import annotations

import functools
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.s3 import explained
from nmt.storage.s3_client import client_in, endpoint_of, endpoint_of_environment, session

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

_PORTS = {"http": 80, "https": 443}


def s3_filesystem(location: Readable) -> tuple[pafs.FileSystem, bool]:
    """The filesystem of a bucket.

    Returns:
        It, and whether it can be kept: one with the credentials of a role is good for minutes only.

    Raises:
        UnusableInput: the URI, or the variable of a proxy, is not usable, or access is refused.
        StoreAway: the credentials of a role, or the region of the bucket, cannot be had now.
    """
    with explained(location):
        credentials = session().get_credentials()
        renewed = credentials is not None and hasattr(credentials, "refresh_needed")
        proxy = _proxy_of(location)
        if not renewed and proxy is None:
            return pafs.FileSystem.from_uri(str(location))[0], True
        keys = credentials.get_frozen_credentials()[:3] if credentials else (None, None, None)
        region = location.options.get("region") or _region_of(location)
    if location.options.get("tls_verify_certificates", "true").lower() in ("false", "0"):
        raise UnusableInput(
            f"{location.uri}: certificates are always checked through a proxy and with a role; "
            "name your own with tls_ca_file_path"
        )
    return _filesystem(
        _Settings(*_address(location), region, proxy, *_others(location), *keys)
    ), False


class _Settings(NamedTuple):
    """What a filesystem is made of; see `pyarrow.fs.S3FileSystem`."""

    scheme: str
    endpoint: str | None
    region: str
    proxy: tuple[str, str, int, str, str] | None
    certificates: str | None
    delayed: bool
    access_key: str | None
    secret_key: str | None
    token: str | None


@functools.lru_cache(8)
def _filesystem(settings: _Settings) -> pafs.S3FileSystem:
    names = ("scheme", "host", "port", "username", "password")
    proxy = dict(zip(names, settings.proxy, strict=True)) if settings.proxy else None
    return pafs.S3FileSystem(
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        session_token=settings.token,
        anonymous=settings.access_key is None,
        region=settings.region,
        scheme=settings.scheme,
        endpoint_override=settings.endpoint,
        proxy_options=proxy,
        allow_delayed_open=settings.delayed,
        tls_ca_file_path=settings.certificates,
    )


def _address(location: Readable) -> tuple[str, str | None]:
    """Scheme and host of the store; no host is that of AWS."""
    endpoint = endpoint_of(location) or endpoint_of_environment()
    if endpoint is None:
        return location.options.get("scheme", "https"), None
    scheme, _, host = endpoint.rpartition("://")
    return scheme or "https", host.rstrip("/")


def _others(location: Readable) -> tuple[str | None, bool]:
    options = location.options
    delayed = options.get("allow_delayed_open", "false").lower() in ("true", "1")
    return options.get("tls_ca_file_path"), delayed


def _proxy_of(location: Readable) -> tuple[str, str, int, str, str] | None:
    """The proxy through which boto3 reaches a store, in parts; None is the direct way.

    Raises:
        UnusableInput: it is none that boto3 and pyarrow both can use.
    """
    from botocore.utils import get_environ_proxies

    address = client_in(location, location.options.get("region")).meta.endpoint_url
    scheme = urllib.parse.urlsplit(address).scheme
    if not (proxy := get_environ_proxies(address).get(scheme)):
        return None
    try:
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        host, port = "", 0
    if not host or parts.scheme not in _PORTS:
        raise UnusableInput(
            f"{scheme.upper()}_PROXY: not a proxy that can be used; write http://HOST:PORT or "
            "https://HOST:PORT"
        )
    user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    return parts.scheme, host, port, user, password


def _region_of(location: Readable) -> str:
    """The region of a bucket, asked for through the proxy; elsewhere that of the environment."""
    known = session().region_name or "us-east-1"
    if endpoint_of(location) or endpoint_of_environment():
        return known
    return (
        _region_at_aws(session(), location.uri.split("/")[2], client_in(location, known)) or known
    )


@functools.lru_cache(64)
def _region_at_aws(session: Any, bucket: str, client: Any) -> str | None:
    """What AWS says of a bucket, to those who may not look into it, too."""
    from botocore.exceptions import ClientError

    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
    return answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")

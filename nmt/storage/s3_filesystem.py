"""pyarrow's filesystem of a bucket, where it needs the proxy or the role that boto3 uses.

pyarrow itself looks at no variable of a proxy, and asks for the credentials of a service account
at the public address of AWS alone. So it gets the proxy that boto3 uses, and the credentials that
boto3 keeps and renews.

The objects below a prefix are asked for a page at a time and within limits: pyarrow asks for all
pages in one call, which never ends where the store always has another one.
"""

from __future__ import annotations

import functools
import logging
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.s3 import LARGEST, explained, info_if_any
from nmt.storage.s3_client import (
    client_in,
    endpoint_of,
    endpoint_of_environment,
    s3_client,
    session,
)

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

_PORTS = {"http": 80, "https": 443}

log = logging.getLogger(__name__)

_MOST_FILES = 2_000_000  # of a folder
_MOST_PAGES = 20_000  # S3 puts 1,000 files into each
_NOTHING = {"NoSuchBucket", "404", "NotFound"}
_LONGEST_NAME = 1024  # bytes
_LONGEST_TOKEN = 8192  # characters: a store may write a name into it
_SECONDS = 10.0  # between two lines of progress


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


def object_info(location: Readable) -> pafs.FileInfo:
    """What lies under a name of S3: an object, a folder (whatever lies below it), or nothing.

    Raises:
        UnusableInput, StoreAway: see `nmt.storage.s3.explained`.
    """
    from botocore.exceptions import ClientError

    bucket, _, key = location.path.strip("/").partition("/")
    if key and (info := info_if_any(location)) is not None:
        return info
    with explained(location):
        try:
            answer = s3_client(location).list_objects_v2(
                Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1
            )
            there = not key or bool(answer.get("Contents"))
        except ClientError as error:
            if error.response["Error"].get("Code") not in _NOTHING:
                raise
            there = False
    kind = pafs.FileType.Directory if there else pafs.FileType.NotFound
    return pafs.FileInfo(location.path, kind)


def list_objects(folder: Readable, recursive: bool) -> list[pafs.FileInfo]:
    """The objects below a folder with sizes and times; none where there is no such bucket.

    Args:
        folder: a bucket, or a prefix in it.
        recursive: take also those in folders of the folder.

    Raises:
        UnusableInput: there are too many of them, or the store comes to no end.
        StoreAway: the store failed.
    """
    from botocore.exceptions import ClientError

    client, (bucket, _, key) = s3_client(folder), folder.path.strip("/").partition("/")
    query: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    query |= {} if recursive else {"Delimiter": "/"}
    infos: list[pafs.FileInfo] = []
    tokens, shown = set[str](), time.monotonic()
    while True:
        with explained(folder):
            try:
                answer = client.list_objects_v2(**query)
            except ClientError as error:
                if error.response["Error"].get("Code") == "NoSuchBucket":
                    return []
                raise
            infos += _files(answer, bucket)
            token = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
            if token and len(token) > _LONGEST_TOKEN:
                raise ValueError(f"a token of {len(token):,} characters")
        if not token:
            return infos
        if token in tokens or len(tokens) >= _MOST_PAGES or len(infos) > _MOST_FILES:
            raise UnusableInput(
                f"{folder}: the store lists more than {_MOST_FILES:,} files, or comes to no end "
                f"({len(infos):,} in {len(tokens) + 1:,} answers); name a folder with fewer"
            )
        tokens.add(token)
        query["ContinuationToken"] = token
        if time.monotonic() - shown >= _SECONDS:
            shown = time.monotonic()
            log.info(f"{folder}: listing it, {len(infos):,} files so far")


def _files(answer: dict[str, Any], bucket: str) -> list[pafs.FileInfo]:
    """The objects of a page; a key that ends in a slash is the mark of a folder.

    Raises:
        ValueError, OverflowError: a name, size or time that no object has.
    """
    for entry in answer.get("Contents", ()):
        if len(entry.get("Key", "").encode()) > _LONGEST_NAME:
            raise ValueError(f"a name of {len(entry['Key']):,} characters")
        if not 0 <= entry.get("Size", 0) <= LARGEST:
            raise ValueError(f"an object of {entry['Size']} bytes")
    return [
        pafs.FileInfo(
            f"{bucket}/{entry['Key']}",
            pafs.FileType.File,
            size=entry.get("Size"),
            mtime=entry.get("LastModified"),
        )
        for entry in answer.get("Contents", ())
        if entry.get("Key") and not entry["Key"].endswith("/")
    ]

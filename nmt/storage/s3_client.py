"""Clients of S3 and of what speaks its protocol, with the endpoint and region that pyarrow uses.

Credentials are those that boto3 finds: of the environment, of a profile, or of the role of a
machine or of a service account. Those of a role it renews.
"""

from __future__ import annotations

import functools
import io
import os
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from nmt.errors import UnusableInput
from nmt.storage.errors import explain
from nmt.storage.retry import is_waiting

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

AT_ONCE = 16  # requests of one client
_LARGEST_ANSWER = 16 << 20  # bytes; a page with 1,000 names of a kilobyte has four million
# One of a prefix, or a long one; that of S3 has 39 characters.
_NAMESPACE = re.compile(rb"""\sxmlns(?::|\s*=\s*(?:"[^"]{200}|'[^']{200}))""")
_LONGEST_TIME = 64  # characters; the parser of times takes the square of them
_PIECE = 1 << 18  # bytes that are read at once
_MINUTE = 60.0  # seconds in which so many bytes come, or the store counts as failed
_LEAST_OF_A_MINUTE = 60 << 10  # 1 KiB a second


def s3_client(location: Readable) -> Any:
    """A client of the store that pyarrow would reach under the same name.

    Raises:
        UnusableInput: it cannot be made for such an endpoint or region.
        StoreAway: the credentials of a role cannot be had now.
    """
    return client_in(location, location.filesystem.region)


def client_in(location: Readable, region: str | None) -> Any:
    """The same in a region; None is that of the environment."""
    options = location.options
    verified = options.get("tls_verify_certificates", "true").lower() not in ("false", "0")
    settings = _Settings(
        endpoint_of(location),
        region,
        options.get("tls_ca_file_path") or None if verified else False,
        _environment(),
    )
    from botocore.exceptions import BotoCoreError, CredentialRetrievalError

    try:
        return _client(settings)
    except CredentialRetrievalError as error:
        raise explain(location.uri, "s3", error, is_waiting()) from None
    except (BotoCoreError, ValueError):  # whose message repeats the endpoint
        raise UnusableInput(
            f"{location.uri}: no client of S3 can be made for this store; check AWS_ENDPOINT_URL "
            "(write http://HOST:PORT or https://HOST:PORT), AWS_REGION and AWS_PROFILE"
        ) from None


def endpoint_of(location: Readable) -> str | None:
    """The address that stands in a URI; None where that of the environment counts."""
    endpoint = location.options.get("endpoint_override")
    if endpoint and "://" not in endpoint:
        endpoint = f"{location.options.get('scheme', 'https')}://{endpoint}"
    return endpoint


def endpoint_of_environment() -> str | None:
    """The address that the environment names for all of S3."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def session() -> Any:
    """The session of boto3 for this environment, whose credentials all clients share."""
    return _session(_environment())


def _environment() -> tuple[tuple[str, str], ...]:
    """The variables that clients depend on."""
    return tuple(
        sorted(
            (name, value)
            for name, value in os.environ.items()
            if name.startswith("AWS_") or name.upper().endswith("_PROXY")
        )
    )


class _Settings(NamedTuple):
    """What a client is made of; clients are shared where it is the same.

    Attributes:
        endpoint: its address, None for that of the environment.
        region: of the bucket, None for that of the environment.
        verify: a file of certificates, None for the usual ones, False for no check.
        environment: the variables of AWS and of proxies.
    """

    endpoint: str | None
    region: str | None
    verify: str | bool | None
    environment: tuple[tuple[str, str], ...]


@functools.lru_cache(8)
def _session(environment: tuple[tuple[str, str], ...]) -> Any:
    import boto3
    import botocore.session

    core = botocore.session.get_session()
    factory = core.get_component("response_parser_factory")
    factory.set_parser_defaults(timestamp_parser=_time)
    return boto3.session.Session(botocore_session=core)


def _time(value: Any) -> Any:
    """A time of an answer."""
    from botocore.utils import parse_timestamp

    if len(str(value)) > _LONGEST_TIME:
        raise ValueError(f"a time of {len(str(value)):,} characters")
    return parse_timestamp(value)


@functools.lru_cache(8)
def _client(settings: _Settings) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    own = settings.endpoint or endpoint_of_environment()
    session = _session(settings.environment)
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=AT_ONCE,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path" if own else "auto"},
        # A public bucket wants no credentials, and pyarrow gives none, either.
        signature_version=None if session.get_credentials() else UNSIGNED,
        # Not every store that speaks S3 knows the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = session.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        verify=settings.verify,
        config=config,
    )
    client._endpoint.http_session = _BoundedAnswers(client._endpoint.http_session)
    client.meta.events.register_first("needs-retry.s3.HeadBucket", _end_redirects)
    return client


def _end_redirects(
    request_dict: dict[str, Any], response: tuple[Any, dict[str, Any]] | None, **_: Any
) -> None:
    """Follow no redirect of HEAD of a bucket that names no region.

    To find the region, botocore's `S3RegionRedirectorv2` would ask HEAD of the bucket again, and
    within that again, without an end.
    """
    metadata = response[1].get("ResponseMetadata", {}) if response else {}
    if "x-amz-bucket-region" not in metadata.get("HTTPHeaders", {}):
        request_dict["context"].setdefault("s3_redirect", {})["redirected"] = True


class _BoundedAnswers:
    """Bounds what is read of answers that boto3 takes whole: errors, and pages of a listing.

    The content of an object is read by whoever asked for it, as `_Steady`. See botocore's
    `URLLib3Session`.

    Args:
        session: sends the requests.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def send(self, request: Any) -> Any:
        """Send a request; returns its answer.

        Raises:
            HTTPClientError: the answer is too large or too slow, breaks off, or is XML that may
                unfold.
        """
        from botocore.exceptions import HTTPClientError, ReadTimeoutError
        from urllib3 import exceptions

        is_object, request.stream_output = request.stream_output, True
        answer = self._session.send(request)
        answer.raw = _Steady(answer.raw)
        if is_object and answer.status_code < 300:
            return answer
        try:
            content = answer.raw.read(_LARGEST_ANSWER + 1)
        except exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
        except exceptions.HTTPError as error:
            raise HTTPClientError(error=error) from None
        if len(content) > _LARGEST_ANSWER:
            answer.raw.close()
            raise HTTPClientError(error=f"an answer of more than {_LARGEST_ANSWER:,} bytes")
        # Entities of a document type unfold without a bound, a namespace is a part of the name of
        # each element, and in UTF-16 each letter has a NUL.
        if b"<!DOCTYPE" in content or b"\0" in content or _NAMESPACE.search(content):
            raise HTTPClientError(error="an answer with a document type, long namespace, or NUL")
        answer._content = content
        return answer


class _Steady:
    """The body of an answer; it fails where the body comes too slowly to come to an end.

    The time limit of a connection begins anew with each byte.

    Args:
        body: of urllib3.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def read(self, amt: int | None = None) -> bytes:
        """So many bytes, fewer only at the end.

        Raises:
            HTTPClientError: in a minute came less than a kibibyte a second.
        """
        from botocore.exceptions import HTTPClientError

        content, left = io.BytesIO(), amt  # whose value is no copy
        since, count = time.monotonic(), 0
        while left is None or left > 0:
            if not (piece := self._body.read1(_PIECE if left is None else min(left, _PIECE))):
                break
            content.write(piece)
            left = None if left is None else left - len(piece)
            count += len(piece)
            if (now := time.monotonic()) - since >= _MINUTE:
                if count < _LEAST_OF_A_MINUTE:
                    self._body.close()
                    raise HTTPClientError(
                        error=f"{count:,} bytes in {now - since:.0f} s, less than "
                        f"{_LEAST_OF_A_MINUTE:,} a minute"
                    )
                since, count = now, 0
        return content.getvalue()

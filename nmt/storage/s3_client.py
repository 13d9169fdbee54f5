"""Clients of S3 and of what speaks its protocol, with the endpoint and region that pyarrow uses.

Credentials are those that boto3 finds: of the environment, of a profile, or of the role of a
machine or of a service account. Those of a role it renews.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from nmt.errors import UnusableInput
from nmt.storage.errors import explain
from nmt.storage.retry import is_waiting

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

AT_ONCE = 16  # requests of one client
_LONGEST_TIME = 64  # characters; the parser of times takes the square of them


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

    from nmt.storage.s3_answers import BoundedSession

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
    client._endpoint.http_session = BoundedSession(client._endpoint.http_session)
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

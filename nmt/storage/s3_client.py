"""Clients of S3 and of what speaks its protocol, with the endpoint and region that pyarrow uses."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from nmt.errors import UnusableInput

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

AT_ONCE = 16  # requests of one client


def s3_client(location: Readable) -> Any:
    """A client of the store that pyarrow would reach under the same name; credentials come from
    the environment there and here.

    Raises:
        UnusableInput: it cannot be made for such an endpoint or region.
    """
    options = location.options
    endpoint = options.get("endpoint_override")
    if endpoint and "://" not in endpoint:
        endpoint = f"{options.get('scheme', 'https')}://{endpoint}"
    verified = options.get("tls_verify_certificates", "true").lower() not in ("false", "0")
    settings = _Settings(
        endpoint,
        location.filesystem.region,
        options.get("tls_ca_file_path") or None if verified else False,
        tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))),
    )
    from botocore.exceptions import BotoCoreError

    try:
        return _client(settings)
    except (BotoCoreError, ValueError):  # whose message repeats the endpoint
        raise UnusableInput(
            f"{location.uri}: no client of S3 can be made for this store; check AWS_ENDPOINT_URL "
            "(write http://HOST:PORT or https://HOST:PORT), AWS_REGION and AWS_PROFILE"
        ) from None


class _Settings(NamedTuple):
    """What a client is made of; clients are shared where it is the same.

    Attributes:
        endpoint: its address, None for that of the environment.
        region: of the bucket.
        verify: a file of certificates, None for the usual ones, False for no check.
        environment: the variables of AWS.
    """

    endpoint: str | None
    region: str
    verify: str | bool | None
    environment: tuple[tuple[str, str], ...]


@functools.lru_cache(8)
def _client(settings: _Settings) -> Any:
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    own = settings.endpoint or any(
        os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    session = boto3.session.Session()
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
    return session.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        verify=settings.verify,
        config=config,
    )

"""What pyarrow's filesystems cannot do on S3 and on what speaks its protocol, done by boto3.

It is told of the endpoint and the region by the same URI and the same variables as pyarrow.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from nmt.errors import UnusableInput
from nmt.storage.errors import explain

if TYPE_CHECKING:
    from nmt.storage.location import Location

_AT_ONCE = 8  # objects that are deleted together; botocore keeps 10 connections


def s3_client(location: Location) -> Any:
    """A client of the store that pyarrow would reach under the same name; credentials come from
    the environment there and here.

    Raises:
        UnusableInput: it cannot be made for such an endpoint or region.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    options = location.options
    endpoint = options.get("endpoint_override")
    if endpoint and "://" not in endpoint:
        endpoint = f"{options.get('scheme', 'https')}://{endpoint}"
    own = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path" if own else "auto"},
        # Not every store that speaks S3 knows the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = location.filesystem.region
    try:
        return boto3.session.Session().client(
            "s3", endpoint_url=endpoint, region_name=region, config=config
        )
    except (BotoCoreError, ValueError):  # whose message repeats the endpoint
        raise UnusableInput(
            f"{location.uri}: no client of S3 can be made for this store; check AWS_ENDPOINT_URL "
            "(write http://HOST:PORT or https://HOST:PORT), AWS_REGION and AWS_PROFILE"
        ) from None


@contextlib.contextmanager
def explained(location: Location) -> Iterator[None]:
    """Turn what boto3 raises into one line; the store answered pyarrow a moment ago."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise explain(location.uri, "s3", error, answered=True) from None


def delete_objects(folder: Location, files: Iterable[Location]) -> None:
    """Delete objects of these very keys.

    pyarrow would put a marker in the place of a folder's last object, or delete all that is below
    a folder, whosever it is.
    """
    client = s3_client(folder)

    def delete(file: Location) -> None:
        bucket, _, key = file.path.partition("/")
        with explained(file):
            client.delete_object(Bucket=bucket, Key=key)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(delete, files):
            pass

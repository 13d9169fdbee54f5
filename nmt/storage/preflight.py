"""Whether a folder or a file can be written, found out without leaving anything there.

Used before long work: that an output cannot be written should not be learnt after hours of work.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from nmt.errors import UnusableInput
from nmt.storage.errors import explain
from nmt.storage.location import Location
from nmt.storage.s3 import s3_client


def check_writable(folder: Location) -> str:
    """Find out whether this process may write into a folder that need not exist yet.

    On a local disk the rights of the nearest folder that exists are read. On S3 one object is
    stored under a condition that nothing fulfils (``If-Match`` with an impossible ETag): the
    store answers only after it has checked the credentials and the right to write, and keeps
    nothing. On other stores an object is really written and deleted.

    Returns:
        What was done, in words.

    Raises:
        UnusableInput: it cannot be written.
        JobFailed: the store failed.
    """
    if folder.is_local:
        return _check_rights(folder)
    if folder.is_s3:
        return _ask_s3(folder)
    file = folder / f"preflight-{uuid.uuid4().hex}"
    file.write_bytes(b"")
    file.delete()
    return "an empty object was written and deleted"


def check_file(file: Location) -> str:
    """`check_writable` for a file that may be there or not.

    Raises:
        UnusableInput: it cannot be written.
        JobFailed: the store failed.
    """
    if file.is_local and Path(file.path).is_dir():
        raise UnusableInput(f"{file}: a folder; name a file")
    return check_writable(file.parent)


def _check_rights(folder: Location) -> str:
    place = Path(folder.path)
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UnusableInput(f"{folder}: {place} is a file; give another path")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UnusableInput(f"{folder}: no right to write into {place}; check its rights")
    return f"the rights of {place} allow it, nothing was written"


def _ask_s3(folder: Location) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = folder.path.partition("/")
    key = "/".join(part for part in (prefix, f"preflight-{uuid.uuid4().hex}") if part)
    try:
        client = s3_client(folder)
        _check_bucket(client, bucket)
        client.put_object(Bucket=bucket, Key=key, Body=b"", IfMatch='"0"')
        # A store that knows no conditions has kept it.
        client.delete_object(Bucket=bucket, Key=key)
        return "an empty object was written and deleted"
    except ClientError as error:
        # The latter is what a store says that looks for the object first.
        code = error.response["Error"].get("Code", "")
        if code in ("PreconditionFailed", "NoSuchKey", "412"):
            return "a conditional write was authorised, nothing was written"
        reason = OSError(f"{code} {error.response['Error'].get('Message', '')}")
        raise explain(folder.uri, "s3", reason) from None
    except BotoCoreError as error:  # no credentials, no answer
        name = "ACCESS_DENIED" if "Credential" in type(error).__name__ else "NETWORK_CONNECTION"
        raise explain(folder.uri, "s3", OSError(name)) from None


def _check_bucket(client: Any, bucket: str) -> None:
    """Raise where there is no such bucket; some stores look at a write's condition before."""
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"].get("Code") in ("404", "NoSuchBucket"):
            raise UnusableInput(
                f"s3://{bucket}: there is no such bucket; create it or check its name"
            ) from None
        # Not to be allowed to look is no matter here.

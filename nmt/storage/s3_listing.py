"""The objects below a prefix of S3, asked for a page at a time and within limits.

pyarrow asks for all pages in one call, which never ends where the store always has another one.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.s3 import LARGEST, explained, info_if_any
from nmt.storage.s3_client import s3_client

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

log = logging.getLogger(__name__)

_MOST_FILES = 2_000_000  # of a folder
_MOST_PAGES = 20_000  # S3 puts 1,000 files into each
_NOTHING = {"NoSuchBucket", "404", "NotFound"}
_LONGEST_NAME = 1024  # bytes
_LONGEST_TOKEN = 8192  # characters: a store may write a name into it
_SECONDS = 10.0  # between two lines of progress


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

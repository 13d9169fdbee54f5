"""Objects of S3, and of what speaks its protocol: all requests are boto3's.

pyarrow's filesystem knows no conditions, asks more than once for a small object, reads past the end
of one that has become shorter, and follows a store's redirect with the session's token to any host.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import ChangedFile, UnusableInput
from nmt.storage.errors import explain
from nmt.storage.retry import is_waiting, retry
from nmt.storage.s3_client import s3_client

if TYPE_CHECKING:
    from nmt.storage.readable import Readable

LARGEST = 1 << 50  # bytes of an object; S3 takes 50 TB

_NO_OBJECT = {"NoSuchKey", "404", "NotFound"}
_OTHER_VERSION = {"PreconditionFailed", "412", "InvalidRange", "416"}
_REFUSED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "409", "412"}
_UNKNOWN = {"NotImplemented", "InvalidArgument", "InvalidRequest", "501"}
_NOTHING = {"IfNoneMatch": "*"}
# Of whoever parses an answer.
_DAMAGE = (ValueError, OverflowError, RuntimeError, TypeError, LookupError, AttributeError)
_WORDS = {"403": "ACCESS_DENIED"}  # an answer to HEAD has none


@contextlib.contextmanager
def explained(location: Readable) -> Iterator[None]:
    """Turn what boto3 raises about an object into one line.

    Raises:
        ChangedFile: the object is not of the version that was asked for.
        UnusableInput, StoreAway: see `nmt.storage.errors.explain`.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        InvalidRegionError,
    )
    from botocore.parsers import ResponseParserError

    answered = is_waiting()  # then the job has begun, and the address was right
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code in _OTHER_VERSION:
            raise changed(location) from None
        reason: Exception = OSError(_WORDS.get(code, error))
        reason = FileNotFoundError() if code in _NO_OBJECT else reason
        raise explain(location.uri, "s3", reason, answered) from None
    except (BotoCoreError, *_DAMAGE, ResponseParserError) as error:
        # A region of the user's was checked when the client was made.
        if isinstance(error, InvalidRegionError) or not isinstance(error, BotoCoreError):
            problem = f"its answer is damaged: {str(error)[:200]}"
            raise _unexpected(location, problem) from None
        # Those of a role may be there again in a moment, others will not.
        lasting = "Credential" in type(error).__name__
        lasting = lasting and not isinstance(error, CredentialRetrievalError)
        reason = OSError("ACCESS_DENIED") if lasting else error
        raise explain(location.uri, "s3", reason, answered) from None


def changed(location: Readable) -> ChangedFile:
    """That an object is not the one that was looked at."""
    return ChangedFile(
        f"{location}: changed, or another file since the job first looked at it; put it back as it "
        "was and run the same command again"
    )


class ObjectVersion(NamedTuple):
    """What an object is known by.

    Attributes:
        etag: its entity tag, which is another one for other contents.
        size: bytes.
    """

    etag: str
    size: int


def version_of(location: Readable) -> ObjectVersion:
    """The version of an object as it is now.

    Raises:
        UnusableInput: there is none, or no right to look.
        StoreAway: the store failed in another way.
    """
    if (version := version_if_any(location)) is None:
        raise UnusableInput(f"{location}: no such file; check the path")
    return version


def version_if_any(location: Readable) -> ObjectVersion | None:
    """The same; None where there is no object."""
    answer = _head(location)
    return None if answer is None else _version(answer, location)


def info_if_any(location: Readable) -> pafs.FileInfo | None:
    """Size and time of an object; None where there is none."""
    if (answer := _head(location)) is None:
        return None
    size, time = _version(answer, location).size, answer.get("LastModified")
    return pafs.FileInfo(location.path, pafs.FileType.File, size=size, mtime=time)


def _head(location: Readable) -> Mapping[str, Any] | None:
    client, name = s3_client(location), object_name(location)
    with explained(location), _none_where_nothing_is():
        return client.head_object(**name)
    return None


def _version(answer: Mapping[str, Any], location: Readable) -> ObjectVersion:
    """The version of an object that an answer is about.

    Raises:
        StoreAway: the answer does not say.
    """
    etag, size = answer.get("ETag"), answer.get("ContentLength", -1)
    if not etag or not 0 <= size <= LARGEST:
        raise _unexpected(location, "it answers without the entity tag or the length of an object")
    return ObjectVersion(etag, size)


def _unexpected(location: Readable, problem: str) -> Exception:
    """What to raise where a store answers as none should."""
    return explain(location.uri, "s3", OSError(problem), answered=True)


@contextlib.contextmanager
def _none_where_nothing_is() -> Iterator[None]:
    """Pass over the answer that there is no such object."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"].get("Code") not in _NO_OBJECT:
            raise


def open_object(location: Readable, version: ObjectVersion) -> pa.NativeFile:
    """A random-access reader of one version of an object: of another one it gives not a byte.

    Args:
        location: the object.
        version: as it was looked at.
    """
    return pa.PythonFile(_Object(location, version), "r")


class _Object(io.RawIOBase):
    """See `open_object`."""

    def __init__(self, location: Readable, version: ObjectVersion) -> None:
        self._location, self._version = location, version
        self._client, self._name = s3_client(location), object_name(location)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._version.size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, fewer only at the end.

        Raises:
            ChangedFile: the object is another one now.
            UnusableInput: it is gone, or may not be read any more.
            StoreAway: the store failed in another way.
        """
        left = max(0, self._version.size - self._position)
        size = left if size is None or size < 0 else min(size, left)
        if not size:
            return b""
        data = retry(lambda: self._range(self._position, size))
        self._position += size
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _range(self, start: int, size: int) -> bytes:
        etag, span = self._version.etag, f"{start}-{start + size - 1}"
        with explained(self._location):
            answer = self._client.get_object(**self._name, IfMatch=etag, Range=f"bytes={span}")
            with contextlib.closing(answer["Body"]) as body:
                if answer.get("ETag") != etag:  # of a store that knows no such condition
                    raise changed(self._location)
                data = body.read(size + 1)
        got = answer.get("ContentRange", "")
        misplaced = bool(start or got) and not got.startswith(f"bytes {span}/")
        if len(data) != size or misplaced:
            problem = f"it gave {len(data):,} bytes ({got}) where {size:,} were asked for"
            raise _unexpected(self._location, problem)
        return data


def object_name(location: Readable) -> dict[str, str]:
    """An object as boto3's operations name it."""
    bucket, _, key = location.path.partition("/")
    return {"Bucket": bucket, "Key": key}


def get(location: Readable, most: int | None = None) -> tuple[bytes, ObjectVersion] | None:
    """A whole object and its version, in one request; None where there is none.

    Args:
        location: the object.
        most: bytes that it may have.

    Raises:
        UnusableInput: it has more, or may not be read.
        StoreAway: the store failed in another way.
    """
    client, name = s3_client(location), object_name(location)
    with explained(location), _none_where_nothing_is():
        answer = client.get_object(**name)
        with contextlib.closing(answer["Body"]) as body:
            version = _version(answer, location)
            if most is not None and version.size > most:
                raise UnusableInput(
                    f"{location}: {version.size:,} bytes, more than the {most:,} it may have"
                )
            data = body.read(version.size + 1)
            if len(data) != version.size:
                more = "more than" if len(data) > version.size else f"{len(data):,} of"
                raise _unexpected(location, f"it gave {more} {version.size:,} bytes")
            return data, version
    return None


def store(location: Readable, data: bytes) -> None:
    """Store an object, whatever lies there."""
    client = s3_client(location)
    with explained(location):
        client.put_object(**object_name(location), Body=data)


def rename(location: Readable, target: Readable) -> None:
    """Give an object another name in its bucket.

    Raises:
        UnusableInput: it is gone, or access is refused.
    """
    client, name = s3_client(location), object_name(location)
    with explained(location):
        client.copy_object(**object_name(target), CopySource=name)
        client.delete_object(**name)


def delete(location: Readable, version: str | None = None) -> None:
    """Delete the object of this very key, if there is one, and of this version if one is named.

    pyarrow would put a marker in the place of a folder's last object, or delete all that is below
    a folder, whosever it is.
    """
    client, condition = s3_client(location), {"IfMatch": version} if version else {}
    with contextlib.suppress(ChangedFile), explained(location), _none_where_nothing_is():
        client.delete_object(**object_name(location), **condition)


def put(location: Readable, data: bytes, version: str | None) -> bool | None:
    """Store an object in the place of a version of it, or, if that is None, where nothing lies.

    Returns:
        Whether the store took it; None if it knows no conditions.
    """
    from botocore.exceptions import ClientError

    client, condition = s3_client(location), {"IfMatch": version} if version else _NOTHING
    with explained(location):
        try:
            client.put_object(**object_name(location), Body=data, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSED:
                return False
            if error.response["Error"]["Code"] in _UNKNOWN:
                return None
            raise
    return True

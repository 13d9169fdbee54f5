"""What an object store refuses, as one line that says what to do."""

from __future__ import annotations

import re
from urllib.request import getproxies_environment

import pyarrow as pa

from nmt.errors import StoreAway, UnusableInput
from nmt.printable import without_secrets
from nmt.storage.credentials import credentials_hint

_BUCKET = "not a name for a bucket; S3 allows 3 to 63 lower-case letters, digits, dots and hyphens"
# What stands in the messages of pyarrow's stores, and what it means.
_S3 = (
    (
        r"(?:AccessDenied|InvalidIdentityToken|NoSuchEntity)\b.* AssumeRole",
        "the role of AWS_ROLE_ARN is refused to this token; check its name, and its trust in the "
        "service account",
    ),
    ("NO_SUCH_BUCKET|NoSuchBucket", "there is no such bucket; create it or check its name"),
    ("INVALID_BUCKET_NAME|InvalidBucketName|[Ii]nvalid bucket name", _BUCKET),
    (
        "ACCESS_DENIED|AccessDenied",
        "access denied; check AWS_ACCESS_KEY_ID, its rights, and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID|InvalidAccessKeyId",
        "unknown access key; check AWS_ACCESS_KEY_ID",
    ),
    (
        "SIGNATURE_DOES_NOT_MATCH|SignatureDoesNotMatch",
        "wrong secret; check AWS_SECRET_ACCESS_KEY",
    ),
)
_NO_ANSWER = re.compile(
    "NETWORK_CONNECTION|Could not connect to the endpoint|timeout on endpoint URL|"
    "Connection was closed before|Failed to connect to proxy|SSL validation failed"
)
_OTHERS = (
    (
        "PERMISSION_DENIED|UNAUTHENTICATED|AuthenticationFailed|AuthorizationFailure",
        "access denied; {credentials}",
    ),
    ("ContainerNotFound|bucket does not exist", "there is no such bucket; create it first"),
)
# What pyarrow says of a damaged file, with no other type than a store's errors have.
_DAMAGE = re.compile(
    r"thrift|parquet|page (?:size|header)|corrupt|decompress|snappy|zstd|brotli|lz4|gzip|zlib|"
    r"dictionary|schema|nesting|level|RLE|bit.?width|unexpected end|magic|encoding|histogram|"
    r"statistics|flatbuffers|codec|logical type|not (?:yet )?(?:implemented|supported)|unsupported",
    re.I,
)
_BAD_BUCKET = re.compile(r"^s3://([^/]*[^a-z0-9./-][^/]*|[^/]{1,2}|[^/]{64,})(?:/|$)")


def is_damage(error: Exception) -> bool:
    """Whether an error of pyarrow's is about what stands in a file, and not about its store."""
    if isinstance(error, UnicodeDecodeError | pa.ArrowNotImplementedError):
        return True  # a name in it; a kind of file that pyarrow does not read
    return type(error) is OSError and error.errno is None and bool(_DAMAGE.search(str(error)))


def explain(
    uri: str, scheme: str, error: Exception, answered: bool = False
) -> UnusableInput | StoreAway:
    """What to raise in the place of a remote store's error.

    Args:
        uri: the name that was asked for.
        scheme: its scheme.
        error: what pyarrow or boto3 raised.
        answered: whether the store has answered before: then its address is right.

    Returns:
        UnusableInput where the user can mend it, otherwise StoreAway: it may pass.
    """
    reason = " ".join(without_secrets(str(error)).split())
    if isinstance(error, FileNotFoundError):
        return UnusableInput(f"{uri}: no such file; check the path")
    for pattern, hint in _S3 if scheme == "s3" else _OTHERS:
        if re.search(pattern, reason):
            return UnusableInput(f"{uri}: {hint.format(credentials=credentials_hint(scheme))}")
    if _NO_ANSWER.search(reason) and not answered:
        proxies = ", HTTPS_PROXY, HTTP_PROXY, NO_PROXY" if getproxies_environment() else ""
        return UnusableInput(f"{uri}: no answer; check AWS_ENDPOINT_URL{proxies} and the network")
    if isinstance(error, PermissionError):
        return UnusableInput(f"{uri}: permission denied; {credentials_hint(scheme)}")
    if _BAD_BUCKET.match(uri):  # a store's answer to HEAD has no words
        return UnusableInput(f"{uri}: {_BUCKET}")
    if isinstance(error, ValueError):  # ArrowInvalid: no such thing in that store
        return UnusableInput(f"{uri}: {reason[:300]}; check the URI")
    return StoreAway(f"{uri}: the store failed ({reason[:300]}); run the same command again")

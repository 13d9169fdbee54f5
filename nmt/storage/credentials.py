"""Where credentials come from, the environment alone, and that none stands in a name.

A name is seen in ``ps``, in Ray's records, in manifests and reports. So a URI with a user, a
password or an option that is not known is refused, and no message repeats it.
"""

from __future__ import annotations

import os
import re
import unicodedata
import urllib.parse

from nmt.errors import UnusableInput
from nmt.storage.uri import decoded, is_plain_address, scheme_of

# Those of pyarrow's filesystems that are no secrets.
_OPTIONS = {
    "s3": "region scheme endpoint_override allow_bucket_creation allow_bucket_deletion "
    "allow_delayed_open smart_defaults tls_ca_file_path tls_verify_certificates",
    "gs": "scheme endpoint_override project_id retry_limit_seconds",
    "abfs": "blob_storage_authority dfs_storage_authority enable_tls background_writes "
    "credential_kind tenant_id client_id",
    "hdfs": "replication default_block_size",
}
_VALUE = re.compile(r"[\w.:/\[\]~+-]*")
_KEY = re.compile(
    r"(?:secret|token|password|passwd|passphrase|pwd|signature|credentials?|sas|session)"
    r"(?:_?(?:id|key|value))?$"
    r"|(?:^|_)(?:key|sig|auth|pass|bearer|jwt|cookie)$"
    r"|(?:account|access|api|secret|encryption|private)_?key(?:_?id)?$|^proxy"
)
_PAIR = re.compile(r"[;#&?]\s*+([^=;#&?/]+)=")
# A container of Azure or a user of HDFS, and the name of a host.
_USER = re.compile(r"[\w.$-]+", re.A)
_HOST = re.compile(r"[\w.-]*", re.A)
_PORT = re.compile(r"(?<=[\]\w.-]):\d*$")
# What was meant as a URI and is none: blanks before it, or too few slashes.
_ALMOST = re.compile(
    r"[^\w/.~]*([a-z][a-z0-9+.-]+):/(?!/)"
    r"|[^\w/.~]*(s3|gs|gcs|abfss?|hdfs|viewfs|file|https?):"
    r"|[^\w/.~]+([a-z][a-z0-9+.-]+)://",
    re.I,
)
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "abfs": "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
}
_ALIASES = {"gcs": "gs", "abfss": "abfs"}


def refuse_secrets(uri: str) -> None:
    """Check that a URI holds no secret, however it is encoded; a plain path holds none.

    Raises:
        UnusableInput: it has a user or a password, an option that is secret or not known, or one
            whose value may hold a secret; or it is no URI, but nearly one.
    """
    scheme = scheme_of(uri)
    if not scheme:
        return _refuse_near_uri(uri)
    base, _, options = uri.partition("?")
    host = decoded(re.split(r"[/#]", base.partition("://")[2], maxsplit=1)[0])
    user, at, host = host.rpartition("@")
    secret = (at and not _names_no_one(scheme, user)) or ":" in _without_port(scheme, host)
    keys = _PAIR.findall(decoded(uri)) + _PAIR.findall(f"?{options}")
    secret = secret or any(_KEY.search(re.sub(r"[\W_]+", "_", key.lower())) for key in keys)
    known = _OPTIONS.get(_ALIASES.get(scheme, scheme), "").split()
    plain = scheme == "file" or all(  # a local file has none: that is said elsewhere
        key in known and _VALUE.fullmatch(value) and (":" not in value or is_plain_address(value))
        for key, value in urllib.parse.parse_qsl(options, keep_blank_values=True)
    )
    if secret or not plain:
        shown = ("…@" if at else "") + (host if _HOST.fullmatch(host) else "…")
        others = f"options other than {', '.join(known)} with plain values" if known else "options"
        proxy = any(key.lower().startswith("proxy") for key in keys)
        raise UnusableInput(
            f"{scheme}://{shown}/…: a URI must not hold credentials or {others}; "
            f"{credentials_hint(scheme)}" + ", and HTTPS_PROXY for a proxy" * proxy
        )


def _refuse_near_uri(text: str) -> None:
    if almost := _ALMOST.match(unicodedata.normalize("NFKC", text)):
        scheme = next(name for name in almost.groups() if name).lower()
        raise UnusableInput(
            f"{scheme}:…: neither a URI nor a plain path; begin with {scheme}:// and nothing "
            "before it, or write ./ before the name of a local file"
        )


def _without_port(scheme: str, host: str) -> str:
    """The host of a store that has ports, else what stands there: a bucket has none."""
    if scheme in ("s3", "gs", "gcs"):
        return host
    name = _PORT.sub("", host)
    return "" if re.fullmatch(r"\[[\da-fA-F:.]+\]", name) else name


def refuse_secret_endpoint() -> None:
    """Check that the variables which name an endpoint of S3 hold a plain URL.

    Raises:
        UnusableInput: one has a user, a password or options, which libraries repeat.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if (value := os.environ.get(name)) and not is_plain_address(value):
            raise UnusableInput(
                f"{name}: not a plain address; write http://HOST:PORT or https://HOST:PORT, "
                "without user, password and options; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                "are for credentials"
            )


def credentials_hint(scheme: str) -> str:
    """How a store gets its credentials: ``set … in the environment``."""
    names = _VARIABLES.get(_ALIASES.get(scheme, scheme))
    if names:
        return f"set {names} in the environment"
    return "let the store's own client take them from the environment"


def _names_no_one(scheme: str, user: str) -> bool:
    """Whether what stands before the ``@`` is no user of that kind of store."""
    if scheme in ("gs", "gcs"):
        return user == "anonymous"
    # abfs://CONTAINER@ACCOUNT…/, and the plain name of a user of HDFS.
    return scheme in ("abfs", "abfss", "hdfs", "viewfs") and bool(_USER.fullmatch(user))

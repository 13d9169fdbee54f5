"""Where credentials come from, the environment alone, and that none stands in a name.

A name is seen in ``ps``, in Ray's records, in manifests and reports. So a URI with a user, a
password or an option that is not known is refused, and no message repeats it.
"""

from __future__ import annotations

import re
import urllib.parse

from nmt.errors import UnusableInput
from nmt.storage.uri import scheme_of, split

# Those of pyarrow's filesystems that are no secrets.
_OPTIONS = {
    "s3": "region scheme endpoint_override allow_bucket_creation allow_bucket_deletion "
    "allow_delayed_open smart_defaults tls_ca_file_path tls_verify_certificates",
    "gs": "scheme endpoint_override project_id retry_limit_seconds",
    "abfs": "blob_storage_authority dfs_storage_authority enable_tls background_writes "
    "credential_kind tenant_id client_id",
    "hdfs": "replication default_block_size",
}
_VALUE = re.compile(r"(?:https?://)?[\w.:/\[\]~+-]*")
_KEY = re.compile(
    r"(?:secret|token|password|passwd|signature|credential|sas)$|(?:^|_)(?:key|sig|auth)$"
    r"|(?:account|access|api|secret|encryption)key$|^proxy"
)
_PAIR = re.compile(r"[;#&?]\s*([^=;#&?/]+)=")
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "abfs": "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
}
_ALIASES = {"gcs": "gs", "abfss": "abfs"}


def refuse_secrets(uri: str) -> None:
    """Check that a URI holds no secret; a plain path holds none.

    Raises:
        UnusableInput: it has a user or a password, an option that is secret or not known, or one
            whose value may hold a secret.
    """
    scheme = scheme_of(uri)
    if not scheme:
        return
    base, _, options = uri.partition("?")
    parts = split(base)
    # A password with a slash in it ends, for the parser, the host.
    cut = "@" not in parts.netloc and re.search(r":(?!\d*$)[^\]]*$", parts.netloc)
    user = parts.username and not _names_no_one(scheme, parts.username)
    keys = _PAIR.findall(urllib.parse.unquote(base)) + _PAIR.findall(f"?{options}")
    secret = any(_KEY.search(key.strip().lower().replace("-", "_")) for key in keys)
    known = _OPTIONS.get(_ALIASES.get(scheme, scheme), "").split()
    plain = scheme == "file" or all(  # a local file has none: that is said elsewhere
        key in known and _VALUE.fullmatch(value)
        for key, value in urllib.parse.parse_qsl(options, keep_blank_values=True)
    )
    if cut or user or parts.password or secret or not plain:
        host = f"…@{parts.hostname or ''}" if "@" in parts.netloc else parts.netloc
        others = f"options other than {', '.join(known)} with plain values" if known else "options"
        raise UnusableInput(
            f"{scheme}://{'' if cut else host}/…: a URI must not hold credentials or {others}; "
            f"{credentials_hint(scheme)}"
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
    return scheme in ("abfs", "abfss", "hdfs", "viewfs")

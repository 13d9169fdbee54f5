"""The names of places: their one spelling, and what must not stand in them.

A remote name is kept percent-encoded, as ``pyarrow.fs.FileSystem.from_uri`` wants it (it decodes
the path); what a ``?`` begins are options of the filesystem, not a part of the name.
"""

from __future__ import annotations

import os
import re
import unicodedata
import urllib.parse

from nmt.errors import UnusableInput

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PLAIN = "/!$&'()*+,;=:@~"  # what need not be encoded in the path of a URI
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?(?:/[\w./~-]*)?", re.A
)
_ENCODINGS = 8  # times that a name may be percent-encoded, one over the other
# A stream of this process alone, by the name that a shell or a user gives to it.
_STREAM = re.compile(r"-|/dev/(?:stdin|stdout|stderr|fd/\d+)|/proc/(?:self|\d+)/fd/\d+")
NO_STREAM = (
    "cannot be read or written here, for rows are read more than once and by several processes; "
    "write the text to a file and name that, or a folder or a URI"
)


def scheme_of(text: str) -> str:
    """The scheme of a URI in lower case; empty for a plain local path."""
    match = _SCHEME.match(text)
    return match.group(1).lower() if match else ""


def quote(name: str) -> str:
    """Percent-encode a path for a URI."""
    return urllib.parse.quote(name, safe=_PLAIN)


def unquote(name: str) -> str:
    """The path that a percent-encoded one stands for."""
    return urllib.parse.unquote(name)


def decoded(text: str) -> str:
    """A text as whoever decodes it again and again reads it, and with ASCII for full-width forms.

    Raises:
        UnusableInput: that has no end in sight.
    """
    for _ in range(_ENCODINGS):
        plain = unicodedata.normalize("NFKC", urllib.parse.unquote(text))
        if plain == text:
            return text
        text = plain
    raise UnusableInput(f"a name is percent-encoded more than {_ENCODINGS} times; decode it")


def is_plain_address(text: str) -> bool:
    """Whether a text is ``HOST:PORT`` or a URL with no user, no password and no options."""
    return bool(_ADDRESS.fullmatch(text))


def is_utf8(name: str) -> bool:
    """Whether a name could be decoded: what could not stands in it as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def split_options(uri: str) -> tuple[str, str]:
    """Cut a remote URI into its one spelling, without a slash at the end, and its options.

    Characters that may not stand in a URI (blanks, ``#``, brackets, letters like ä) are encoded
    for the user; what is encoded already stays as it is.
    """
    base, _, options = uri.partition("?")
    scheme, _, rest = base.partition("://")
    host, _, path = rest.partition("/")
    host = urllib.parse.quote(host, safe="%[]@:" + _PLAIN)
    path = quote(unquote(path)).rstrip("/")
    return f"{scheme.lower()}://{host}" + (f"/{path}" if path else ""), options


def local_path(text: str) -> str:
    """The absolute path of a plain path or a ``file://`` URI.

    Raises:
        UnusableInput: the URI names another host, the path is relative in a submitted job, is
            that of a stream (``-``, ``/dev/stdin``), or is no UTF-8.
    """
    path = _path_of_file(text) if scheme_of(text) == "file" else text
    if _STREAM.fullmatch(path):
        raise UnusableInput(f"{text}: a pipe {NO_STREAM}")
    if not os.path.isabs(path):
        if _in_submitted_job():
            raise UnusableInput(
                f"{text}: a relative path lies in the submitted job's temporary copy; use an "
                "absolute path or a URI"
            )
        path = os.path.abspath(path)
    if "\0" in path:
        raise UnusableInput(f"{text}: no name of a file, for it holds a NUL; check it")
    if not is_utf8(path):
        raise UnusableInput(f"{path}: a name that is not UTF-8; rename it")
    return os.path.normpath(path)


def _path_of_file(uri: str) -> str:
    host, slash, path = uri.partition("://")[2].partition("/")
    if host.lower() not in ("", "localhost"):
        shown = host if is_plain_address(host) else "…"
        raise UnusableInput(
            f"file://{shown}/…: names a host '{shown}', where only file:/// can be read; use an "
            "absolute path or a URI of an object store"
        )
    if "?" in path or "#" in path:
        raise UnusableInput(
            "file:///…: '?' and '#' end the path of a URI; write %3F and %23, or the plain path"
        )
    return unquote(slash + path) or "/"


def without_home(text: str) -> str:
    """A text in which ``~`` stands for the home folder of who runs this."""
    home = os.path.expanduser("~").rstrip("/")
    return re.sub(rf"(?<![\w.~-]){re.escape(home)}(?=/|$)", "~", text) if home else text


def _in_submitted_job() -> bool:
    """Whether this process is the entrypoint of ``ray job submit``."""
    config = os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "")
    return "job_submission_id" in config

"""Names and texts of strangers as one line that a terminal and a log show, and obey not."""

from __future__ import annotations

import difflib
import os
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

# Control characters, ends of lines, overrides of the writing direction; bytes of a name that is
# not UTF-8; and what is not seen at all. U+200C and U+200D are left, for they spell Persian, Hindi
# and emoji, and so are the selectors of variants.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    r"\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# What stands before the host of a URI, as a proxy's or a store's may in a message of a library: a
# user and a password, which may hold a slash or another @; of a web server, a user alone.
_PASSWORD = re.compile(
    r"(?<=://)(?:[^\s/@:\"'<>]{0,999}:(?!\d*/)[^\s\"'<>]{0,999}@"
    r"|(?:(?<=http://)|(?<=https://)|(?<=ray://)|(?<=grpc://))[^\s/\"'<>]{1,999}@)",
    re.IGNORECASE,
)

# Variables of the environment whose value is a secret, and those that name a place.
_SECRET = re.compile(
    r"(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|SAS|SIGNATURE|CREDENTIAL|CONNECTION_STRING"
    r"|(?:SECRET|ACCESS|ACCOUNT|API|STORAGE|PRIVATE|ENCRYPTION|AUTH)_?KEY)$"
)
_PLACE = re.compile(r"(?:URL|URL_S3|URI|ENDPOINT|ADDRESS|PROXY)$")
_WEB = ("", "http", "https", "ray", "grpc")
_LONGEST, _END = 2000, 400  # characters of a message, and of its end, which says what to do
_NAMES, _NAME = 20, 80  # in a list, and characters of each
_LINES, _KINDS = 20, 50  # lines of a kind, and kinds that are told apart
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|[\d,.]+|:.*")  # in lines of one kind
_SHORTEST = 6  # characters of a secret; a shorter one may be any word


def printable(text: str) -> str:
    """A text as one line, with an escape (``\\x1b``, ``\\n``) for each such character, and without
    secrets."""
    return _UNPRINTABLE.sub(_escape, without_secrets(text))


def lower_first(text: str) -> str:
    """A sentence as it goes on after a colon: its first letter small, all else as it is."""
    return text[:1].lower() + text[1:]


def shorten(text: str) -> str:
    """A text of at most 2,000 characters: of a longer one the beginning and the end."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - _END - 3]} … {text[-_END:]}"


def join_names(names: Sequence[str]) -> str:
    """Names for a message: the first 20, each of them with 80 characters at most."""
    shown = [name if len(name) <= _NAME else f"{name[:_NAME]}…" for name in names[:_NAMES]]
    others = len(names) - len(shown)
    return ", ".join(shown) + (f" and {others:,} others" if others else "")


def there_are(names: Iterable[str], wanted: str = "") -> str:
    """The names that there are, for the end of a message about one that there is not, and which of
    them may have been meant.

    Args:
        names: in the order of their file.
        wanted: the name that a user gave.
    """
    known = [*names]
    close = difflib.get_close_matches(wanted[:_NAME], known[:1000], n=1)
    meant = f"; did you mean '{close[0][:_NAME]}'?" if close else ""
    return f"(there are {join_names(known) or 'none'}{meant})"


class FewLines:
    """Shows the first 20 lines of a kind, and in the end how many more there were.

    Args:
        show: is called with each line, which is shortened.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, line: str, kind: str = "") -> None:
        """Show a line, or count it.

        Args:
            line: the line.
            kind: texts that differ in quoted names, in numbers, in brackets, or after a colon are
                of one kind; "" is the line itself.
        """
        line, kind = shorten(line), _VARYING.sub("", shorten(kind or line))
        if kind not in self._counts and len(self._counts) >= _KINDS:
            kind = ""
        self._counts[kind] += 1
        self._first.setdefault(kind, line)
        if self._counts[kind] <= _LINES:
            self._show(line)

    def end(self) -> None:
        """Say how many lines of each kind were not shown."""
        for kind, count in self._counts.items():
            if count > _LINES:
                self._show(f"and {count - _LINES:,} more like '{self._first[kind]}'")


def without_secrets(text: str) -> str:
    """A text with ``…`` for the passwords of URIs and for each secret that the environment holds.

    Whoever cuts a text does this first, for a part of a secret is not known again.
    """
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "…")
    return _PASSWORD.sub("…@", text)


def _secrets() -> set[str]:
    """The secrets of the environment, as they are and as libraries may spell them."""
    secrets = set()
    for name, value in os.environ.items():
        if _SECRET.search(name.upper()):
            secrets.add(value.strip())
        elif _PLACE.search(name.upper()):
            secrets |= _secrets_of_place(value.strip())
    secrets |= {spelled for secret in secrets for spelled in _spellings(secret)}
    return {secret for secret in secrets if len(secret) >= _SHORTEST}


def _secrets_of_place(place: str) -> set[str]:
    """What may be secret in an address of the web: user and password, and options."""
    scheme, _, name = place.rpartition("://")
    if scheme.lower() not in _WEB:
        return set()
    user, _, rest = name.rpartition("@")
    options = re.split(r"[?#;]", rest, maxsplit=1)[1:]
    values = [pair.partition("=")[2] for pair in re.split(r"[&;#?]", "".join(options))]
    return {user, user.partition(":")[2], *options, *values}


def _spellings(secret: str) -> tuple[str, ...]:
    unquoted = urllib.parse.unquote(secret)
    return unquoted, urllib.parse.quote(unquoted, safe=""), urllib.parse.quote(unquoted)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if 0xDC80 <= (code := ord(character)) <= 0xDCFF:  # a byte, by Python's surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return ascii(character)[1:-1]

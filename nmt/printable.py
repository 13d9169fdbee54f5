"""Names and texts of strangers as one line that a terminal and a log show, and obey not."""

from __future__ import annotations

import re

# Control characters, ends of lines, overrides of the writing direction; and bytes of a name that
# is not UTF-8.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What stands before the host of a URI, as a proxy's or a store's may in a message of a library.
_PASSWORD = re.compile(r"(?<=://)[^\s/@:\"'<>]*:[^\s/@\"'<>]*@")


def printable(text: str) -> str:
    """A text as one line, with an escape (``\\x1b``, ``\\n``) for each such character, and without
    the passwords of URIs."""
    return _UNPRINTABLE.sub(_escape, _PASSWORD.sub("…@", text))


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if 0xDC80 <= (code := ord(character)) <= 0xDCFF:  # a byte, by Python's surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return repr(character)[1:-1]

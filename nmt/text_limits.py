"""What is too much for one text, found before anything else is done with it.

Nobody writes such texts; they are broken files, or made to stop a job: the canonical order of
combining marks (NFC) takes time that grows with the square of their number.

``too_many_characters``
    more than ``data.max_characters`` (`nmt prepare`) or ``search.max_characters``; a text of
    four times as many bytes is not even decoded. A translation may have 20 times as many.
``too_many_marks``
    more than 100 combining marks in a row, which no script has. (Unicode's own stream-safe format,
    annex 15, allows 30.)
"""

from __future__ import annotations

import regex

from nmt.reject_reasons import RejectReason

MOST_CHARACTERS = 50_000  # unless a setting says otherwise: twenty pages
MOST_CHARACTERS_ALLOWED = 10_000_000  # by a setting
MOST_MARKS = 100  # in a row
_SHOWN = 1000  # characters of a text of too many that are stored
_BYTES = 4  # of a character, at most
_RATIO = 20  # characters of a translation for one of the longest source


class MalformedRow(bytes):
    """The bytes of what is no row of its format; it is rejected, whatever it says.

    Attributes:
        why: it is none, for people.
    """

    why: str

    def __new__(cls, data: bytes, why: str) -> MalformedRow:
        row = super().__new__(cls, data)
        row.why = why
        return row


_MARK = regex.compile(r"\p{M}")
_MARKS = regex.compile(rf"\p{{M}}{{{MOST_MARKS + 1}}}")


def excess(text: bytes | str, most: int = MOST_CHARACTERS) -> RejectReason | None:
    """The reason to reject a text that exceeds a limit, see above; None for others.

    Args:
        text: as it was read. Of bytes only the number is looked at.
        most: characters that it may have.
    """
    if isinstance(text, bytes):
        return RejectReason.TOO_MANY_CHARACTERS if len(text) > most_bytes(most) else None
    if len(text) > most:
        return RejectReason.TOO_MANY_CHARACTERS
    return RejectReason.TOO_MANY_MARKS if has_too_many_marks(text) else None


def decode_text(raw: bytes | str, most: int) -> tuple[str, RejectReason | None]:
    """A text as it was read, and the reason to reject it, if there is one.

    Args:
        raw: the text, or its bytes, which need not be UTF-8.
        most: characters that it may have.

    Returns:
        The text; that of a rejected row as `shown` stores it. A `MalformedRow` is rejected.
    """
    if type(raw) is bytes and len(raw) <= most and raw.isascii():  # most texts of some languages
        return raw.decode("ascii"), None
    reason = excess(raw, most)
    if reason is None and isinstance(raw, MalformedRow):
        reason = RejectReason.MALFORMED
    if reason is None and isinstance(raw, bytes):
        try:
            raw = raw.decode("utf-8")
            reason = excess(raw, most)
        except UnicodeDecodeError:
            reason = RejectReason.BROKEN_UTF8
    return shown(raw, reason), reason


def has_too_many_marks(text: str) -> bool:
    """Whether more combining marks follow each other than in any script."""
    # So long a run covers one of these places.
    some = text[MOST_MARKS :: MOST_MARKS + 1]
    if some.isascii() or _MARK.search(some) is None:
        return False
    return _MARKS.search(text) is not None


def most_bytes(characters: int) -> int:
    """Bytes of UTF-8 that so many characters have at most."""
    return _BYTES * characters


def most_translated(characters: int) -> int:
    """Characters, and tokens, of a translation where a source may have so many characters: no
    language needs more. `translate` writes no longer one, and `evaluate` reads none.
    """
    return _RATIO * max(characters, MOST_CHARACTERS)


def shown(text: bytes | str, reason: RejectReason | None) -> str:
    """A rejected text as it is stored: bytes that are not UTF-8 as U+FFFD, and of a text of
    too many characters, and of what is no row, only the first 1,000."""
    long = reason in (RejectReason.TOO_MANY_CHARACTERS, RejectReason.MALFORMED)
    if long:
        text = text[: most_bytes(_SHOWN)] if isinstance(text, bytes) else text[:_SHOWN]
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return decoded[:_SHOWN] if long else decoded


def in_words(reason: RejectReason, text: str, most: int, setting: str) -> str:
    """What is wrong with a text, for the end of an error message.

    Args:
        reason: as `excess` gives it.
        text: the text.
        most: characters that it may have.
        setting: that says so.
    """
    if reason == RejectReason.TOO_MANY_MARKS:
        return f"has more than {MOST_MARKS} combining marks in a row; remove them"
    return f"has {len(text):,} characters, more than {setting}={most}; split it or raise the limit"

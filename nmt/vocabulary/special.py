"""The four symbols that every vocabulary begins with (their ids are part of the contract), and
how tokens write a blank."""

from __future__ import annotations

import re
from collections.abc import Iterable

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIALS = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")

TAG = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"  # names of tags
_TAG_ENTRY = re.compile(r"<([A-Za-z0-9][A-Za-z0-9_-]{0,31})>")

BLANK = "▁"  # how SentencePiece writes one in its tokens
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(token: str) -> bytes:
    """What a token writes, as UTF-8, the blank that begins a word included.

    SentencePiece spells a character that the vocabulary lacks by its bytes: ``<0xE2>`` is one.
    """
    byte = _BYTE.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.replace(BLANK, " ").encode()


def lost_bytes(tokens: Iterable[str]) -> int:
    """How many of the tokens are bytes that form no character with those beside them."""
    lost, run = 0, b""
    for token in (*tokens, ""):
        if token.startswith("<") and (byte := _BYTE.fullmatch(token)):
            run += bytes([int(byte[1], 16)])
        elif run:
            lost += len(run) - len(run.decode("utf-8", "ignore").encode())
            run = b""
    return lost


def tag_entry(name: str) -> str:
    """How a vocabulary writes a tag; no text is ever cut into it."""
    return f"<{name}>"


def tag_name(entry: str) -> str | None:
    """The name of a tag; None of another entry."""
    match = _TAG_ENTRY.fullmatch(entry)
    return match[1] if match else None


def is_byte(token: str) -> bool:
    """Whether a token is a byte of a character that the vocabulary lacks."""
    return token.startswith("<") and _BYTE.fullmatch(token) is not None


def spelled(tokens: Iterable[str]) -> str:
    """The text that tokens write together; bytes that form no character are left out."""
    return b"".join(map(token_bytes, tokens)).decode("utf-8", "ignore")

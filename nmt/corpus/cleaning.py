r"""Clean text, the same way for training pairs and for what is to be translated.

The rules, in their order; each can be switched off:

``decode_entities``
    ``&amp;``, ``&#8217;`` … with their semicolon, also doubly encoded: ``&amp;lt;`` becomes
    ``<``.
``replace_no_break_spaces``
    every blank of Unicode (no-break, narrow, ideographic, tab, line separators …) is a space.
``remove_invisible``
    zero-width space, word joiner, byte order mark, soft hyphen, marks of writing direction,
    control characters and lone surrogates go. Zero-width joiner and non-joiner stay: they
    change how Persian, Hindi and others are spelled.
``normalize_unicode``
    canonical composition (NFC), but not of a text of `too_many_marks`.
``collapse_blanks``
    outer and double blanks go.

Last, where asked, both sides are lower-cased.

The rules are gone through until nothing changes any more, so that cleaned text is cleaned to
itself: ``&am\u00adp;`` is an entity only once the soft hyphen has gone. Each round of decoding
shortens the text. No more than 10 rounds are made: a text that needs more was made for the purpose,
and what is left of it is kept as it is.
"""

from __future__ import annotations

import html
import html.entities
import re
import unicodedata
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from nmt.segmentation import CHARACTER, character_words, word_spans
from nmt.settings import DataSettings
from nmt.text_limits import has_too_many_marks

RULES = (
    "decode_entities",
    "replace_no_break_spaces",
    "remove_invisible",
    "normalize_unicode",
    "collapse_blanks",
)

# A character class of what Python calls a blank, the space left out.
_BLANK = re.compile(r"[^\S ]")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NESTED = re.compile("&(?:(?:amp|AMP|#0{0,5}38|#[xX]0{0,4}26);)+")  # however deep, at once
_ROUNDS = 10
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f"  # controls that are no blanks
    "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_NEEDLESS = re.compile(r"\A\s+|(?<!\s)\s+\Z|(?<= ) +")  # outer blanks and double ones
_PLAIN = re.compile(r"[!-%'-~]+(?: [!-%'-~]+)*")


def clean(text: str, settings: DataSettings) -> str:
    """Apply the rules that are switched on.

    Args:
        text: one sentence as it was read.
        settings: which rules are on, and whether text is lower-cased.

    Returns:
        The text as vocabulary and model see it.
    """
    return clean_counting(text, settings)[0]


def clean_counting(text: str, settings: DataSettings) -> tuple[str, tuple[str, ...]]:
    """Apply the rules that are switched on, and say which of them changed something.

    Args:
        text: one sentence as it was read.
        settings: which rules are on, and whether text is lower-cased.

    Returns:
        The cleaned text, and the names out of `RULES` of those that changed it.
    """
    if _PLAIN.fullmatch(text):  # most sentences: nothing any rule would touch
        return (text.lower() if settings.lowercase else text), ()
    cleaning = _Cleaning(text, settings)
    return cleaning.text, tuple(rule for rule in RULES if rule in cleaning.changed)


def stored_words(text: str, settings: DataSettings) -> list[int]:
    """Which words of a text as it is stored those of the cleaned text were.

    Args:
        text: one sentence as it was read.
        settings: which rules are on, and whether text is lower-cased.

    Returns:
        For each word of ``clean(text, settings)`` the index of its word in `text`, both as
        `nmt.segmentation` counts them. Of a word made of several it is the first.
    """
    origins = list(range(len(text)))
    cleaned = _Cleaning(text, settings, origins).text
    owners = character_words(text)
    return [owners[origins[start]] for start, _ in word_spans(cleaned)]


class _Cleaning:
    """A text while it is cleaned.

    Args:
        text: one sentence as it was read.
        settings: which rules are on.
        origins: for each character its place in the text as it was read, changed with the text;
            None keeps no account.

    Attributes:
        text: the cleaned text.
        changed: the rules that changed it.
    """

    def __init__(self, text: str, settings: DataSettings, origins: list[int] | None = None) -> None:
        self.text, self.changed = text, set[str]()
        self._origins = origins
        for _ in range(_ROUNDS):
            before = self.text
            self._round(settings)
            if self.text == before:
                break

    def _round(self, settings: DataSettings) -> None:
        """Apply each rule once."""
        if settings.decode_entities and "&" in self.text:
            self._replace("decode_entities", _NESTED, "&")
            self._replace("decode_entities", _ENTITY, _decode)
        if settings.replace_no_break_spaces:
            self._replace("replace_no_break_spaces", _BLANK, " ")
        if settings.remove_invisible:
            self._replace("remove_invisible", _INVISIBLE, "")
        if settings.normalize_unicode and not _is_normalized(self.text):
            if self._origins is None:
                self.changed.add("normalize_unicode")
                self.text = unicodedata.normalize("NFC", self.text)
            else:
                self._replace("normalize_unicode", CHARACTER, _composed)  # never across one
        if settings.collapse_blanks and ("  " in self.text or self.text != self.text.strip()):
            self._replace("collapse_blanks", _NEEDLESS, "")
        if settings.lowercase:
            if self._origins is not None:
                sizes = [len(character.lower()) for character in self.text]
                self._origins[:] = chain(*map(repeat, self._origins, sizes))
            self.text = self.text.lower()

    def _replace(
        self, rule: str, pattern: Any, replacement: str | Callable[[re.Match[str]], str]
    ) -> None:
        """Replace every match of a pattern."""
        text, origins = self.text, self._origins
        if origins is None:
            self.text = pattern.sub(replacement, text)
        else:
            parts: list[str] = []
            places: list[int] = []
            end = 0
            for match in pattern.finditer(text):
                new = replacement if isinstance(replacement, str) else replacement(match)
                parts += [text[end : match.start()], new]
                places += origins[end : match.start()] + [origins[match.start()]] * len(new)
                end = match.end()
            self.text, origins[:] = "".join(parts) + text[end:], places + origins[end:]
        if self.text != text:
            self.changed.add(rule)


def _is_normalized(text: str) -> bool:
    """Whether NFC leaves a text as it is, or would take too long: such a text is rejected."""
    return has_too_many_marks(text) or unicodedata.is_normalized("NFC", text)


def _composed(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match.group())


def decode_entities(text: str) -> str:
    """Write the characters for which entities stand, also doubly encoded ones, see above."""
    return _ENTITY.sub(_decode, _NESTED.sub("&", text))


def _decode(match: re.Match[str]) -> str:
    entity = match.group()
    # html.unescape alone would also take the prefix of a longer word (&notit; → ¬it;).
    if entity[1] == "#" or entity[1:] in html.entities.html5:
        return html.unescape(entity)
    return entity

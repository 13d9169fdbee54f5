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
    canonical composition (NFC).
``collapse_blanks``
    outer and double blanks go.

Last, where asked, both sides are lower-cased.

The rules are gone through until nothing changes any more, so that cleaned text is cleaned to
itself: ``&am\u00adp;`` is an entity only once the soft hyphen has gone. Each round of decoding
shortens the text; more than 100 rounds only a text made for the purpose would need, and what is
left of that is kept as it is.
"""

from __future__ import annotations

import html
import html.entities
import re
import unicodedata

from nmt.settings import DataSettings

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
_ROUNDS = 100
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f"  # controls that are no blanks
    "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_DOUBLE = re.compile(" {2,}")
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
    changed: set[str] = set()
    for _ in range(_ROUNDS):
        before = text
        text = _round(text, settings, changed)
        if text == before:
            break
    return text, tuple(rule for rule in RULES if rule in changed)


def _round(text: str, settings: DataSettings, changed: set[str]) -> str:
    """Apply each rule once; adds to `changed` those that did something."""

    def note(rule: str, new: str) -> str:
        if new != text:
            changed.add(rule)
        return new

    if settings.decode_entities and "&" in text:
        text = note("decode_entities", _ENTITY.sub(_decode, _NESTED.sub("&", text)))
    if settings.replace_no_break_spaces:
        text = note("replace_no_break_spaces", _BLANK.sub(" ", text))
    if settings.remove_invisible:
        text = note("remove_invisible", _INVISIBLE.sub("", text))
    if settings.normalize_unicode:
        text = note("normalize_unicode", unicodedata.normalize("NFC", text))
    if settings.collapse_blanks:
        text = note("collapse_blanks", _DOUBLE.sub(" ", text).strip())
    return text.lower() if settings.lowercase else text


def _decode(match: re.Match[str]) -> str:
    entity = match.group()
    # html.unescape alone would also take the prefix of a longer word (&notit; → ¬it;).
    if entity[1] == "#" or entity[1:] in html.entities.html5:
        return html.unescape(entity)
    return entity

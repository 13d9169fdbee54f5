"""What stands in a source besides a sentence, and is translated as if it were one."""

from __future__ import annotations

import html
import re

SOURCE_FLAGS = ("multiline", "markup")

_LINE_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
# A full stop ends a sentence after a word that is hardly an abbreviation.
_END = r"(?<![.\w])(?:[^\W\d_A-Z][^\W\d_]{2,}|[^\W\d_]{5,}|\d{3,})\.|[!?؟]|\.\.\.|…"
_NEXT = re.compile(rf"(?:{_END})[\"'»“”’)\]]*\s+[\"'«„“‘(\[¿¡]*([^\W\d_])")
_NEXT_WITHOUT_CASE = re.compile(r"[।॥۔።。！？｡။]\s*\w")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9:-]*(?:\s[^<>]*)?/?>|<!(?:--|DOCTYPE\b|\[CDATA\[)")


def source_flags(text: str) -> tuple[str, ...]:
    """Say what of a source one sentence has not.

    Args:
        text: a source as given.

    Returns:
        ``multiline`` where it has line breaks or, by their punctuation, several sentences, and
        ``markup`` where it holds tags of HTML or XML, also as entities (``&lt;b&gt;``).
    """
    inner = text.strip()
    flags = []
    if _LINE_BREAK.search(inner) or _several_sentences(inner):
        flags.append("multiline")
    if _TAG.search(text) or ("&lt;" in text and _TAG.search(html.unescape(text))):
        flags.append("markup")
    return tuple(flags)


def _several_sentences(text: str) -> bool:
    if _NEXT_WITHOUT_CASE.search(text):
        return True
    return any(not match[1].islower() for match in _NEXT.finditer(text))

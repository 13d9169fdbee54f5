"""What stands in a source besides a sentence, and is translated as if it were one."""

from __future__ import annotations

import re

import regex

from nmt.corpus.cleaning import decode_entities

SOURCE_FLAGS = ("multiline", "markup")

_LINE_BREAK = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
# A full stop ends a sentence after a word that is hardly an abbreviation.
_END = r"(?<![.\w])(?:(?!\p{Lu})(?P<word>[^\W\d_]{3,})|[^\W\d_]{5,}|\d{3,})\.|[!?؟]|\.\.\.|…"
_STOP = re.compile("[.!?؟…]")
_NEXT = regex.compile(rf"(?:{_END})[\"'»“”’)\]]*\s+[\"'«„“‘(\[¿¡]*([^\W\d_])")
# Lower-case ones that stand before a capital, mostly of German nouns, and are no words themselves.
_ABBREVIATIONS = frozenset(
    (
        *("approx", "bijv", "bspw", "bzw", "ecc", "enz", "etc", "evtl", "excl", "exkl", "ggf"),
        *("incl", "inkl", "insb", "max", "sog", "usw", "vgl", "zzgl"),
    )
)
_NEXT_WITHOUT_CASE = re.compile(r"[।॥۔።。！？｡။]\s*\w")
# What else stands between < and > may be a variable (man pages), a type or a comparison: of XML's
# own elements only those count that have an attribute or an end.
_HTML = (
    "a abbr acronym address applet area article aside audio b base bdi bdo big blockquote body br "
    "button canvas caption center cite code col colgroup data datalist dd del details dfn dialog "
    "dir div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 "
    "h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link main map "
    "mark marquee math menu meta meter nav nobr noscript object ol optgroup option output p param "
    "picture pre progress q rp rt ruby s samp script search section select slot small source span "
    "strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time "
    "title tr track tt u ul var video wbr"
).replace(" ", "|")
_ATTRIBUTE = r"""\s(?:\s*[\w:.-]+\s*=|[^<>]*=\s*["'])[^<>]*"""
_TAG = re.compile(
    rf"<(?:{_HTML})\s*>|<[a-z][\w:.-]*+(?=[^<>]*>)(?:{_ATTRIBUTE}>|\s*/>)|</[a-z][\w:.-]*\s*>"
    r"|<!(?:--|DOCTYPE\b|\[CDATA\[)",
    re.IGNORECASE,
)


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
    if ("<" in text and _TAG.search(text)) or ("&" in text and _TAG.search(decode_entities(text))):
        flags.append("markup")
    return tuple(flags)


def _several_sentences(text: str) -> bool:
    if _NEXT_WITHOUT_CASE.search(text):
        return True
    if not _STOP.search(text, 0, len(text) - 1):
        return False
    return any(
        not match[2].islower() and match["word"] not in _ABBREVIATIONS
        for match in _NEXT.finditer(text)
    )

"""Texts in capitals: translated as sentences, whose translations are written in capitals.

A vocabulary that was learnt from texts as they are cuts a word in capitals into its letters, which
no model has learnt to read. Truecasing (Lita et al. 2003, "tRuEcasIng") gives a text the case that
it would have; here that is the case of a sentence, for nothing else is known of its words.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]{2,}")
_FEWEST = 2  # words of a text in capitals: one alone may be an abbreviation, or a name
_STOPS = ".!?…"  # before a blank they end a sentence
_PART = re.compile(rf"[^\W\d_]+|[{_STOPS}](?=\s)")
_TURKIC = frozenset({"az", "tr"})  # where i has a dot in capitals, too


def is_in_capitals(text: str) -> bool:
    """Whether all letters of a text are capitals, and at least two words have several."""
    return text.isupper() and sum(w[0].isupper() for w in _WORD.finditer(text)) >= _FEWEST


def sentence_case(text: str, language: str | None = None) -> str:
    """A text in capitals with capitals only where sentences begin, and in the English *I*.

    Its words, as `nmt.segmentation` counts them, stay as many.

    Args:
        text: in capitals.
        language: its code; None is unknown.
    """
    if language in _TURKIC:
        text = text.replace("I", "ı").replace("İ", "i")
    begins, parts, place = True, [], 0
    for match in _PART.finditer(lower := text.lower()):
        if match[0] in _STOPS:
            begins = True
            continue
        if begins or (language == "en" and match[0] == "i"):
            parts += [lower[place : match.start()], capitals(match[0][0], language)]
            place = match.start() + 1
        begins = False
    return "".join([*parts, lower[place:]])


def capitals(text: str, language: str | None = None) -> str:
    """A text in capitals; its words stay as many.

    Args:
        text: any text.
        language: its code; None is unknown.
    """
    return (text.replace("i", "İ") if language in _TURKIC else text).upper()

"""Languages: their codes, and what the script of a text says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import langcodes
from fontTools.unicodedata import script, script_name
from langcodes.data_dicts import LIKELY_SUBTAGS

UNDETERMINED = "und"  # ISO 639's code for it

# Scripts that one language almost alone is written in. Latin, Cyrillic, Arabic and others that
# many languages share decide nothing.
_LANGUAGE_OF_SCRIPT = {
    "Armn": "hy",
    "Geor": "ka",
    "Grek": "el",
    "Gujr": "gu",
    "Guru": "pa",
    "Hang": "ko",
    "Hani": "zh",
    "Hebr": "he",
    "Hira": "ja",
    "Kana": "ja",
    "Khmr": "km",
    "Knda": "kn",
    "Laoo": "lo",
    "Mlym": "ml",
    "Mymr": "my",
    "Orya": "or",
    "Sinh": "si",
    "Taml": "ta",
    "Telu": "te",
    "Thai": "th",
    "Tibt": "bo",
}
# Codes of scripts (ISO 15924) that stand for several of Unicode's, the telling ones first.
_MIXED = {
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Hanb": ("Hani", "Bopo"),
    "Hrkt": ("Hira", "Kana"),
}
_LATER = {"grc": "Grek"}  # languages for which CLDR names a script of another age
_TELLING = 0.05  # share of kana, or of hangul, among the letters from which Han is not Chinese
_NO_LETTERS = frozenset({"Zyyy", "Zinh", "Zzzz"})  # of any script: digits, punctuation, accents


def language_code(text: str) -> str:
    """The BCP 47 code of a language: ``de`` for de, deu, ger; ``zh-Hant-TW`` for zh_hant_tw.

    Raises:
        ValueError: it is no code of a language.
    """
    if not langcodes.tag_is_valid(text):
        raise ValueError(f"{text!r} is no language code, such as de, deu or zh-Hant")
    return langcodes.standardize_tag(text)


def are_different(one: str | None, other: str | None) -> bool:
    """Whether two codes are of different languages; unknown ones and regions differ from none."""
    try:
        tags = [langcodes.Language.get(code or UNDETERMINED) for code in (one, other)]
    except langcodes.LanguageTagError:
        return False
    languages = {tag.prefer_macrolanguage().language or UNDETERMINED for tag in tags}
    return len(languages) > 1 and UNDETERMINED not in languages


def script_of(language: str) -> str:
    """The script that a language is written in by its code, or usually: ``Latn``, ``Jpan``.

    Empty where nothing is known: of other languages than CLDR's, of ``und`` or ``mul``, and of what
    is no code.
    """
    try:
        tag = langcodes.Language.get(language)
    except langcodes.LanguageTagError:
        return ""
    for known in (tag, tag.prefer_macrolanguage()):  # of cmn it is zh
        if known.script or known.language in LIKELY_SUBTAGS:
            return known.script or _LATER.get(known.language or "") or known.maximize().script or ""
    return ""


def scripts_of(language: str) -> tuple[str, ...]:
    """Unicode's scripts (ISO 15924) that a language is written in: of ``ja`` three. Empty where
    nothing is known; see `script_of`."""
    name = script_of(language)
    return _MIXED.get(name, (name,)) if name else ()


def count_scripts(texts: Iterable[str]) -> Counter[str]:
    """How many letters of each of Unicode's scripts there are; digits and the like are left out."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    scripts: Counter[str] = Counter()
    for character, count in characters.items():
        scripts[script(character)] += count
    for name in _NO_LETTERS:
        del scripts[name]
    return scripts


def language_of(scripts: Mapping[str, int]) -> str:
    """The language that a text's scripts decide on, or `UNDETERMINED`.

    Args:
        scripts: letters of each script, as `count_scripts` finds them.
    """
    letters = sum(scripts.values())
    for mixed in ("Jpan", "Kore"):
        telling, *_ = parts = _MIXED[mixed]
        if _share(scripts, parts) > 0.5 and _share(scripts, parts[:-1]) >= _TELLING:
            return _LANGUAGE_OF_SCRIPT[telling]
    main = max(scripts, key=lambda name: scripts[name], default="")
    if not letters or 2 * scripts[main] <= letters:
        return UNDETERMINED
    return _LANGUAGE_OF_SCRIPT.get(main, UNDETERMINED)


def contradiction(language: str, scripts: Mapping[str, int]) -> str | None:
    """What is odd about a text that is not in the script of its language; None if it is."""
    if (main := _odd_script(language, scripts)) is None:
        return None
    base = langcodes.Language.get(language).language or UNDETERMINED
    return (
        f"most letters are {script_name(main)}; check which side is which, or give {base}-{main} "
        "if that is meant"
    )


def odd_script(language: str, scripts: Mapping[str, int]) -> str | None:
    """The name of the script that a text is in, if that is none of its language; else None."""
    main = _odd_script(language, scripts)
    return None if main is None else str(script_name(main))


def _odd_script(language: str, scripts: Mapping[str, int]) -> str | None:
    expected = script_of(language)
    if not expected or not sum(scripts.values()):
        return None
    if _share(scripts, _MIXED.get(expected, (expected,))) >= 0.5:
        return None
    return max(scripts, key=lambda name: scripts[name])


def _share(scripts: Mapping[str, int], names: Iterable[str]) -> float:
    return sum(scripts.get(name, 0) for name in names) / max(sum(scripts.values()), 1)

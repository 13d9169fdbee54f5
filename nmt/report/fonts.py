"""Find the installed fonts that a picture needs for its texts, beside the one of matplotlib."""

import re
import unicodedata
from collections.abc import Iterable, Set
from functools import lru_cache

import numpy as np
import regex
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties, fontManager

FAMILY = "DejaVu Sans"  # ships with matplotlib, so every machine draws the same picture
_REGULAR = 400  # a font of another weight would be drawn with a warning of matplotlib
# Fonts that have a frame with a code, or nothing at all, for every character.
_PLACEHOLDERS = re.compile(r"last ?resort|adobe ?(blank|notdef)|unicode bmp fallback", re.I)
_REGION = re.compile(r"\b(JP|KR|SC|TC|HK)\b")
_EAST_ASIAN = {
    "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC",
    "FULLWIDTH", "HALFWIDTH",
}  # fmt: skip
_SHOWN = 12  # characters in a warning
_warned: set[str] = set()  # packages that this process has named already


def clusters(text: str) -> list[str]:
    """Cut a text into what readers take for characters: letters with their marks, joined emoji.

    Args:
        text: Any text.

    Returns:
        Its extended grapheme clusters (Unicode Standard Annex 29), which together are the text.
    """
    return regex.findall(r"\X", text)


def invisible(character: str) -> bool:
    """Whether a character only says how its neighbours are drawn and needs no glyph: joiners,
    marks of direction, variation selectors."""
    return (
        character in "\u200c\u200d\u200e\u200f\u061c"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def families(characters: Set[str]) -> tuple[str, ...]:
    """Choose the font families that show characters together.

    The fonts of the machine are read only if that of matplotlib is not enough.

    Args:
        characters: The clusters of everything in one picture, so that all of it looks alike.

    Returns:
        ``FAMILY``, and then as few others as have what it lacks, as far as there are any; the
        first that has all of a cluster is to draw it.
    """
    lacking = frozenset(one for one in characters if not covers(FAMILY, one))
    return (FAMILY, *_others(lacking, _region(characters))) if lacking else (FAMILY,)


@lru_cache(maxsize=8192)
def covers(family: str, cluster: str, *, bold: bool = False) -> bool:
    """Say whether a font family has all visible characters of a cluster."""
    return _codes(cluster) <= _among(family, bold, _codes(cluster))


def warning(missing: str) -> str | None:
    """Say in one line what to install, once in a process for each package.

    Args:
        missing: Characters that no font of the machine has.

    Returns:
        The line, or None where it has been said, or where all are for private use.
    """
    public = {character for character in missing if unicodedata.category(character) != "Co"}
    wanted = {character: _package(character) for character in public}
    new = {character for character, package in wanted.items() if package not in _warned}
    if not new:
        return None
    _warned.update(wanted.values())
    packages = ", ".join(sorted({wanted[character] for character in new}))
    shown = " ".join(c if c.isprintable() else f"U+{ord(c):X}" for c in sorted(new)[:_SHOWN])
    shown += f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
    return (
        f"pictures show boxes for characters that no installed font has ({shown}); "
        f"install {packages} (so Debian calls it) where they are drawn, or another font"
    )


def _package(character: str) -> str:
    """The Debian package with a font that has a character."""
    if unicodedata.category(character) == "So" or 0x1F000 <= ord(character) < 0x20000:
        return "fonts-symbola"
    script = unicodedata.name(character, "").partition(" ")[0]
    return "fonts-noto-cjk" if script in _EAST_ASIAN else "fonts-noto-core"


def _region(clusters: Iterable[str]) -> str:
    """Whose forms of the ideographs are wanted: kana say Japan's, Hangul Korea's."""
    scripts = {unicodedata.name(cluster[0], "").partition(" ")[0] for cluster in clusters}
    if scripts & {"HIRAGANA", "KATAKANA"}:
        return "JP"
    return "KR" if "HANGUL" in scripts else "SC"


@lru_cache(maxsize=256)
def _others(lacking: frozenset[str], region: str) -> tuple[str, ...]:
    """As few installed families as cover these clusters, those that cover most first."""
    codes = frozenset[int]().union(*map(_codes, lacking))
    covered = {}
    for name in sorted(_installed(), key=lambda name: _rank(name, region)):
        if has := _among(name, False, codes):
            covered[name] = {cluster for cluster in lacking if _codes(cluster) <= has}
    chosen: list[str] = []
    while lacking and covered:
        best = max(covered, key=lambda name: len(covered[name] & lacking))
        if not covered[best] & lacking:
            break
        chosen.append(best)
        lacking -= covered[best]
    bases = {cluster[0] for cluster in lacking if len(cluster) > 1}
    alone = frozenset(b for b in bases if not any(covers(f, b) for f in (FAMILY, *chosen)))
    return (*chosen, *_others(alone, region)) if alone else tuple(chosen)


def _rank(family: str, region: str) -> tuple[bool, bool, int, bool, str]:
    """Of families with the same characters the least is taken: plain, of the region, by name."""
    match = _REGION.search(family)
    foreign = 1 if match is None else 0 if match[0] == region else 2
    return "Mono" in family, "Serif" in family, foreign, "Sans" not in family, family


@lru_cache(maxsize=1)
def _installed() -> frozenset[str]:
    """Families with an upright regular font, including those new since matplotlib's search."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except Exception:  # of many kinds: bitmaps, damaged files; none is a font for a picture
            continue
    return frozenset(
        entry.name
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and font_manager.weight_dict.get(str(entry.weight), entry.weight) == _REGULAR
        and not _PLACEHOLDERS.search(entry.name)
    )


@lru_cache(maxsize=8192)
def _codes(cluster: str) -> frozenset[int]:
    return frozenset(ord(character) for character in cluster if not invisible(character))


def _among(family: str, bold: bool, codes: frozenset[int]) -> set[int]:
    """Those of the codes that a family has."""
    wanted = np.fromiter(codes, np.int64, len(codes))
    has = _characters(family, bold)
    places = np.searchsorted(has, wanted).clip(max=len(has) - 1)
    return set(wanted[has[places] == wanted].tolist()) if len(has) else set()


@lru_cache(maxsize=1024)
def _characters(family: str, bold: bool) -> np.ndarray:
    """The codes of a family's characters, int64 of shape (characters,), ascending."""
    # A list, because a name alone is read as a pattern of fontconfig.
    wanted = FontProperties(family=[family], weight="bold" if bold else "normal")
    try:
        face = font_manager.get_font(font_manager.findfont(wanted, fallback_to_default=False))
    except (OSError, RuntimeError, ValueError):  # removed or damaged meanwhile
        return np.zeros(0, np.int64)
    return np.array(sorted(face.get_charmap()), np.int64)

"""Fonts of a few glyphs, made for a test: what is drawn does not hang on the machine's fonts."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from nmt.report import fonts

WIDTH = 1000  # of each glyph, in units of 1,000 an em
SOLID, THIN = 900, 100  # widths of the rectangle that a glyph shows


def write_font(path: Path, family: str, shapes: Mapping[str, int]) -> str:
    """Write a regular font in which each character is an upright rectangle of some width.

    Args:
        path: The .ttf file to write.
        family: What the font is called.
        shapes: For each character the width of its rectangle.

    Returns:
        The path, as the font manager knows it.
    """
    names = {ord(character): f"u{ord(character):04x}" for character in shapes}
    glyphs = {".notdef": _rectangle(10)}
    glyphs |= {f"u{ord(character):04x}": _rectangle(width) for character, width in shapes.items()}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(names)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (WIDTH, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def only_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A function that makes matplotlib's own font and the given files all that is installed."""
    own = [e for e in font_manager.fontManager.ttflist if e.name == fonts.FAMILY]

    def forget() -> None:
        fonts._warned.clear()
        for cached in (fonts._installed, fonts._others, fonts._characters, fonts.covers):
            cached.cache_clear()

    def install(*paths: str) -> None:
        forget()
        monkeypatch.setattr(font_manager.fontManager, "ttflist", list(own))
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(paths))

    yield install
    monkeypatch.undo()
    forget()


def _rectangle(width: int):
    pen, left = TTGlyphPen(None), (WIDTH - width) // 2
    corners = [(left, 0), (left, 800), (left + width, 800), (left + width, 0)]
    pen.moveTo(corners[0])
    for corner in corners[1:]:
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()

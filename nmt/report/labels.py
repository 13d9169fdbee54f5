"""Make any text safe to draw in a figure: only characters the font has, no wider than fits."""

import unicodedata
from functools import lru_cache

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

FONT_FAMILY = "DejaVu Sans"  # ships with matplotlib, so every machine draws the same picture
CONTROL = "\N{REPLACEMENT CHARACTER}"
MISSING = "\N{WHITE SQUARE}"
BLANK = "\N{OPEN BOX}"
_ELLIPSIS = "…"
_MEASURE_DPI = 150  # that of the pictures: hinting makes widths differ between resolutions


def font(size: float, *, bold: bool = False) -> FontProperties:
    """The font of every figure.

    Args:
        size: Size in points.
        bold: Whether to draw it bold.

    Returns:
        Font properties, to be given to each text instead of changing global settings.
    """
    return FontProperties(family=FONT_FAMILY, size=size, weight="bold" if bold else "normal")


@lru_cache(maxsize=8192)
def _drawable(character: str) -> str:
    if character in "\t\n\r ":
        return " "
    # Controls, formats (bidi overrides, joiners), lone surrogates, line separators.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return CONTROL
    face = get_font(findfont(FontProperties(family=FONT_FAMILY)))
    return character if face.get_char_index(ord(character)) else MISSING


def drawable(text: str) -> str:
    """Replace what the font cannot show, so that nothing crashes and nothing vanishes silently.

    Args:
        text: Any text, tokens of a hostile corpus included.

    Returns:
        The text in composed form (NFC), with control characters as U+FFFD, characters
        without a glyph as a square, and white space as plain spaces.
    """
    return "".join(map(_drawable, unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=8192)
def width(text: str, size: float, bold: bool = False) -> float:
    """Measure a line of text.

    Args:
        text: Text that ``drawable`` has passed.
        size: Size in points.
        bold: Whether it will be drawn bold.

    Returns:
        Its width in inches.
    """
    renderer = FigureCanvasAgg(Figure(dpi=_MEASURE_DPI)).get_renderer()
    properties = font(size, bold=bold)
    pixels, _, _ = renderer.get_text_width_height_descent(text, properties, ismath=False)
    return float(pixels) / _MEASURE_DPI


def token_label(token: str, size: float, limit: float) -> str:
    """The label of one token, shortened with an ellipsis where it is too wide.

    Args:
        token: A word or a subword; blank tokens become a visible open box.
        size: Size in points.
        limit: The greatest width in inches.

    Returns:
        A drawable label no wider than ``limit``.
    """
    label = drawable(token[:200]).strip(" ") or BLANK
    return _shorten(label, size, limit, bold=False)


def wrap(text: str, size: float, limit: float, *, lines: int = 4, bold: bool = False) -> list[str]:
    """Break a text into lines by measured width; words too long for a line are broken as well.

    Args:
        text: Any text.
        size: Size in points.
        limit: The greatest width of a line in inches.
        lines: The greatest number of lines; what is left over becomes an ellipsis.
        bold: Whether it will be drawn bold.

    Returns:
        Drawable lines, none for a blank text.
    """
    words = drawable(text[:2000]).split()
    wrapped: list[str] = []
    current = ""
    while words and len(wrapped) < lines:
        word = words.pop(0)
        joined = f"{current} {word}" if current else word
        if width(joined, size, bold) <= limit:
            current = joined
        elif current:
            wrapped.append(current)
            current = ""
            words.insert(0, word)
        else:
            head = _fitting(word, size, limit, bold)
            wrapped.append(word[:head])
            words.insert(0, word[head:])
    if current and len(wrapped) < lines:
        wrapped.append(current)
    elif words or current:
        wrapped[-1] = _shorten(wrapped[-1] + " " + _ELLIPSIS * 2, size, limit, bold=bold)
    return wrapped


def _fitting(text: str, size: float, limit: float, bold: bool) -> int:
    """How many leading characters of ``text`` fit; at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle], size, bold) <= limit:
            low = middle
        else:
            high = middle - 1
    return low


def _shorten(text: str, size: float, limit: float, *, bold: bool) -> str:
    if width(text, size, bold) <= limit:
        return text
    room = limit - width(_ELLIPSIS, size, bold)
    return text[: _fitting(text, size, room, bold)].rstrip() + _ELLIPSIS

"""Make any text safe to draw in a figure: only characters its fonts have, no wider than fits."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from nmt.report import fonts

CONTROL = "\N{REPLACEMENT CHARACTER}"
MISSING = "\N{WHITE SQUARE}"
BLANK = "\N{OPEN BOX}"
_NO_BASE = "\N{DOTTED CIRCLE}"
_ELLIPSIS = "…"
_MEASURE_DPI = 150  # that of the pictures: hinting makes widths differ between resolutions


def font(
    size: float, *, bold: bool = False, families: Sequence[str] = (fonts.FAMILY,)
) -> FontProperties:
    """The font of our own words in every figure; texts of others need ``Lettering.font``.

    Args:
        size: Size in points.
        bold: Whether to draw it bold.
        families: What to look for each character in, in this order.

    Returns:
        Font properties, for each text, instead of global settings.
    """
    return FontProperties(family=list(families), size=size, weight="bold" if bold else "normal")


class Lettering:
    """Shows some texts in the fonts that they need.

    Matplotlib shapes each line: letters join, marks stand at their base, and what is written
    from right to left is read so.

    Args:
        texts: Everything that is to be shown.
        bold: Whether to draw it bold, where the font for it has all the characters.

    Attributes:
        families: The font families, in the order in which each character is searched.
        bold: Whether it is drawn bold.
        missing: The characters that no font of this machine has and that were to be drawn.
    """

    def __init__(self, texts: Iterable[str], *, bold: bool = False) -> None:
        composed = [unicodedata.normalize("NFC", text) for text in texts]
        clusters = {cluster for text in composed for cluster in fonts.clusters(text)}
        visible = {one for one in clusters if not one.isspace() and not any(map(_hidden, one))}
        self.families = fonts.families(visible)
        self.bold = bold and all(fonts.covers(fonts.FAMILY, one, bold=True) for one in visible)
        self.missing: set[str] = set()

    def font(self, size: float) -> FontProperties:
        """The font of these texts in ``size`` points."""
        return font(size, bold=self.bold, families=self.families)

    def drawable(self, text: str) -> str:
        """Replace what cannot be shown, so that nothing crashes and nothing vanishes silently.

        Args:
            text: Any text, tokens of a hostile corpus included.

        Returns:
            The text in composed form (NFC), with control characters as U+FFFD, characters that
            no font has as a square, and white space as plain spaces.
        """
        composed = unicodedata.normalize("NFC", text)
        return "".join(self._shown(cluster) for cluster in fonts.clusters(composed))

    def width(self, text: str, size: float) -> float:
        """Measure a line that ``drawable`` has passed.

        Args:
            text: The line.
            size: Size in points.

        Returns:
            Its width in inches.
        """
        return _width(text, size, self.bold, self.families)

    def token_label(self, token: str, size: float, limit: float) -> str:
        """The label of one token, shortened with an ellipsis where it is too wide.

        Args:
            token: A word or a subword; blank tokens become a visible open box, and marks that
                have lost their base stand on a dotted circle.
            size: Size in points.
            limit: The greatest width in inches.

        Returns:
            A drawable label no wider than ``limit``.
        """
        token = token[:200]
        if token and unicodedata.category(token[0]) in {"Mn", "Mc", "Me"}:
            based = _NO_BASE + token
            token = based if self._covered(fonts.clusters(based)[0]) else token
        label = self.drawable(token).strip(" ")
        return self._shorten(BLANK if all(map(fonts.invisible, label)) else label, size, limit)

    def wrap(self, text: str, size: float, limit: float, *, lines: int = 4) -> list[str]:
        """Break a text into lines by measured width, between characters where a word is too long.

        Args:
            text: Any text.
            size: Size in points.
            limit: The greatest width of a line in inches.
            lines: The greatest number of lines; what is left over becomes an ellipsis.

        Returns:
            Drawable lines, none for a blank text.
        """
        words = self.drawable(text[:2000]).split()
        wrapped: list[str] = []
        current = ""
        while words and len(wrapped) < lines:
            word = words.pop(0)
            joined = f"{current} {word}" if current else word
            if self.width(joined, size) <= limit:
                current = joined
            elif current:
                wrapped.append(current)
                current = ""
                words.insert(0, word)
            else:
                head = self._fitting(word, size, limit)
                wrapped.append(head)
                words.insert(0, word[len(head) :])
        if current and len(wrapped) < lines:
            wrapped.append(current)
        elif words or current:
            wrapped[-1] = self._shorten(wrapped[-1] + " " + _ELLIPSIS * 2, size, limit)
        return wrapped

    def _shown(self, cluster: str) -> str:
        """One cluster as it can be drawn: by a font that has all of it, or else in part."""
        if all(one in "\t\n\r" or unicodedata.category(one) == "Zs" for one in cluster):
            return " "
        if any(map(_hidden, cluster)):
            return "".join(CONTROL if _hidden(one) else self._shown(one) for one in cluster)
        if self._covered(cluster):
            return cluster
        lacking = {one for one in cluster if not self._covered(one)}
        self.missing |= lacking
        # A mark in another font than its base would draw the base into that font, too.
        marks = MISSING if len(cluster) > 1 else ""
        return (MISSING if cluster[0] in lacking else cluster[0]) + marks

    def _covered(self, cluster: str) -> bool:
        return any(fonts.covers(family, cluster) for family in self.families)

    def _fitting(self, text: str, size: float, limit: float) -> str:
        """The longest beginning of a text that fits; at least one cluster."""
        parts = fonts.clusters(text)
        low, high = 1, len(parts)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width("".join(parts[:middle]), size) <= limit:
                low = middle
            else:
                high = middle - 1
        return "".join(parts[:low])

    def _shorten(self, text: str, size: float, limit: float) -> str:
        if self.width(text, size) <= limit:
            return text
        room = limit - self.width(_ELLIPSIS, size)
        return self._fitting(text, size, room).rstrip() + _ELLIPSIS


@lru_cache(maxsize=8192)
def _hidden(character: str) -> bool:
    """Whether a character would change or hide what is around it: controls, overrides of the
    direction, lone surrogates, line separators. Joiners belong to words of some languages."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return unicodedata.category(character) in kinds and not fonts.invisible(character)


@lru_cache(maxsize=8192)
def _width(text: str, size: float, bold: bool, families: tuple[str, ...]) -> float:
    renderer = FigureCanvasAgg(Figure(dpi=_MEASURE_DPI)).get_renderer()
    properties = font(size, bold=bold, families=families)
    pixels, _, _ = renderer.get_text_width_height_descent(text, properties, ismath=False)
    return float(pixels) / _MEASURE_DPI

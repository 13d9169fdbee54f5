"""PNG files that say what they are called and which characters they could not show."""

import io
from collections.abc import Iterable

from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from nmt.report import fonts

_NAME, _MISSING = "Title", "Missing glyphs"  # keywords of PNG text chunks


def png(canvas: FigureCanvasAgg, *, name: str = "", missing: str = "") -> bytes:
    """Draw a figure.

    Args:
        canvas: What the figure is drawn on.
        name: What the picture is called.
        missing: Characters of its texts that no font has.

    Returns:
        The picture as PNG, the same bytes for the same figure.
    """
    texts = {
        keyword: text.encode("utf-8", "replace").decode()
        for keyword, text in ((_NAME, name), (_MISSING, missing))
        if text
    }
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None, **texts})
    return buffer.getvalue()


def name(picture: bytes) -> str:
    """What a picture of ``png`` is called; the empty text where it has no name."""
    return _text(picture, _NAME)


def missing(picture: bytes) -> str:
    """The characters that a picture of ``png`` shows as boxes, because no font has them."""
    return _text(picture, _MISSING)


def warning(pictures: Iterable[bytes]) -> str | None:
    """What to install so that pictures show no boxes; see ``nmt.report.fonts.warning``."""
    return fonts.warning("".join(map(missing, pictures)))


def _text(picture: bytes, keyword: str) -> str:
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as opened:
        return str(opened.info.get(keyword, ""))

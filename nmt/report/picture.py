"""PNG files that say what they are called and which characters they could not show."""

import io
import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from nmt.errors import UnusableInput
from nmt.report import fonts

_P = ParamSpec("_P")
_R = TypeVar("_R")
_NO_STYLE = ("backend", "backend_fallback", "interactive", "toolbar")
_MOST_PIXELS = 25_000_000  # of a picture that is decoded
_MOST_TEXT = 10_000  # characters of a text in it
_NAME, _MISSING = "Title", "Missing glyphs"  # keywords of PNG text chunks


def in_own_style(draw: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function draw in matplotlib's own style, whatever the process has set.

    matplotlib also obeys a file ``matplotlibrc`` of the current folder, which may be a stranger's
    and have LaTeX started. What the process has set stays as it is.
    """

    @wraps(draw)
    def draw_so(*arguments: _P.args, **options: _P.kwargs) -> _R:
        default = matplotlib.rcParamsDefault
        with matplotlib.rc_context({key: default[key] for key in default if key not in _NO_STYLE}):
            return draw(*arguments, **options)

    return draw_so


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


def check(picture: bytes, where: object) -> None:
    """Check that a stored picture is a PNG, whole, and of a size that is decoded.

    Args:
        picture: as it was stored.
        where: names it in the error.

    Raises:
        UnusableInput: it is not.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is lower
            with Image.open(io.BytesIO(picture), formats=["PNG"]) as opened:
                width, height = opened.size
                if width * height > _MOST_PIXELS:
                    raise UnusableInput(
                        f"{where}: {width:,} x {height:,} pixels, more than {_MOST_PIXELS:,}"
                    )
                opened.load()
    except UnusableInput:
        raise
    # Whatever Pillow and zlib make of such a file: they name no error for all of its kinds.
    except Exception as error:
        reason = " ".join(str(error).split())[:80]
        raise UnusableInput(f"{where}: no whole PNG picture ({reason})") from None


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
        return str(opened.info.get(keyword, ""))[:_MOST_TEXT]

"""Put many heatmaps on a page: a contact sheet to print or to leaf through."""

import io
from collections.abc import Sequence

from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread

from nmt.report import picture

_PAGE = (8.27, 11.69)  # inches, A4 upright
_COLUMNS, _ROWS = 2, 3
_MARGIN, _GAP = 0.5, 0.25  # inches
_DPI = 150  # of the pictures: a smaller one is not blown up


@picture.in_own_style
def contact_sheet(pictures: Sequence[bytes]) -> bytes:
    """Lay pictures out on A4 pages, six a page, in their order.

    Args:
        pictures: PNGs, as ``attention_heatmap`` makes them; at least one.

    Returns:
        A PDF, the same bytes for the same pictures.

    Raises:
        ValueError: If there is no picture.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    buffer = io.BytesIO()
    nothing = {"CreationDate": None, "Producer": None, "Creator": None}
    with PdfPages(buffer, metadata=nothing) as document:
        for first in range(0, len(pictures), _COLUMNS * _ROWS):
            page = Figure(figsize=_PAGE, facecolor="white")
            FigureCanvasPdf(page)
            for place, picture in enumerate(pictures[first : first + _COLUMNS * _ROWS]):
                _put(page, place, picture)
            document.savefig(page)
    return buffer.getvalue()


def _put(page: Figure, place: int, picture: bytes) -> None:
    """Draw one picture in its cell, as large as fits, at the top left of it."""
    pixels = imread(io.BytesIO(picture), format="png")
    cell_width = (_PAGE[0] - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
    cell_height = (_PAGE[1] - 2 * _MARGIN - (_ROWS - 1) * _GAP) / _ROWS
    height, width = pixels.shape[0] / _DPI, pixels.shape[1] / _DPI
    scale = min(1.0, cell_width / width, cell_height / height)
    row, column = divmod(place, _COLUMNS)
    left = _MARGIN + column * (cell_width + _GAP)
    top = _MARGIN + row * (cell_height + _GAP)
    box = (left, _PAGE[1] - top - scale * height, scale * width, scale * height)
    axes = page.add_axes(
        (box[0] / _PAGE[0], box[1] / _PAGE[1], box[2] / _PAGE[0], box[3] / _PAGE[1])
    )
    axes.imshow(pixels, aspect="auto", interpolation="none")
    axes.set_axis_off()

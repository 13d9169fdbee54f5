"""Draw attention weights: one picture per sentence pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nmt.report import labels, picture
from nmt.report.labels import Lettering

DPI = 150
_PAD = 0.16  # inches, as every length below
_LONGEST_SIDE = 14.0  # of the grid, so that no picture exceeds about 2,700 pixels
_LABEL_LIMIT = 1.5
_SMALLEST_FONT = 5.5  # points; below it labels are skipped rather than shrunk
_COLORBAR_ROOM = 0.75
_TITLE_SIZE, _NOTE_SIZE = 10.5, 8.0
_TITLE_PITCH, _NOTE_PITCH = 1.35 * _TITLE_SIZE / 72, 1.35 * _NOTE_SIZE / 72
_INK, _MUTED, _LINES, _FRAME = "#1b2430", "#586474", "#d5dce5", "#9aa7b6"


@dataclass(frozen=True)
class _Grid:
    """Sizes that follow from the number of tokens; lengths in inches, the font in points."""

    columns: int
    rows: int

    @property
    def cell_width(self) -> float:
        return min(_cell(self.columns), 2 * _cell(self.rows))

    @property
    def cell_height(self) -> float:
        return min(_cell(self.rows), 2 * _cell(self.columns))

    @property
    def width(self) -> float:
        return self.columns * self.cell_width

    @property
    def height(self) -> float:
        return self.rows * self.cell_height

    @property
    def font_size(self) -> float:
        smallest = 72 * min(self.cell_width, self.cell_height)
        return float(np.clip(0.62 * smallest, _SMALLEST_FONT, 10.0))

    @property
    def rotation(self) -> int:
        return 45 if self.columns <= 24 else 90


@picture.in_own_style
def attention_heatmap(
    weights: np.ndarray,
    source_tokens: list[str],
    target_tokens: list[str],
    *,
    title: str = "",
    caption: str = "",
    name: str = "",
) -> bytes:
    """Draw the attention weights of one sentence, the picture of Bahdanau et al. (2015), fig. 3.

    Args:
        weights: Attention weights, shape (target_length, source_length), each row summing to
            at most 1; padding and what follows the end of the sentence are cut off already.
        source_tokens: The source_length tokens along the top.
        target_tokens: The target_length tokens down the left side.
        title: Heading, wrapped to the width of the picture.
        caption: A note below the picture.
        name: What the picture is called; see ``nmt.report.picture``.

    Returns:
        The picture as PNG, the same bytes for the same arguments and the same installed fonts.
        Each text is drawn in the fonts that it needs, with a box for what no font has.

    Raises:
        ValueError: If the shape disagrees with the tokens, a side is empty, or a weight is
            not a finite number.
    """
    weights = _checked(weights, source_tokens, target_tokens)
    layout = _Layout(source_tokens, target_tokens, title, caption)
    figure = Figure(figsize=(layout.width, layout.height), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    _draw_weights(figure, layout, weights)
    _write_tokens(figure, layout)
    _write_notes(figure, layout)
    missing = layout.letters.missing | layout.bold.missing
    return picture.png(canvas, name=name, missing="".join(sorted(missing)))


class _Layout:
    """Where everything goes, in inches from the top left corner of the picture.

    Labels are measured before anything is drawn, so the picture is exactly as large as it
    needs to be and nothing is cut off.
    """

    def __init__(
        self, source_tokens: Sequence[str], target_tokens: Sequence[str], title: str, caption: str
    ):
        self.grid = grid = _Grid(columns=len(source_tokens), rows=len(target_tokens))
        self.letters = letters = Lettering([*source_tokens, *target_tokens, caption])
        self.bold = Lettering([title], bold=True)
        self.font_size = size = grid.font_size
        self.columns = _labelled(source_tokens, grid.cell_width, size, letters)
        self.rows = _labelled(target_tokens, grid.cell_height, size, letters)
        widest_column = max(letters.width(label, size) for _, label in self.columns)
        widest_row = max(letters.width(label, size) for _, label in self.rows)

        slant = math.radians(grid.rotation)
        label_height = widest_column * math.sin(slant) + size / 72
        overhang = max(
            (index + 0.5) * grid.cell_width + letters.width(label, size) * math.cos(slant)
            for index, label in self.columns
        )
        self.left = _PAD + 0.2 + widest_row + 0.1
        inner = max(
            self.left - _PAD + max(grid.width + _COLORBAR_ROOM, overhang + 0.1),
            min(5.0, self.bold.width(self.bold.drawable(title[:200]), _TITLE_SIZE)),
            2.8,
        )
        self.heading = self.bold.wrap(title, _TITLE_SIZE, inner)
        self.note = letters.wrap(caption, _NOTE_SIZE, inner)
        heading_height = len(self.heading) * _TITLE_PITCH + (0.1 if self.heading else 0)
        note_height = len(self.note) * _NOTE_PITCH + (0.12 if self.note else 0)
        self.bar_height = min(max(grid.height, 1.1), 4.0)
        self.axis_names = _PAD + heading_height
        self.top = self.axis_names + 0.2 + label_height + 0.08
        self.note_top = self.top + max(grid.height, self.bar_height + 0.06) + 0.12
        self.width = inner + 2 * _PAD
        self.height = self.note_top - 0.12 + note_height + _PAD

    def box(
        self, x: float, y: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """A rectangle in the fractions that axes are placed by."""
        bottom = self.height - y - height
        return x / self.width, bottom / self.height, width / self.width, height / self.height

    def write(
        self, figure: Figure, x: float, y: float, text: str, points: float, **options: Any
    ) -> None:
        """Write one line as it is: a dollar sign starts no formula."""
        letters = options.pop("letters", self.letters)
        figure.text(
            x / self.width,
            1 - y / self.height,
            text,
            fontproperties=letters.font(points),
            parse_math=False,
            **options,
        )


def _draw_weights(figure: Figure, layout: _Layout, weights: np.ndarray) -> None:
    """Draw the cells, the lines between them and the colour bar."""
    grid = layout.grid
    axes = figure.add_axes(layout.box(layout.left, layout.top, grid.width, grid.height))
    image = axes.imshow(
        weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest"
    )
    line_width = min(0.8, 4 * min(grid.cell_width, grid.cell_height))
    between_columns = np.arange(1, grid.columns) - 0.5
    between_rows = np.arange(1, grid.rows) - 0.5
    axes.vlines(between_columns, -0.5, grid.rows - 0.5, colors=_LINES, linewidth=line_width)
    axes.hlines(between_rows, -0.5, grid.columns - 0.5, colors=_LINES, linewidth=line_width)
    axes.set_xlim(-0.5, grid.columns - 0.5)
    axes.set_ylim(grid.rows - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=_FRAME, linewidth=0.8)

    bar_left = layout.left + grid.width + 0.16
    bar_axes = figure.add_axes(layout.box(bar_left, layout.top, 0.13, layout.bar_height))
    bar = figure.colorbar(image, cax=bar_axes, ticks=[0.0, 0.25, 0.5, 0.75, 1.0])
    bar.outline.set(edgecolor=_FRAME, linewidth=0.6)
    bar_axes.tick_params(length=2, width=0.6, color=_MUTED, labelcolor=_MUTED)
    for tick in bar_axes.get_yticklabels():
        tick.set_fontproperties(labels.font(7))


def _write_tokens(figure: Figure, layout: _Layout) -> None:
    grid, size = layout.grid, layout.font_size
    upright = grid.rotation == 90
    ha, va, mode = ("center", "bottom", None) if upright else ("left", "baseline", "anchor")
    for index, label in layout.columns:
        x = layout.left + (index + 0.5) * grid.cell_width
        y = layout.top - 0.06
        style = {"color": _INK, "rotation": grid.rotation, "rotation_mode": mode}
        layout.write(figure, x, y, label, size, ha=ha, va=va, **style)
    for index, label in layout.rows:
        x = layout.left - 0.07
        y = layout.top + (index + 0.5) * grid.cell_height
        layout.write(figure, x, y, label, size, color=_INK, ha="right", va="center_baseline")


def _write_notes(figure: Figure, layout: _Layout) -> None:
    """Write the title, the names of the sides and the caption."""
    for number, line in enumerate(layout.heading):
        y = _PAD + number * _TITLE_PITCH
        layout.write(figure, _PAD, y, line, _TITLE_SIZE, color=_INK, va="top", letters=layout.bold)
    muted: dict[str, Any] = {"color": _MUTED, "va": "top"}
    layout.write(figure, layout.left, layout.axis_names, "source →", _NOTE_SIZE, **muted)
    layout.write(figure, _PAD, layout.top, "← target", _NOTE_SIZE, rotation=90, **muted)
    for number, line in enumerate(layout.note):
        y = layout.note_top + number * _NOTE_PITCH
        layout.write(figure, _PAD, y, line, _NOTE_SIZE, **muted)


def _checked(
    weights: np.ndarray, source_tokens: Sequence[str], target_tokens: Sequence[str]
) -> np.ndarray:
    weights = np.asarray(weights, dtype=np.float64)
    expected = (len(target_tokens), len(source_tokens))
    if 0 in expected:
        raise ValueError(
            f"an attention heatmap needs at least one token on either side, got "
            f"{expected[0]} target and {expected[1]} source tokens"
        )
    if weights.shape != expected:
        raise ValueError(
            f"attention weights have shape {weights.shape}, but the tokens call for "
            f"(target_length, source_length) = {expected}"
        )
    if not np.isfinite(weights).all():
        raise ValueError("attention weights hold NaN or infinity")
    return weights


def _cell(count: int) -> float:
    """Side of a cell: half an inch for a few tokens, less for many, 14 inches for all of them."""
    return min(0.48, 1.3 / count**0.47, _LONGEST_SIDE / count)


def _labelled(
    tokens: Sequence[str], pitch: float, size: float, letters: Lettering
) -> list[tuple[int, str]]:
    """Positions and labels of the tokens; every second, third, … where they would overlap."""
    step = max(1, math.ceil(1.05 * size / 72 / pitch))
    return [
        (index, letters.token_label(tokens[index], size, _LABEL_LIMIT))
        for index in range(0, len(tokens), step)
    ]

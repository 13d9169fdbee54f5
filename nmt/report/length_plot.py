"""Draw BLEU over source length, the figure of Bahdanau et al. (2015, figure 2)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nmt.report import labels, picture
from nmt.report.chart import length_label
from nmt.report.numbers import is_number

DPI = 150
_INK, _MUTED, _GRID, _BARS = "#1b2430", "#586474", "#e3e8ee", "#d3dfec"
_SYSTEMS = (("bleu", "#0b5cad", "o", "-"), ("baseline", "#c2570c", "s", "--"))


@picture.in_own_style
def length_plot(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bytes | None:
    """Draw BLEU by source length of one or two systems, and behind it the number of sentences.

    Args:
        entries: Groups of sentences with the keys ``from``, ``to``, ``sentences``, ``bleu`` and,
            of a second system, ``baseline``.
        names: What the systems are called.

    Returns:
        The picture as PNG, 1,200 x 720 pixels; None where no group has a score.
    """
    if not any(is_number(entry.get("bleu")) for entry in entries):
        return None
    figure = Figure(figsize=(8.0, 4.8), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    letters = labels.Lettering(names)
    places = list(range(len(entries)))
    counts = figure.add_axes((0.085, 0.135, 0.83, 0.74))
    counts.bar(places, [entry.get("sentences") or 0 for entry in entries], color=_BARS, width=0.7)
    axes = counts.twinx()
    axes.grid(True, axis="y", color=_GRID, linewidth=0.7)
    highest = 1.0
    for (key, colour, marker, line), name in zip(_SYSTEMS, names, strict=False):
        drawn = [(x, e[key]) for x, e in zip(places, entries, strict=True) if is_number(e.get(key))]
        highest = max([highest, *(score for _, score in drawn)])
        axes.plot(
            [x for x, _ in drawn],
            [score for _, score in drawn],
            color=colour,
            marker=marker,
            linestyle=line,
            linewidth=1.8,
            markersize=5,
            label=letters.drawable(name[-70:]).replace("$", r"\$"),
        )
    axes.set_ylim(0, 1.08 * highest)
    counts.set_xticks(places, [length_label(entry) for entry in entries])
    counts.set_xlabel("words in the source sentence", fontproperties=labels.font(9), color=_MUTED)
    _style(counts, "sentences", "right")
    _style(axes, "BLEU", "left")
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0.078, 0.985),
        ncols=1 if max(map(len, names)) > 30 else 2,
        frameon=False,
        prop=letters.font(8.5),
        labelcolor=_INK,
    )
    return picture.png(canvas, missing="".join(sorted(letters.missing)))


def _style(axes: Axes, label: str, side: Literal["left", "right"]) -> None:
    (axes.yaxis.tick_left if side == "left" else axes.yaxis.tick_right)()
    axes.yaxis.set_label_position(side)
    axes.set_ylabel(label, fontproperties=labels.font(9), color=_MUTED)
    axes.tick_params(length=0, colors=_MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for tick in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        tick.set_fontproperties(labels.font(8))

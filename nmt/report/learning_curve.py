"""Draw how training went: losses and scores over the steps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nmt.report import labels, picture

DPI = 150
_INK, _MUTED, _GRID = "#1b2430", "#586474", "#e3e8ee"
_TRAIN, _VALID, _BLEU, _CHRF = "#8fb3da", "#0b5cad", "#c2570c", "#8a6d00"
_SMOOTH_FROM = 60  # points; fewer are drawn as they are
_MOST_POINTS = 5400  # four for each pixel
_MARK_UP_TO = 60  # points; more are drawn as a line without marks


@picture.in_own_style
def learning_curve(
    losses: Sequence[tuple[int, float]], validations: Sequence[Mapping[str, Any]]
) -> bytes:
    """Draw training and validation loss, and BLEU and chrF where they were measured.

    Args:
        losses: Pairs of step and training loss (nats per token), in the order of the steps.
        validations: One mapping for each validation with the keys ``step``, ``valid_loss``
            (nats per token), ``bleu``, ``chrf`` (both 0 to 100) and ``best`` (whether it is the
            best so far; the last such one is marked). A value may be absent, None or NaN.

    Returns:
        The picture as PNG, 1,350 x 720 pixels.
    """
    figure = Figure(figsize=(9.0, 4.8), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.125, 0.83, 0.75))
    _style(axes, "loss (nats per token)", _INK)
    axes.set_xlabel("step", fontproperties=labels.font(9), color=_MUTED)
    axes.grid(True, color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)

    handles = []
    steps, values = _points(losses)
    if steps.size:
        handles += _training(axes, steps, values)
    valid_steps, valid_losses = _series(validations, "valid_loss")
    if valid_steps.size:
        handles += _line(axes, valid_steps, valid_losses, _VALID, "o", "validation loss")

    scores = None
    for key, name, colour, marker in (
        ("bleu", "BLEU", _BLEU, "s"),
        ("chrf", "chrF", _CHRF, "^"),
    ):
        score_steps, score_values = _series(validations, key)
        if not score_steps.size:
            continue
        if scores is None:
            scores = axes.twinx()
            _style(scores, "score (0 to 100)", _MUTED)
        handles += _line(scores, score_steps, score_values, colour, marker, name, dashed=True)
    if scores is not None:
        scores.set_ylim(0, min(100.0, 1.08 * max(scores.dataLim.y1, 1.0)))

    best = [entry["step"] for entry in validations if entry.get("best")]
    if best and _finite(best[-1]):
        handles.append(
            axes.axvline(
                best[-1], color=_INK, linewidth=1.1, linestyle=(0, (2, 2)),
                label=f"best: step {best[-1]:,}",
            )
        )  # fmt: skip
    if handles:
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.078, 0.975),
            ncols=len(handles),
            frameon=False,
            prop=labels.font(8.5),
            labelcolor=_INK,
            handlelength=1.8,
            columnspacing=1.6,
        )
    else:
        axes.text(
            0.5, 0.5, "No point has been recorded yet", transform=axes.transAxes, ha="center",
            fontproperties=labels.font(11), color=_MUTED,
        )  # fmt: skip
        axes.set_ylim(0, 1)
        axes.set_xlim(0, 1)

    return picture.png(canvas)


def _style(axes: Axes, label: str, colour: str) -> None:
    axes.set_ylabel(label, fontproperties=labels.font(9), color=colour)
    axes.tick_params(length=0, colors=_MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    for spine in axes.spines.values():
        spine.set_visible(False)
    for tick in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        tick.set_fontproperties(labels.font(8))


def _training(axes: Axes, steps: np.ndarray, values: np.ndarray) -> list:
    if steps.size < _SMOOTH_FROM:
        return _line(axes, steps, values, _TRAIN, ".", "training loss")
    axes.plot(steps, values, color=_TRAIN, linewidth=0.6, alpha=0.45)
    span = max(5, steps.size // 50) | 1
    # Repeating the edges would bend the ends, so the window shrinks there instead.
    window = np.ones(span)
    smooth = np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")
    label = f"training loss (mean of {span} points)"
    return axes.plot(steps, smooth, color=_TRAIN, linewidth=1.8, label=label)


def _line(
    axes: Axes, steps: np.ndarray, values: np.ndarray, colour: str, marker: str, label: str,
    *, dashed: bool = False,
) -> list:  # fmt: skip
    return axes.plot(
        steps,
        values,
        color=colour,
        linewidth=1.6,
        linestyle="--" if dashed else "-",
        marker=marker if steps.size <= _MARK_UP_TO else None,
        markersize=4.5,
        label=label,
    )


def _finite(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and math.isfinite(value)


def _points(pairs: Sequence[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of the finite points, ascending and not more than can be told apart, both
    float64 of shape (points,)."""
    kept = sorted((step, value) for step, value in pairs if _finite(step) and _finite(value))
    table = np.array(kept, dtype=np.float64).reshape(len(kept), 2)
    table = table[:: max(1, -(-len(table) // _MOST_POINTS))]
    return table[:, 0], table[:, 1]


def _series(validations: Sequence[Mapping[str, Any]], key: str) -> tuple[np.ndarray, np.ndarray]:
    return _points([(entry["step"], entry.get(key, math.nan)) for entry in validations])

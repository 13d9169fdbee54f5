"""Lay out the bar chart of BLEU by source length; the template draws it as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.report.numbers import is_number, number

WIDTH, HEIGHT = 640.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 8.0, 22.0, 44.0


@dataclass(frozen=True)
class Bar:
    """One bar in the coordinates of the view box, and what is written at it."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    value: str
    label: str
    baseline: float | None = None  # height in the view box at which the baseline's mark lies

    @property
    def above(self) -> float:
        """The height above which the value is written: the bar's, or the mark's if it lies just
        over the bar."""
        if self.baseline is not None and self.y - 22 < self.baseline <= self.y:
            return self.baseline
        return self.y


@dataclass(frozen=True)
class BarChart:
    """A bar chart, ready to draw; ``ticks`` are pairs of height and text."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    base: float = HEIGHT - _BOTTOM
    width: float = WIDTH
    height: float = HEIGHT


def length_label(entry: Mapping[str, Any]) -> str:
    """The range of lengths of one group, for example ``11–20`` or ``51+``."""
    low, high = entry.get("from"), entry.get("to")
    if high is None or (isinstance(high, float) and math.isinf(high)):
        return f"{number(low)}+"
    return number(low) if low == high else f"{number(low)}–{number(high)}"


def by_length(entries: Sequence[Mapping[str, Any]]) -> BarChart | None:
    """Lay out BLEU by source length.

    Args:
        entries: Groups of sentences with the keys ``from``, ``to``, ``sentences``, ``bleu`` and
            perhaps ``baseline``; a group without a score leaves a gap.

    Returns:
        The chart in a view box of 640 x 250, or None where no group has a score.
    """
    scores = [e["bleu"] for e in entries if is_number(e.get("bleu"))]
    if not scores:
        return None
    others = [e["baseline"] for e in entries if is_number(e.get("baseline"))]
    top, step = _scale(max(scores + others))
    base, span = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    pitch = (WIDTH - _LEFT - _RIGHT) / len(entries)
    bar_width = min(0.68 * pitch, 72.0)
    bars = []
    for index, entry in enumerate(entries):
        score = float(entry["bleu"]) if is_number(entry.get("bleu")) else None
        height = span * max(score or 0.0, 0.0) / top
        middle = _LEFT + (index + 0.5) * pitch
        other = float(entry["baseline"]) if is_number(entry.get("baseline")) else None
        mark = None if other is None else round(base - span * max(other, 0.0) / top, 1)
        bars.append(
            Bar(
                x=round(middle - bar_width / 2, 1),
                y=round(base - height, 1),
                width=round(bar_width, 1),
                height=round(height, 1),
                middle=round(middle, 1),
                value="" if score is None else number(score, 1),
                label=length_label(entry),
                baseline=mark,
            )
        )
    count = round(top / step)
    ticks = tuple(
        (round(base - span * tick / count, 1), f"{tick * step:g}") for tick in range(count + 1)
    )
    return BarChart(bars=tuple(bars), ticks=ticks)


def _scale(largest: float) -> tuple[float, float]:
    """The end of the axis and the distance of its ticks, both round numbers."""
    largest = max(largest, 1.0)
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 25, 50) if largest / s <= 5 or s == 50)
    return step * math.ceil(largest / step), step

"""Where each word of a translation looked, small enough to be shown on the page."""

from __future__ import annotations

from typing import Any

from nmt.inference.translation import Translation

_WORDS = 80  # at most, on either side
_CELLS = 200_000  # at most, on one page


def of(result: Translation) -> dict[str, Any] | None:
    """The words of both sides, and a text of weights in per cent for each target word.

    None without attention, and for sentences that are too long to be shown or were split.
    """
    if result.attention is None or not result.attention.size or "split" in result.flags:
        return None
    weights, sources, targets = result.heatmap(words=True)
    if max(len(sources), len(targets)) > _WORDS:
        return None
    percents = (100 * weights).round().astype(int).clip(0, 100)
    return {
        "source": sources,
        "target": targets,
        "weights": [" ".join(map(str, row)) for row in percents.tolist()],
    }


def added(
    samples: list[dict[str, Any]], rows: list[int], known: dict[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The samples, with their ``attention`` where it is known and the page has room for it.

    Args:
        samples: sentences as a report shows them.
        rows: the number of each in the input.
        known: what `of` made, by row.
    """
    result, cells = [], 0
    for sample, row in zip(samples, rows, strict=True):
        found = known.get(row)
        if found is not None:
            cells += len(found["source"]) * len(found["target"])
            if cells <= _CELLS:
                sample = {**sample, "attention": found}
        result.append(sample)
    return result

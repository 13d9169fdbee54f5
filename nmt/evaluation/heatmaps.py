"""Stored heatmaps of an output, as a report shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from nmt.errors import UnusableInput
from nmt.storage.location import Location

log = logging.getLogger(__name__)

MOST_HEATMAP_BYTES = 8 << 20


def with_headings(
    images: Iterable[tuple[Location, Callable[[], bytes]]],
) -> list[tuple[str, bytes]]:
    """Heatmaps, each with what it calls its row; a damaged one is left out, with a warning.

    Args:
        images: the file of each, and what reads it.
    """
    from nmt.report import picture  # loads matplotlib

    shown: list[tuple[str, bytes]] = []
    left_out: list[str] = []
    for file, read in images:
        try:
            image = read()
            picture.check(image, file)
        except UnusableInput as error:
            left_out.append(str(error))
        else:
            shown.append((f"#{picture.name(image)}", image))
    if left_out:
        others = f" (and {len(left_out) - 1} others)" if len(left_out) > 1 else ""
        log.warning(f"{left_out[0]}{others}; left out of the report")
    return shown

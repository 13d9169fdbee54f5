"""Where each word of a translation looked, small enough to be shown on the page."""

from __future__ import annotations

from collections.abc import Mapping

from nmt.evaluation.samples import MOST_SHOWN
from nmt.inference.translation import Translation
from nmt.records.report import Sample, WordAttention

_WORDS = 80  # at most, on either side
_CELLS = 200_000  # at most, on one page


def of(result: Translation) -> WordAttention | None:
    """The words of both sides, and a text of weights in per cent for each target word.

    None without attention, and for sentences that are too long to be shown or were split.
    """
    if "split" in result.flags or result.attention is None or not result.attention.size:
        return None
    weights, sources, targets = result.heatmap(words=True)
    if max(len(sources), len(targets)) > _WORDS:
        return None
    if max(sum(map(len, words)) for words in (sources, targets)) > MOST_SHOWN:
        return None
    percents = (100 * weights).round().astype(int).clip(0, 100)
    return WordAttention(
        source=sources,
        target=targets,
        weights=[" ".join(map(str, row)) for row in percents.tolist()],
    )


def added(
    samples: list[Sample], rows: list[int], attention: Mapping[int, WordAttention]
) -> list[Sample]:
    """The samples, with their attention where it is known and the page has room for it.

    Args:
        samples: sentences as a report shows them.
        rows: the number of each in the input.
        attention: what `of` made, by row.
    """
    result, cells = [], 0
    for sample, row in zip(samples, rows, strict=True):
        if (words := attention.get(row)) is not None:
            cells += len(words.source) * len(words.target)
            if cells <= _CELLS:
                own = WordAttention(source=words.source, target=words.target, weights=words.weights)
                sample = sample.model_copy(update={"attention": own})
        result.append(sample)
    return result

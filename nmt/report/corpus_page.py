"""Make the page of a DATASET: what became of the pairs of each corpus, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nmt.records.dataset import CorpusRecord, DatasetRecord, ScoreDistribution, widths_of
from nmt.report.numbers import number, percent, words
from nmt.report.page import render_template

_SPLITS = ("train", "valid", "test", "rejected")
_LENGTH_BINS = 10  # of a histogram of lengths, up to data.max_length
_WIDTH, _HEIGHT, _FOOT = 440, 120, 18  # of a histogram, in pixels; its axis below


class RejectedSample(NamedTuple):
    """A rejected pair, as the page shows it."""

    file: str
    line: int
    source: str
    target: str


class Bar(NamedTuple):
    """A bar of a histogram, in pixels."""

    x: float
    y: float
    width: float
    height: float
    title: str


def render_corpora(
    dataset: DatasetRecord,
    samples: Mapping[tuple[str, str], Sequence[RejectedSample]],
    titles: Mapping[str, str],
    descriptions: Mapping[str, str],
) -> str:
    """Make the page of a dataset.

    Args:
        dataset: its record.
        samples: rejected pairs by corpus and reason.
        titles: of the scores, by name.
        descriptions: of the reasons, each a sentence.

    Returns:
        A whole HTML document, to be written as UTF-8.
    """
    counts = dataset.counts
    total = sum(getattr(counts, name) for name in _SPLITS)  # fewer than were read of a sample
    rows = [_corpus_row(name, corpus) for name, corpus in dataset.corpora.items()]
    languages = dataset.languages
    return render_template(
        "dataset.html.j2",
        title=f"Corpus of {number(total)} pairs",
        direction=f"{languages.source} → {languages.target}",
        languages=languages,
        tiles=[
            (words(name), number(count), percent(count / max(total, 1)))
            for name in _SPLITS
            for count in [getattr(counts, name)]
        ],
        columns=[words(name) for name in ("pairs", *_SPLITS)],
        rows=rows,
        reasons=[
            {
                "name": reason,
                "description": descriptions.get(reason, ""),
                "count": number(dataset.drops[reason]),
                "share": percent(dataset.drops[reason] / max(total, 1)),
                "chart": _length_chart(dataset) if reason == "too_long" else None,
                "corpora": [
                    {"name": name, "count": number(corpus.drops[reason]), "samples": some}
                    for name, corpus in dataset.corpora.items()
                    if reason in corpus.drops
                    for some in [samples.get((name, reason), ())]
                ],
            }
            for reason in sorted(dataset.drops, key=lambda name: -dataset.drops[name])
        ],
        scores=[
            {"corpus": name, "charts": [_chart(titles, *item) for item in corpus.scores.items()]}
            for name, corpus in dataset.corpora.items()
            if corpus.scores
        ],
        aligner=_aligner_rows(dataset),
        width=_WIDTH,
        height=_HEIGHT + _FOOT,
        several=len(dataset.corpora) > 1,
        files=len(dataset.inputs) > 1,
    )


def _corpus_row(name: str, corpus: CorpusRecord) -> dict[str, Any]:
    notes = [f"filters {corpus.filters}", f"weight {corpus.weight:g}"]
    notes += [
        f"{key} {value}" for key, value in (("tag", corpus.tag), ("domain", corpus.domain)) if value
    ]
    counts = [getattr(corpus.counts, key) for key in ("input", *_SPLITS)]
    return {
        "name": name,
        "note": ", ".join(notes),
        "numbers": [number(count) for count in counts],
        "share": percent(counts[-1] / max(counts[0], 1)),
    }


def _chart(titles: Mapping[str, str], name: str, scores: ScoreDistribution) -> dict[str, Any]:
    """A histogram whose bins are equally wide, whatever their edges are."""
    total, most = sum(scores.counts), max([*scores.counts, 1])
    step = _WIDTH / max(len(scores.counts), 1)
    bars = []
    for place, count in enumerate(scores.counts):
        size = _HEIGHT * count / most
        low, high = scores.edges[place : place + 2]
        shown = f"{low:g} to {high:g}: {number(count)} ({percent(count / max(total, 1))})"
        bars.append(Bar(place * step, _HEIGHT - size, step - 1, size, shown))
    mark = None
    if scores.threshold or name == "alignment":
        place = sum(edge <= scores.threshold for edge in scores.edges) - 1
        mark = None if place < 0 else _mark(scores, place, step)
    side = "above" if scores.bound == "most" else "below"
    note = f"Rejected {side} {scores.threshold:g}." if mark is not None else "Rejects nothing."
    return {
        "title": titles.get(name, name),
        "name": f"filter.{name}",
        "note": note,
        "count": number(total),
        "bars": bars,
        "mark": mark,
        "ticks": [
            (place * step, f"{edge:g}")
            for place, edge in enumerate(scores.edges[:-1])
            if place % max(1, len(scores.counts) // 6) == 0
        ],
    }


def _length_chart(dataset: DatasetRecord) -> dict[str, Any] | None:
    """How many tokens the pairs have that were kept for training, and those that were too long."""
    limit = dataset.request.settings.get("max_length")
    if not isinstance(limit, int) or limit < 1 or not dataset.too_long:
        return None
    tokens = Counter({int(length): count for length, count in dataset.too_long.items()})
    for width, count in widths_of(dataset.lengths).items():
        tokens[width - 1] += count
    counts = [0] * (2 * _LENGTH_BINS)  # up to twice the limit, which lies between two of them
    for length, count in tokens.items():
        counts[min(max(length - 1, 0) * _LENGTH_BINS // limit, len(counts) - 1)] += count
    edges = [limit * place / _LENGTH_BINS for place in range(len(counts) + 1)]
    scores = ScoreDistribution(bound="most", threshold=limit, edges=edges, counts=counts)
    chart = _chart({}, "max_length", scores)
    return {**chart, "name": "data.max_length", "title": "Tokens of the longer side"}


def _mark(scores: ScoreDistribution, place: int, step: float) -> float:
    """Where the threshold lies in the histogram, in pixels."""
    if place >= len(scores.counts):
        return float(_WIDTH)
    low, high = scores.edges[place : place + 2]
    return step * (place + (scores.threshold - low) / (high - low))


def _aligner_rows(dataset: DatasetRecord) -> list[tuple[str, str]]:
    aligner = dataset.aligner
    if aligner is None:
        return []
    return [
        ("Pairs that word translations and lengths were learnt from", number(aligner.pairs)),
        *(
            (f"Characters of a target for each of its source: {name}", number(ratio, 3))
            for name, ratio in sorted(aligner.ratios.items())
        ),
        *(
            (f"{place} % of random pairings have a smaller gain than", number(value, 3))
            for place, value in sorted(aligner.random.items(), key=lambda item: float(item[0]))
        ),
    ]

"""What dataset.json says of each corpus: how it was filtered, and what became of its pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nmt.corpus.corpora import Corpus
from nmt.corpus.filtering import Filtering
from nmt.corpus.filters import SCORES
from nmt.corpus.record import total
from nmt.corpus.splitting import SPLITS
from nmt.corpus.stages import Unit
from nmt.records.dataset import (
    CorpusRecord,
    DatasetRecord,
    NamedTable,
    PairCounts,
    ScoreDistribution,
)
from nmt.records.preparation import Encoded, Filtered


class Counted(Protocol):
    """What a stage counted in a unit: among others the pairs that it rejected, by reason."""

    @property
    def drops(self) -> dict[str, int]:
        """Rejected pairs by reason."""


def with_corpora(
    dataset: DatasetRecord,
    corpora: Sequence[Corpus],
    results: Iterable[tuple[Unit, Counted]],
    filtering: Filtering,
) -> DatasetRecord:
    """The record of a dataset, with those of its corpora.

    Args:
        dataset: as the stages made it without filters; what they rejected is added.
        corpora: in the order of the plan.
        results: of all stages, each with its unit.
        filtering: what the filters counted.
    """
    results = list(results)
    records = {}
    for place, corpus in enumerate(corpora):
        own = [item for unit, item in results if unit.role == "train" and unit.corpus == place]
        limits = filtering.limits[place] if filtering.limits else {}
        records[corpus.name] = _record(corpus, own, limits)
        if len({one.weight for one in corpora}) > 1:  # training draws them by their weights
            lengths = total(one.lengths for one in own if isinstance(one, Encoded))
            placed = {"place": place, "lengths": lengths}
            records[corpus.name] = records[corpus.name].model_copy(update=placed)
    drops: Counter[str] = Counter()
    scores: list[NamedTable] = []
    for _, item in results:
        drops.update(item.drops)
        if isinstance(item, Filtered) and item.scores is not None:
            scores.append(item.scores)
    update: dict[str, Any] = {"corpora": records, "drops": dict(sorted(drops.items()))}
    if filtering.aligner is not None:
        update["aligner"] = filtering.aligner
    if scores:
        update["files"] = dataset.files.model_copy(update={"scores": scores})
    return dataset.model_copy(update=update)


def _record(corpus: Corpus, results: list[Counted], limits: Mapping[str, float]) -> CorpusRecord:
    counts: Counter[str] = Counter()
    drops: Counter[str] = Counter()
    histograms: dict[str, np.ndarray] = {}
    for item in results:
        drops.update(item.drops)
        if isinstance(item, Encoded):
            counts.update({split: entry.rows for split, entry in item.files.items()})
        if isinstance(item, Filtered):
            for name, bins in item.histograms.items():
                histograms[name] = histograms.get(name, 0) + np.array(bins)
    labels: dict[str, Any] = {"tag": corpus.tag, "domain": corpus.domain}
    return CorpusRecord(
        weight=corpus.weight,
        **{name: label for name, label in labels.items() if label is not None},
        filters=corpus.filters,
        thresholds=corpus.thresholds,
        counts=PairCounts(input=counts.total(), **{s: counts[s] for s in (*SPLITS, "rejected")}),
        drops=dict(sorted(drops.items())),
        scores={
            name: ScoreDistribution(
                bound=SCORES[name].bound,
                threshold=limits.get(name, 0.0),
                edges=[float(edge) for edge in SCORES[name].edges],
                counts=[int(count) for count in histograms[name]],
            )
            for name in SCORES
            if name in histograms
        },
    )

"""The corpora of one dataset that have weights: each is a corpus of the mixture of its own.

Pairs of a corpus of weight 2 are seen twice as often as those of one of weight 1. The training
pairs of a dataset lie corpus by corpus, each in files of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from nmt.errors import UnusableInput
from nmt.records.dataset import CorpusRecord, widths_of
from nmt.shards.dataset import INFO_NAME, Dataset
from nmt.shards.mixture import Shares, TrainingShards
from nmt.shards.row_groups import RowGroup

log = logging.getLogger(__name__)


class WeightedCorpus:
    """The training pairs of one corpus of a dataset.

    Args:
        dataset: it has several corpora.
        name: of the corpus.
        first: the place of the corpus' first pair among all training pairs.
        record: of the corpus.
    """

    def __init__(self, dataset: Dataset, name: str, first: int, record: CorpusRecord) -> None:
        self.name = f"{dataset.name}/{name}"
        self._dataset, self._first, self._record = dataset, first, record

    @property
    def weight(self) -> float:
        """How often its pairs are seen, times their number."""
        return self._record.weight * self.pairs

    @property
    def pairs(self) -> int:
        """How many training pairs it has."""
        return self._record.counts.train

    def row_groups(self, split: str) -> list[RowGroup]:
        """Its row groups in order; see `TrainingShards`.

        Raises:
            UnusableInput: dataset.json counts other pairs than the files have.
        """
        if split != "train":
            raise ValueError(f"{split}: weights are of training pairs")
        groups, place, end = [], 0, self._first + self.pairs
        for group in self._dataset.row_groups(split):
            if self._first <= place < end:
                groups.append(group)
            place += group.rows
        counted = sum(self._record.lengths.values())
        if {sum(group.rows for group in groups), counted} != {self.pairs}:
            raise UnusableInput(
                f"{self._dataset.location / INFO_NAME}: damaged (the counts of its corpora do not "
                "fit their files); restore it from a copy"
            )
        return groups

    def widths(self) -> dict[int, int]:
        """See `TrainingShards`."""
        return widths_of(self._record.lengths)


class Parts(NamedTuple):
    """Datasets as the corpora of a mixture.

    Attributes:
        corpora: datasets, or their corpora where these have different weights.
        owners: for each the number of its dataset.
        shares: of each in its dataset; they add up to 1 for each dataset.
    """

    corpora: list[TrainingShards]
    owners: list[int]
    shares: list[float]

    def stages(self, stages: Sequence[Shares], pairs: Sequence[int]) -> list[Shares]:
        """The stages of a mixture of datasets, as those of `corpora`.

        Args:
            stages: their weights are of the datasets.
            pairs: training pairs of each dataset, its weight where there are no stages.
        """
        if len(self.corpora) == len(pairs):
            return list(stages)
        return [
            Shares(
                stage.epochs,
                tuple(
                    stage.weights[owner] * share
                    for owner, share in zip(self.owners, self.shares, strict=True)
                ),
            )
            for stage in stages or [Shares(None, tuple(map(float, pairs)))]
        ]


def parts_of(datasets: Sequence[Dataset]) -> Parts:
    """Take datasets apart whose corpora have different weights."""
    parts = Parts([], [], [])
    for number, dataset in enumerate(datasets):
        corpora = [one for one in _weighted(dataset) if one.pairs]
        own: list[tuple[TrainingShards, float]] = [(dataset, 1.0)]
        if corpora:
            total = sum(corpus.weight for corpus in corpora)
            own = [(corpus, corpus.weight / total) for corpus in corpora]
        for shards, share in own:
            parts.corpora.append(shards)
            parts.owners.append(number)
            parts.shares.append(share)
    return parts


def _weighted(dataset: Dataset) -> list[WeightedCorpus]:
    """The corpora of a dataset in the order of their pairs; none where all weigh the same."""
    records = dataset.info.corpora
    if len({record.weight for record in records.values()}) < 2:
        return []
    if not any(record.lengths for record in records.values()):
        log.warning(
            f"{dataset.location}: was prepared before training knew weights of corpora; all pairs "
            "weigh the same until it is prepared again"
        )
        return []
    corpora, first = [], 0
    for name, record in sorted(records.items(), key=lambda one: one[1].place):
        corpora.append(WeightedCorpus(dataset, name, first, record))
        first += corpora[-1].pairs
    return corpora

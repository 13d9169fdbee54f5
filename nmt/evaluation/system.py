"""One system's translations, read through once for an evaluation."""

from __future__ import annotations

import logging
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from nmt.errors import UnusableInput
from nmt.evaluation import measures
from nmt.evaluation.groups import Grouping, ValueCounts
from nmt.evaluation.measures import Measures
from nmt.evaluation.normalization import Normalization
from nmt.evaluation.request import EvaluateRequest, Material
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import References, chunks
from nmt.evaluation.totals import GroupSums, source_length
from nmt.evaluation.translations import Translations
from nmt.records.output import Suspect

log = logging.getLogger(__name__)

_TOKENISED = 0.5  # share of translations that end in " ." from which they look tokenised


def _numbers() -> array[int]:
    return array("q")


@dataclass
class System:
    """One output, read through once: what it keeps of a scored sentence is numbers alone.

    Attributes:
        output: the translations.
        scorers: the sentences that have all references, one scorer per normalization.
        places: their positions among the translated rows.
        rows: their numbers in the input.
        lengths: words of their sources.
        sources: a checksum of the source of each.
        sums: over all sentences; see `rates.sums`.
        worst: the most suspicious sentences.
        groupings: what to group by, in the order of the sentences' ``others``.
        codes: of each grouping the group of each translated row.
        spaced: scored translations that end in a full stop with a blank before it.
    """

    output: Translations
    scorers: list[Scorer]
    places: array[int] = field(default_factory=_numbers)
    rows: array[int] = field(default_factory=_numbers)
    lengths: array[int] = field(default_factory=_numbers)
    sources: array[int] = field(default_factory=_numbers)
    sums: dict[str, float] = field(default_factory=dict)
    worst: list[Suspect] = field(default_factory=list)
    groupings: Sequence[Grouping] = ()
    codes: list[array[int]] = field(default_factory=list)
    spaced: int = 0

    def read(self, where: References) -> None:
        """Read the output and its references."""
        place = 0
        self.codes = [_numbers() for _ in self.groupings]
        columns = [grouping.column for grouping in self.groupings]
        for chunk in chunks(self.output.sentences(where, others=columns)):
            measured = Measures.of(chunk)
            self.sums = measures.added([self.sums, measures.sums(measured)])
            suspects = measures.suspects(measured, [sentence.row for sentence in chunk])
            self.worst = measures.worst(chain(self.worst, suspects))
            for number, grouping in enumerate(self.groupings):
                self.codes[number].extend(grouping.add(chunk, number))
            scored = []
            for position, sentence in enumerate(chunk, place):
                if references := sentence.complete:
                    scored.append((sentence.translation, references))
                    self.places.append(position)
                    self.rows.append(sentence.row)
                    self.lengths.append(source_length(sentence.source))
                    self.sources.append(zlib.crc32(sentence.source.encode("utf-8")))
                    self.spaced += sentence.translation.endswith(" .")
            for scorer in self.scorers:
                scorer.add(scored)
            place += len(chunk)

    def group_sums(self, number: int) -> GroupSums:
        """The statistics of the scored sentences by the groups of a grouping."""
        scorer, codes = self.scorer, np.asarray(self.codes[number])
        sums = GroupSums(len(self.groupings[number]), scorer.metrics.width)
        sums.add(codes[np.asarray(self.places)], scorer.statistics)
        return sums

    @property
    def scorer(self) -> Scorer:
        """The scorer of the main normalization."""
        return self.scorers[0]


def read_system(
    request: EvaluateRequest,
    material: Material,
    output: Translations,
    normalizations: list[Normalization],
    group_by: Sequence[str] = (),
) -> System:
    """Read translations through once.

    Args:
        request: of the evaluation.
        material: its inputs.
        output: the translations.
        normalizations: of their texts.
        group_by: columns to group by.

    Raises:
        UnusableInput: they cannot be read, or no row has a reference.
    """
    scorers = [
        Scorer(normalization, lowercase=request.lowercase, tokenize=material.tokenize)
        for normalization in normalizations
    ]
    system = System(output, scorers, groupings=[_grouping(output, name) for name in group_by])
    system.read(material.references_of(output))
    if not len(system.scorer):
        raise UnusableInput(
            f"{output.location}: no translated row has a reference; check --references or "
            "--reference-column"
        )
    if material.tokenize != "none" and system.spaced > _TOKENISED * len(system.scorer):
        log.info(
            f"{output.location}: the translations look tokenised (they end in ' .'); compare "
            "tokenised text with tokenised references, with --tokenize none"
        )
    return system


def _grouping(output: Translations, column: str) -> Grouping:
    """The groups of one column, which values are named and how many rows were rejected."""
    counts = ValueCounts()
    for folder in ("translations", "rejected"):
        for values in output.values(folder, column):
            counts.add(values)
    grouping = Grouping(column, counts.named())
    for values in output.values("rejected", column):
        grouping.reject(values)
    return grouping

"""``DATASET/_staging``: what the stages of an unfinished preparation wrote and counted."""

from __future__ import annotations

from pydantic import JsonValue

from nmt.records.base import Count, FileEntry, Hash, Keyed, Many, Named, Record
from nmt.records.dataset import Length, LengthPair, NamedTable, Preparation


class UnfinishedPreparation(Preparation):
    """``DATASET/_preparing.json``: the request, and what the pieces in ``_staging`` depend on."""

    pieces: Hash | None = None

    def request(self) -> Preparation:
        """The request alone."""
        return Preparation.model_validate(self.model_dump(exclude={"pieces"}, exclude_unset=True))


class PieceRecord(Record):
    """``_staging/done-…``: a piece of work of one stage is done, and these are its files.

    Attributes:
        key: a hash of all that the piece depends on.
        files: what it wrote, by path in the dataset.
        result: what it counted.
    """

    key: Hash
    files: Named[FileEntry]
    result: Named[JsonValue]


class NothingCounted(Record):
    """The result of a stage that only writes files."""


class StagedUnit(Record):
    """A unit of pairs, see `nmt.corpus.stages.Unit`."""

    number: Count
    part: Count
    role: str
    start: Count
    count: Count
    corpus: Count = 0


class ReadUnits(Record):
    """The units that the input files were laid down as."""

    units: Many[StagedUnit]


class Cleaned(Record):
    """What was counted while a unit was cleaned.

    Attributes:
        counts: kept pairs by split.
        drops: rejected pairs by reason.
        rules: texts that each rule of cleaning changed.
        scripts: letters of each side's first pairs, by script.
        documents: kept pairs whose split a document decides on.
    """

    counts: Named[Count]
    drops: Named[Count]
    rules: Named[Count]
    scripts: Named[Named[Count]]
    documents: Count = 0


class Scored(Record):
    """Pairs of a unit that the rules leave, and source words × target words in them."""

    pairs: Count
    cells: Count


class Filtered(Record):
    """What was counted while a unit was filtered.

    Attributes:
        counts: kept pairs by split.
        drops: rejected pairs by reason.
        scores: the file of scores, if there is one.
        histograms: how many scores lie in each bin, by the name of the score.
    """

    counts: Named[Count]
    drops: Named[Count]
    scores: NamedTable | None = None
    histograms: Named[Many[Count]] = {}


class Encoded(Record):
    """What was written and counted while a unit was encoded.

    Attributes:
        files: by split, or ``rejected``.
        drops: rejected pairs by reason.
        lengths: training pairs by their tokens.
        too_long: pairs that were rejected as such, by the tokens of their longer side.
    """

    files: Named[NamedTable]
    drops: Named[Count]
    lengths: Keyed[LengthPair, Count]
    too_long: Keyed[Length, Count] = {}

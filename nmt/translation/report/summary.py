"""What the units' records come to: counts, rates, throughput, suspicious sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from nmt.evaluation import measures, samples
from nmt.evaluation.alignment import LinkCounts
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.evaluation.measures import added
from nmt.evaluation.measures import rates as rates_of
from nmt.evaluation.sentences import Numbers, Part, References, Sentence, read_sentences
from nmt.records.output import AlignmentCounts, Counts, Links, UnitRecord
from nmt.records.report import ErrorRates, SuspiciousSample
from nmt.translation.output import Output


def total_counts(records: Sequence[UnitRecord]) -> Counts:
    """The units' counts, added up; of at least one unit."""
    return Counts(**added(record.counts.to_json() for record in records))


def rates(counts: Counts, records: Sequence[UnitRecord]) -> dict[str, float]:
    """Shares and means over the whole output."""
    return rates_of(counts.to_json(), added(record.sums.to_json() for record in records))


def alignment(records: Sequence[UnitRecord]) -> ErrorRates | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record.alignment for record in records if record.alignment is not None]
    if not parts:
        return None
    sums = AlignmentCounts(**added(part.to_json() for part in parts))
    return ErrorRates(
        aer=_error_rate(sums.attention),
        aer_diagonal=_error_rate(sums.diagonal),
        sentences=sums.attention.sentences,
        malformed=sums.malformed,
        left_out=sums.left_out,
    )


def _error_rate(links: Links) -> float:
    return round(LinkCounts(**links.to_json()).error_rate, 6)


def sentences(
    output: Output,
    records: Sequence[UnitRecord],
    references: References,
    wanted: Iterable[int],
    several: bool,
) -> Iterator[Sentence]:
    """Some translated rows in order, read back from the output, to be shown; see `read_sentences`.

    Args:
        output: the OUT folder.
        records: of its units.
        references: where the references are.
        wanted: the numbers of the rows.
        several: whether there are several text columns; then each sentence names its own.
    """
    others = [TEXT_COLUMN] if several else []
    return read_sentences(output.location, map(part_of, records), references, wanted, others)


def part_of(record: UnitRecord) -> Part:
    """The file of translations of a unit."""
    name = next(name for name in record.files if name.startswith("translations/"))
    last = record.first + record.counts.rows
    rows = Numbers(record.first, last, record.rejected_rows)
    return Part(name.removeprefix("translations/"), rows, record.files[name])


def suspicious(
    records: Sequence[UnitRecord], read: Callable[[Iterable[int]], Iterable[Sentence]]
) -> list[SuspiciousSample]:
    """The most suspicious translations of all units.

    Args:
        records: of the units.
        read: the translated rows of the given numbers.
    """
    worst = measures.worst(suspect for record in records for suspect in record.suspicious)
    rows = [suspect.row for suspect in worst]
    return samples.suspicious(worst, read(rows))

"""What the record of a piece may say: pairs are neither lost nor doubled, files are its own.

Each function returns what is wrong with a result, empty if nothing is; see
`nmt.corpus.journal.Journal.run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nmt.alignment.words import MOST_WORDS
from nmt.corpus.encoding import part_name
from nmt.corpus.filters import SCORES
from nmt.corpus.splitting import SPLITS
from nmt.corpus.stages import Unit
from nmt.records import FileEntry
from nmt.records.dataset import NamedTable, lengths_of
from nmt.records.preparation import Cleaned, Encoded, Filtered, ReadUnits, Scored
from nmt.reject_reasons import RejectReason
from nmt.shards.dataset import LEXICON_NAME

Files = Mapping[str, FileEntry]
_REASONS = frozenset(map(str, RejectReason))


def read_problem(
    pairs: Mapping[str, int], owners: Sequence[int], _: int, read: ReadUnits, files: Files
) -> str:
    """Of the units that all files were laid down as.

    Args:
        pairs: of each role.
        owners: the places of the corpora of the files of ``train``.
        read: the units.
        files: that were written.
    """
    parts = dict.fromkeys(SPLITS, 0)
    counts = dict.fromkeys(SPLITS, 0)
    previous = (0, 0)  # place of the role, place of the corpus
    for number, unit in enumerate(read.units):
        if unit.role not in parts or (unit.number, unit.part) != (number, parts[unit.role]):
            return f"unit {number:,} is numbered otherwise"
        place = SPLITS.index(unit.role), unit.corpus
        if place < previous or unit.corpus not in (owners if unit.role == "train" else (0,)):
            return f"unit {number:,} is of another corpus"
        if unit.start or not unit.count:
            return f"unit {number:,} has no pairs, or others"
        parts[unit.role] += 1
        counts[unit.role] += unit.count
        previous = place
    if counts != dict(pairs):
        return "its units have other pairs than the files"
    if set(files) != {f"_staging/raw-{number:05d}" for number in range(len(read.units))}:
        return "its units have other files"
    return ""


def cleaned_problem(unit: Unit, cleaned: Cleaned, _: Files) -> str:
    """Of what was counted while a unit was cleaned."""
    if problem := _counts_problem(unit, cleaned):
        return problem
    if _pairs(cleaned) != unit.count:
        return f"{_pairs(cleaned):,} of {unit.count:,} pairs"
    if set(cleaned.scripts) != {"source", "target"}:
        return "no scripts of both sides"
    return "" if cleaned.documents <= unit.count else "more documents than pairs"


def scored_problem(unit: Unit, scored: Scored, _: Files) -> str:
    """Of what was counted while the rules judged a unit."""
    if scored.pairs > unit.count or scored.cells > scored.pairs * MOST_WORDS**2:
        return "more than its pairs have"
    return ""


def filtered_problem(unit: Unit, filtered: Filtered, files: Files) -> str:
    """Of what was counted while a unit was filtered."""
    if problem := _counts_problem(unit, filtered):
        return problem
    for name, bins in filtered.histograms.items():
        if name not in SCORES or len(bins) != len(SCORES[name].edges) - 1 or sum(bins) > unit.count:
            return "other histograms than its scores have"
    if filtered.scores is None:
        return ""
    return _table_problem(filtered.scores, part_name("scores", unit.number), files)


def encoded_problem(unit: Unit, encoded: Encoded, files: Files) -> str:
    """Of what was written while a unit was encoded."""
    for split, entry in encoded.files.items():
        if split not in (*SPLITS, "rejected"):
            return "files of another folder"
        number = unit.number if split == "rejected" else unit.part
        if problem := _table_problem(entry, part_name(split, number), files):
            return problem
    rows = {split: entry.rows for split, entry in encoded.files.items()}
    if sum(rows.values()) != unit.count:
        return f"{sum(rows.values()):,} of {unit.count:,} pairs"
    if sum(lengths_of(encoded.lengths).values()) != rows.get("train", 0):
        return "lengths of other pairs"
    if sum(encoded.drops.values()) > rows.get("rejected", 0) or not set(encoded.drops) <= _REASONS:
        return "more reasons than rejected pairs"
    if sum(encoded.too_long.values()) != encoded.drops.get(RejectReason.TOO_LONG, 0):
        return "lengths of other rejected pairs"
    return ""


def lexicon_problem(_: object, lexicon: FileEntry, files: Files) -> str:
    """Of the lexicon that was learnt."""
    return "" if files.get(LEXICON_NAME) == lexicon else "another file"


def _table_problem(entry: NamedTable, name: str, files: Files) -> str:
    file = files.get(name)
    if entry.name != name or file is None:
        return "a file that this piece does not write"
    return "" if (file.bytes, file.sha256) == (entry.bytes, entry.sha256) else "another file"


def _counts_problem(unit: Unit, counted: Cleaned | Filtered) -> str:
    roles = SPLITS if unit.role == "train" else (unit.role,)
    if not set(counted.counts) <= set(roles) or not set(counted.drops) <= _REASONS:
        return "pairs of another split or reason"
    return "" if _pairs(counted) <= unit.count else "more pairs than it has"


def _pairs(counted: Cleaned | Filtered) -> int:
    return sum(counted.counts.values()) + sum(counted.drops.values())

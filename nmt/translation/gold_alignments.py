"""Word alignments along the references, against gold ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nmt.errors import UnusableInput
from nmt.evaluation.alignment import LinkCounts, diagonal, parse_gold
from nmt.inference.batching import Failed, convert
from nmt.inference.row_filter import CleanedText, FilteredRows
from nmt.inference.translator import Translation, Translator
from nmt.records.output import AlignmentCounts, Links
from nmt.segmentation import count_words
from nmt.tables.columns import texts_of
from nmt.translation.input.unit_rows import Rows
from nmt.translation.quarantine import Attempts, decode_surviving
from nmt.translation.work import Work

_Pair = tuple[CleanedText, CleanedText, str]  # source, reference, and the gold links
_PairCounts = tuple[LinkCounts, LinkCounts]  # of attention and of the diagonal


def count_links(
    rows: Rows,
    filtered: FilteredRows,
    flags: list[list[str]],
    work: Work,
    translator: Translator | None,
    attempts: Attempts,
) -> AlignmentCounts | None:
    """Links of attention and of the plain diagonal along the references, against gold; of
    sentences that were translated whole. A reference that is too long, or that its process does
    not survive, costs its own count only."""
    if translator is None or work.alignment_column is None or work.reference_column is None:
        return None
    decoder = translator.decoder
    gold = texts_of(rows.others.column(work.alignment_column))
    references = texts_of(rows.others.column(work.reference_column))
    pairs, left_out = [], 0
    for i, source, own_flags in zip(filtered.kept, filtered.sources, flags, strict=True):
        pharaoh = (gold[i] or "").strip()
        if "split" in own_flags or not pharaoh or not references[i]:
            continue
        reference, reason = translator.reference_filter.judge(references[i])
        if reason:
            left_out += 1
        else:
            pairs.append((source, reference, pharaoh))

    def force(some: Sequence[_Pair], failed: Failed) -> Iterator[tuple[int, _PairCounts | None]]:
        sources, references = [one[0] for one in some], [one[1] for one in some]
        forced = decoder.decode_along(sources, references, failed)
        return convert(forced, lambda place, result: _pair_counts(some[place], result), failed)

    counted, lost = decode_surviving(pairs, force, attempts, "references ")
    own, plain = LinkCounts(), LinkCounts()
    for counts in filter(None, counted):
        own, plain = own.plus(counts[0]), plain.plus(counts[1])
    return AlignmentCounts(
        attention=Links(**own._asdict()),
        diagonal=Links(**plain._asdict()),
        malformed=counted.count(None),
        left_out=left_out + len(lost),
    )


def _pair_counts(pair: _Pair, result: Translation) -> _PairCounts | None:
    """Links of attention and of the diagonal; None where the gold alignment is malformed."""
    source, reference, pharaoh = pair
    words = count_words(source.text), count_words(reference.text)
    try:
        gold = parse_gold(pharaoh, words)
    except UnusableInput:  # one bad cell is no reason to lose the translation
        return None
    return LinkCounts.of(result.alignment, gold), LinkCounts.of(diagonal(*words), gold)

"""A unit's sentences decoded: their results, what that cost, in numbers that add up over units, and
the alignments along references against gold ones."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.evaluation.alignment import LinkCounts, diagonal, parse_gold
from nmt.inference.batching import Failed, convert
from nmt.inference.row_filter import CleanedText, FilteredRows
from nmt.inference.translator import Translation, Translator
from nmt.process import peak_bytes, vector_instructions
from nmt.records.output import AlignmentCounts, DecodingCost, Links, UnitRecord
from nmt.segmentation import count_words
from nmt.tables.columns import texts_of
from nmt.translation.cache.keys import as_decoded, digest_of
from nmt.translation.input.unit_rows import Rows
from nmt.translation.quarantine import Attempts, decode_surviving
from nmt.translation.results_table import result_row
from nmt.translation.work import Work

_TOGETHER = 64  # rows that become a table together
_SUMMED = ("sentences", "target_tokens", "seconds", "source_tokens", "source_places")

_Pair = tuple[CleanedText, CleanedText, str]  # source, reference, and the gold links
_PairCounts = tuple[LinkCounts, LinkCounts]  # of attention and of the diagonal


def decode(
    translator: Translator,
    keys: pa.Array,
    sources: Sequence[CleanedText],
    known: pa.Table,
    attempts: Attempts,
    schema: pa.Schema,
    attended: Collection[int],
) -> tuple[pa.Table, dict[int, Translation], DecodingCost]:
    """Translate those sentences that can be translated; see `decode_surviving`.

    Args:
        translator: the loaded model.
        keys: of the sentences.
        sources: the sentences.
        known: what is known of others of the unit; see `nmt.translation.cache.keys`.
        attempts: at the unit.
        schema: of results; see `result_schema`.
        attended: positions of sentences whose attention is wanted.

    Returns:
        What is known of them now, those aside that were in `known`; the translations of those in
        `attended`, for of others no attention is kept; what it cost.
    """
    decoder = translator.decoder
    before, start = replace(decoder.padding), time.monotonic()
    translations: dict[int, Translation] = {}

    def rows(
        some: Sequence[tuple[int, CleanedText]], failed: Failed
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        def row(place: int, translation: Translation) -> dict[str, Any]:
            if (position := some[place][0]) in attended:
                translations[position] = translation
            return result_row(translation, schema)

        decoded = decoder.decode([source for _, source in some], failed=failed)
        converted = convert(decoded, row, failed)
        for size in chain([1], repeat(_TOGETHER)):  # the first at once: something succeeds
            if not (together := dict(islice(converted, size))):
                return
            batch = pa.RecordBatch.from_pylist(list(together.values()), schema)
            yield from ((place, batch.slice(i, 1)) for i, place in enumerate(together))

    step = f"{digest_of(keys)} " if len(known) else ""
    results, lost = decode_surviving(list(enumerate(sources)), rows, attempts, step, len(known))
    seconds, padding = time.monotonic() - start, decoder.padding
    table = pa.Table.from_batches(results, schema).combine_chunks()
    tokens = pc.sum(pc.list_value_length(table.column("target_tokens"))).as_py() or 0
    decoder.tuning.record_speed(tokens / max(seconds, 1e-9))
    kept = {position: one for position, one in translations.items() if position not in lost}
    return (
        as_decoded(keys, table, lost, known),
        kept,
        DecodingCost(
            sentences=len(table),
            target_tokens=tokens,
            seconds=seconds,
            source_tokens=padding.tokens - before.tokens,
            source_places=padding.places - before.places,
            peak_bytes=peak_bytes(),
            runtime=translator.search_settings.runtime,
            precision=translator.search_settings.precision,
            instructions=vector_instructions(),
        ),
    )


def add(one: DecodingCost | None, other: DecodingCost) -> DecodingCost:
    """The cost of what was decoded in two passes over a unit."""
    if one is None:
        return other
    sums = {name: getattr(one, name) + getattr(other, name) for name in _SUMMED}
    return other.model_copy(update={**sums, "peak_bytes": max(one.peak_bytes, other.peak_bytes)})


def throughput(records: Iterable[UnitRecord]) -> dict[str, float]:
    """Sentences and tokens a second of one actor's decoding time, the share of padding in the
    sources, and the most memory that an actor had: entries of a `Throughput`.

    Args:
        records: of the units.
    """
    units = list(records)
    parts = [unit.decoding for unit in units if unit.decoding is not None]
    seconds = max(sum(part.seconds for part in parts), 1e-9)
    places = sum(part.source_places for part in parts)
    tokens = sum(part.source_tokens for part in parts)
    peak = max([0, *(unit.peak_bytes for unit in units), *(part.peak_bytes for part in parts)])
    return {
        "sentences_per_second": round(sum(part.sentences for part in parts) / seconds, 2),
        "target_tokens_per_second": round(sum(part.target_tokens for part in parts) / seconds, 2),
        "decode_seconds": round(float(sum(part.seconds for part in parts)), 2),
        "padding": round(1.0 - tokens / places, 6) if places else 0.0,
        **({"actor_peak_bytes": peak} if peak else {}),
    }


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

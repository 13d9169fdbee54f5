"""What the units' records and outputs come to: counts, scores, samples, suspicious sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nmt.corpus.cleaning import clean
from nmt.evaluation import samples, suspicion
from nmt.evaluation.alignment import LinkCounts
from nmt.evaluation.lengths import bleu_by_length, source_length
from nmt.evaluation.rates import added
from nmt.evaluation.rates import rates as rates_of
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Part, References, Sentence, chunks, read_sentences
from nmt.settings import DataSettings
from nmt.translation.output import Output
from nmt.vocabulary import Vocabulary
from nmt.vocabulary.special import SPECIALS, UNK

Record = dict[str, Any]


def total_counts(records: Sequence[Record]) -> dict[str, Any]:
    """The units' counts, added up."""
    return added(record["counts"] for record in records)


def rates(counts: dict[str, Any], records: Sequence[Record]) -> dict[str, float]:
    """Shares and means over the whole output."""
    return rates_of(counts, added(record["sums"] for record in records))


def alignment(records: Sequence[Record]) -> dict[str, Any] | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record["alignment"] for record in records if record["alignment"]]
    if not parts:
        return None
    sums = added(parts)
    return {
        "aer": round(LinkCounts(**sums["attention"]).error_rate, 6),
        "aer_diagonal": round(LinkCounts(**sums["diagonal"]).error_rate, 6),
        "sentences": sums["attention"]["sentences"],
        "malformed": sums["malformed"],
    }


def sentences(
    output: Output,
    records: Sequence[Record],
    references: References,
    wanted: Iterable[int] | None = None,
) -> Iterator[Sentence]:
    """The translated rows in order, read back from the output; see `read_sentences`."""
    return read_sentences(output.location, map(_part, records), references, wanted)


def _part(record: Record) -> Part:
    name = next(name for name in record["files"] if name.startswith("translations/"))
    rows = np.arange(record["first"], record["first"] + record["counts"]["rows"])
    kept = np.setdiff1d(rows, np.array(record["rejected_rows"], np.int64))
    return Part(name.removeprefix("translations/"), kept)


def suspicious(
    output: Output, records: Sequence[Record], references: References
) -> list[dict[str, Any]]:
    """The most suspicious translations of all units."""
    worst = suspicion.worst(s for record in records for s in record.get("suspicious", []))
    rows = [suspect["row"] for suspect in worst]
    return samples.suspicious(worst, sentences(output, records, references, rows))


def scores(
    found: Iterable[Sentence], vocabulary: Vocabulary, cleaning: DataSettings
) -> dict[str, Any]:
    """sacrebleu scores, brevity and BLEU by source length, over the rows with all references.

    A vocabulary of lower-cased words cannot give raw text back, so its references are brought
    into the same form, with their own words and never with [UNK], and so are the source words
    that stand for [UNK] in hypotheses; the raw score stands beside.
    """
    raw, standardised, lengths = Scorer(), Scorer(text="standardised"), []
    for chunk in chunks(sentence for sentence in found if sentence.complete):
        hypotheses = [sentence.translation for sentence in chunk]
        references = list(zip(*[sentence.complete or [] for sentence in chunk], strict=True))
        raw.add(hypotheses, references)
        lengths += [source_length(sentence.source) for sentence in chunk]
        if vocabulary.kind == "word":
            form = [[vocabulary.standardise(clean(t, cleaning)) for t in s] for s in references]
            standardised.add([_standardised(text, vocabulary) for text in hypotheses], form)
    scorers = [scorer for scorer in (standardised, raw) if len(scorer)]
    if not scorers:
        return {}
    return {
        "scores": [score for scorer in scorers for score in scorer.scores()],
        "scored_sentences": len(raw),
        "by_length": bleu_by_length(lengths, scorers[0]),
        "brevity": scorers[0].brevity(),
    }


def _standardised(hypothesis: str, vocabulary: Vocabulary) -> str:
    """A hypothesis in the vocabulary's form, its [UNK] as they are."""
    unknown = SPECIALS[UNK]
    words = hypothesis.split()
    return " ".join(word if word == unknown else vocabulary.standardise(word) for word in words)

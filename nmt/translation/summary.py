"""What the units' records and outputs come to: counts, rates, scores and samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.corpus.cleaning import clean
from nmt.evaluation.alignment import LinkCounts
from nmt.evaluation.scores import bleu_by_length, corpus_scores, sentence_chrf
from nmt.settings import DataSettings
from nmt.translation.corpus import texts_of
from nmt.translation.output import Output
from nmt.vocabulary import Vocabulary
from nmt.vocabulary.special import SPECIALS, UNK

_SAMPLES = 200  # sentences on the page
Record = dict[str, Any]


def sample_rows(rows: int, count: int, seed: int = 1) -> list[int]:
    """Rows drawn at random, the same for the same corpus on every run, ascending."""
    random = np.random.default_rng(seed)
    return sorted(random.choice(rows, min(count, rows), replace=False).tolist())


def page_samples(rows: int) -> list[int]:
    """The rows whose sentences stand on the page."""
    return sample_rows(rows, _SAMPLES, seed=2)


def total_counts(records: Sequence[Record]) -> dict[str, Any]:
    """The units' counts, added up."""
    return _added([record["counts"] for record in records])


def rates(counts: dict[str, Any], records: Sequence[Record]) -> dict[str, float]:
    """Shares and means over the whole output; the length ratio is target to source words."""
    sums = _added([record["sums"] for record in records])
    sentences, tokens = max(counts["translated"], 1), max(counts["target_tokens"], 1)
    result = {
        "rejected": counts["rejected"] / max(counts["rows"], 1),
        "truncated": counts["truncated"] / sentences,
        "unk": sums["unk"] / tokens,
        "repetition": sums["repetition"] / sentences,
        "score": sums["score"] / sentences,
        "length_ratio": sums["target_words"] / max(sums["source_words"], 1),
    }
    if attended := sums["attended"]:
        result["attention_entropy"] = sums["attention_entropy"] / attended
        result["coverage"] = sums["coverage"] / attended
    return {name: round(value, 6) for name, value in result.items()}


def throughput(counts: dict[str, Any], records: Sequence[Record]) -> dict[str, float]:
    """Sentences and tokens a second of one actor's decoding time, over all units."""
    seconds = sum(record["decode_seconds"] for record in records)
    divisor = max(seconds, 1e-9)
    return {
        "sentences_per_second": round(counts["translated"] / divisor, 2),
        "target_tokens_per_second": round(counts["target_tokens"] / divisor, 2),
        "decode_seconds": round(seconds, 2),
    }


def alignment(records: Sequence[Record]) -> dict[str, Any] | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record["alignment"] for record in records if record["alignment"]]
    if not parts:
        return None
    sums = _added(parts)
    return {
        "aer": round(LinkCounts(**sums["attention"]).error_rate, 6),
        "aer_diagonal": round(LinkCounts(**sums["diagonal"]).error_rate, 6),
        "sentences": sums["attention"]["sentences"],
        "malformed": sums["malformed"],
    }


@dataclass(frozen=True)
class References:
    """Where the references are.

    Attributes:
        streams: texts over all rows of the input, from line-aligned files.
        column: or the input's column that holds them; a null there is no reference.
    """

    streams: Sequence[Sequence[str]] = ()
    column: str | None = None

    def __bool__(self) -> bool:
        return bool(self.streams) or self.column is not None


@dataclass(frozen=True)
class Sentence:
    """A translated row with its references (None where it has none)."""

    id: Any
    source: str
    translation: str
    score: float
    flags: list[str]
    references: list[str | None]


def sentences(
    output: Output,
    records: Sequence[Record],
    references: References,
    wanted: Sequence[int] | None = None,
) -> Iterator[Sentence]:
    """The translated rows in order, read back from the output unit by unit.

    Args:
        output: the OUT folder.
        records: of all units, in order.
        references: where the references are.
        wanted: only these rows, ascending; units without one are not read.
    """
    columns = ["id", "source", "translation", "score", "flags"]
    if references.column:
        columns.append(references.column)
    for record in records:
        without = set(record["rejected_rows"])
        span = range(record["first"], record["first"] + record["counts"]["rows"])
        chosen = None if wanted is None else {row for row in wanted if row in span} - without
        if chosen is not None and not chosen:
            continue
        name = next(name for name in record["files"] if name.startswith("translations/"))
        table = output.read(name, columns)
        given = texts_of(table.column(references.column)) if references.column else []
        part = table.select(columns[:5]).to_pydict()
        for i, row in enumerate(row for row in span if row not in without):
            if chosen is None or row in chosen:
                found: list[str | None] = [stream[row] for stream in references.streams]
                if references.column:
                    found = [given[i]]
                yield Sentence(
                    part["id"][i],
                    part["source"][i],
                    part["translation"][i],
                    part["score"][i],
                    part["flags"][i],
                    found,
                )


def samples(found: Iterator[Sentence]) -> Iterator[dict[str, Any]]:
    """Sentences as the page shows them."""
    for sentence in found:
        reference = sentence.references[0] if sentence.references else None
        sample = {
            "id": sentence.id,
            "source": sentence.source,
            "translation": sentence.translation,
            "reference": reference,
            "score": round(sentence.score, 4),
            "flags": sentence.flags,
        }
        if reference is not None:
            sample["chrf"] = round(sentence_chrf(sentence.translation, [reference]), 2)
        yield sample


def scores(
    found: Iterator[Sentence], vocabulary: Vocabulary, cleaning: DataSettings
) -> dict[str, Any]:
    """sacrebleu scores and BLEU by source length, over the rows that have all references.

    A vocabulary of lower-cased words cannot give raw text back, so its references are brought
    into the same form, with their own words and never with [UNK], and so are the source words
    that stand for [UNK] in hypotheses; the raw score stands beside.
    """
    sources: list[str] = []
    hypotheses: list[str] = []
    rows: list[list[str]] = []
    for sentence in found:
        texts = [text for text in sentence.references if text is not None]
        if len(texts) == len(sentence.references):
            sources.append(sentence.source)
            hypotheses.append(sentence.translation)
            rows.append(texts)
    if not hypotheses:
        return {}
    references = [list(stream) for stream in zip(*rows, strict=True)]
    result = corpus_scores(hypotheses, references)
    if vocabulary.kind == "word":
        references = [
            [vocabulary.standardise(clean(text, cleaning)) for text in stream]
            for stream in references
        ]
        hypotheses = [_standardised(text, vocabulary) for text in hypotheses]
        result = corpus_scores(hypotheses, references, text="standardised") + result
    return {
        "scores": result,
        "scored_sentences": len(hypotheses),
        "by_length": bleu_by_length(sources, hypotheses, references),
    }


def _standardised(hypothesis: str, vocabulary: Vocabulary) -> str:
    """A hypothesis in the vocabulary's form, its [UNK] as they are."""
    unknown = SPECIALS[UNK]
    words = hypothesis.split()
    return " ".join(word if word == unknown else vocabulary.standardise(word) for word in words)


def _added(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Numbers added up key by key, nested dictionaries too."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = _added([total.get(key, {}), value])
            else:
                total[key] = total.get(key, 0) + value
    return total

"""The report of a translation job: scores, rates, samples, as one plain dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nmt.corpus.cleaning import clean
from nmt.evaluation.scores import bleu_by_length, corpus_scores, sentence_chrf
from nmt.settings import DataSettings
from nmt.translation.output import Output
from nmt.vocabulary import Vocabulary

_SAMPLES = 200  # sentences on the page


def sample_rows(rows: int, count: int, seed: int = 1) -> list[int]:
    """Rows drawn at random, the same for the same corpus on every run, ascending."""
    random = np.random.default_rng(seed)
    return sorted(random.choice(rows, min(count, rows), replace=False).tolist())


def total_counts(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The units' counts, added up."""
    return _added([record["counts"] for record in records])


def rates(
    counts: dict[str, Any], records: Sequence[dict[str, Any]], reference_words: int | None
) -> dict[str, float]:
    """Shares and means over the whole output.

    Args:
        counts: from `total_counts`.
        records: of all units.
        reference_words: words of the references, where there are some.
    """
    sums = _added([record["sums"] for record in records])
    sentences, tokens = max(counts["translated"], 1), max(counts["target_tokens"], 1)
    attended = sums["attended"]
    result = {
        "rejected": counts["rejected"] / max(counts["rows"], 1),
        "truncated": counts["truncated"] / sentences,
        "unk": sums["unk"] / tokens,
        "repetition": sums["repetition"] / sentences,
        "score": sums["score"] / sentences,
        "length_ratio": sums["target_words"] / max(reference_words or sums["source_words"], 1),
    }
    if attended:
        result["attention_entropy"] = sums["attention_entropy"] / attended
        result["coverage"] = sums["coverage"] / attended
    return {name: round(value, 6) for name, value in result.items()}


def alignment(records: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record["alignment"] for record in records if record["alignment"]]
    if not parts:
        return None
    sums = _added(parts)

    def rate(shared: int, links: int) -> float:
        return round(1.0 - 2.0 * shared / max(links + sums["gold"], 1), 6)

    return {
        "aer": rate(sums["shared"], sums["links"]),
        "aer_diagonal": rate(sums["diagonal_shared"], sums["diagonal_links"]),
        "sentences": sums["sentences"],
    }


class Sentences:
    """The translated sentences with their references, read back from the output.

    Args:
        output: the OUT folder.
        records: of all units, in order.
        references: streams of references over all rows of the input, from files.
        reference_column: or the column that holds them; null means none for that row.
    """

    def __init__(
        self,
        output: Output,
        records: Sequence[dict[str, Any]],
        references: Sequence[Sequence[str]],
        reference_column: str | None,
    ) -> None:
        columns = ["id", "source", "translation", "score", "flags"]
        if reference_column and reference_column not in columns:
            columns.append(reference_column)
        self.rows: list[int] = []
        self.table: dict[str, list[Any]] = {name: [] for name in columns}
        self.references: list[list[str | None]] = [[] for _ in references]
        if reference_column:
            self.references = [[]]
        for record in records:
            name = next(name for name in record["files"] if name.startswith("translations/"))
            part = output.read(name, columns).to_pydict()
            without = set(record["rejected_rows"])
            span = range(record["first"], record["first"] + record["counts"]["rows"])
            kept = [row for row in span if row not in without]
            self.rows += kept
            for column in columns:
                self.table[column] += part[column]
            if reference_column:
                self.references[0] += part[reference_column]
            else:
                for stream, given in zip(self.references, references, strict=True):
                    stream += [given[row] for row in kept]

    def scored(self) -> tuple[list[str], list[str], list[list[str]]]:
        """Sources, translations and streams of references of the rows that have them all."""
        chosen = [
            i
            for i in range(len(self.rows))
            if all(stream[i] is not None for stream in self.references)
        ]
        return (
            [self.table["source"][i] for i in chosen],
            [self.table["translation"][i] for i in chosen],
            [[stream[i] or "" for i in chosen] for stream in self.references],
        )

    def samples(self, drawn: Sequence[int]) -> Iterator[dict[str, Any]]:
        """The sampled rows for the page."""
        places = {row: i for i, row in enumerate(self.rows)}
        for row in drawn:
            if row not in places:
                continue
            i = places[row]
            sample = {
                "id": self.table["id"][i],
                "source": self.table["source"][i],
                "translation": self.table["translation"][i],
                "reference": self.references[0][i] if self.references else None,
                "score": round(self.table["score"][i], 4),
                "flags": self.table["flags"][i],
            }
            if sample["reference"] is not None:
                chrf = sentence_chrf(sample["translation"], [sample["reference"]])
                sample["chrf"] = round(chrf, 2)
            yield sample


def scores(sentences: Sentences, vocabulary: Vocabulary, cleaning: DataSettings) -> dict[str, Any]:
    """sacrebleu scores and BLEU by source length; empty without references.

    A vocabulary of lower-cased words cannot give raw text back, so its references are brought
    into the same form, with their own words and never with [UNK]; the raw score stands beside.
    """
    if not sentences.references:
        return {}
    sources, hypotheses, references = sentences.scored()
    if not hypotheses:
        return {}
    raw = corpus_scores(hypotheses, references)
    standard = [
        [vocabulary.standardise(clean(text, cleaning)) for text in stream] for stream in references
    ]
    headline, shown = raw, references
    if vocabulary.kind == "word":
        headline = corpus_scores(hypotheses, standard, text="standardised") + raw
        shown = standard
    return {
        "scores": headline,
        "by_length": bleu_by_length(sources, hypotheses, shown),
        "reference_words": sum(len(text.split()) for text in shown[0]),
    }


def page_samples(rows: int) -> list[int]:
    """The rows whose sentences stand on the page."""
    return sample_rows(rows, _SAMPLES, seed=2)


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

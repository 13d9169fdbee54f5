"""Scores and rates by the values of a column of the input, such as its domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from nmt.configuration import nearest
from nmt.errors import UnusableInput
from nmt.evaluation import measures
from nmt.evaluation.measures import Measures
from nmt.evaluation.metrics import Metrics
from nmt.evaluation.sentences import Sentence
from nmt.evaluation.totals import GroupSums
from nmt.records.report import GroupScores
from nmt.tables.values import is_scalar

NAMED = 20  # values with most rows, each a group of its own
_COUNTED = 100_000  # values counted at once; beyond it the rarest are forgotten
_COUNTS = ("rows", "translated", "empty", "rejected", "truncated", "target_tokens")
_LONGEST = 200  # characters of a value that count and are shown


def label(value: Any) -> str | None:
    """A value as text; None for a null.

    Args:
        value: as JSON has it, see `nmt.tables.values`.
    """
    return None if value is None else str(value)[:_LONGEST]


def check_grouping(where: object, schema: pa.Schema, column: str) -> None:
    """Refuse a column that is missing, or whose values are no texts, numbers or dates.

    Args:
        where: names the table in the message.
        schema: its columns.
        column: to group by.
    """
    if (names := schema.names).count(column) != 1:
        hint = nearest(column, names) if names else "the input has no other columns"
        raise UnusableInput(f"{where}: no column '{column}' for --group-by; {hint}")
    if not is_scalar(kind := schema.field(column).type):
        raise UnusableInput(
            f"{where}: column '{column}' for --group-by holds {kind}; give one of texts, "
            "numbers or dates"
        )


class ValueCounts:
    """Counts the rows of each value; of more than `_COUNTED` values it forgets the rarest."""

    def __init__(self) -> None:
        self._counts: Counter[str | None] = Counter()

    def add(self, values: Iterable[Any]) -> None:
        """Count the values of some rows."""
        self._count(Counter(map(label, values)))

    def merge(self, other: ValueCounts) -> None:
        """Add the counts of further rows."""
        self._count(other._counts)

    def _count(self, counts: Counter[str | None]) -> None:
        self._counts.update(counts)
        if len(self._counts) > _COUNTED:
            self._counts = Counter(dict(self._counts.most_common(_COUNTED // 2)))

    def named(self) -> list[str | None]:
        """The values with a group of their own, most rows first; a null always."""
        values = sorted(
            ((count, value) for value, count in self._counts.items() if value is not None),
            key=lambda pair: (-pair[0], pair[1]),
        )
        names: list[str | None] = [value for _, value in values[:NAMED]]
        return [*names, None] if None in self._counts else names


class Grouping:
    """Collects the measurements of sentences by the value of one column.

    Args:
        column: its name.
        named: values that have a group of their own; all others share one.
    """

    def __init__(self, column: str, named: Sequence[str | None]) -> None:
        self.column = column
        self._named = list(named)
        self._codes = {value: code for code, value in enumerate(self._named)}
        groups = range(len(self._named) + 1)
        self._counts = [dict.fromkeys(_COUNTS, 0) for _ in groups]
        self._sums = [measures.sums(Measures.of([])) for _ in groups]

    def __len__(self) -> int:
        """Number of groups."""
        return len(self._named) + 1

    def _code(self, value: Any) -> int:
        return self._codes.get(label(value), len(self._named))

    def reject(self, values: Iterable[Any]) -> None:
        """Count rejected rows, by their values."""
        for value in values:
            counts = self._counts[self._code(value)]
            counts["rows"] += 1
            counts["rejected"] += 1

    def add(self, sentences: Sequence[Sentence], place: int) -> list[int]:
        """Add translated rows.

        Args:
            sentences: they hold the column's value in ``others[place]``.
            place: see above.

        Returns:
            The number of each one's group.
        """
        members: dict[int, list[Sentence]] = {}
        codes = [self._code(sentence.others[place]) for sentence in sentences]
        for code, sentence in zip(codes, sentences, strict=True):
            members.setdefault(code, []).append(sentence)
        for code, group in members.items():
            counts = self._counts[code]
            counts["rows"] += len(group)
            counts["translated"] += len(group)
            for flag in ("empty", "truncated"):
                counts[flag] += sum(flag in sentence.flags for sentence in group)
            counts["target_tokens"] += sum(len(sentence.target_tokens) for sentence in group)
            self._sums[code] = measures.added([self._sums[code], measures.sums(Measures.of(group))])
        return codes

    def merge(self, other: Grouping) -> None:
        """Add the measurements of further sentences in the same groups."""
        for code, counts in enumerate(other._counts):
            self._counts[code] = measures.added([self._counts[code], counts])
            self._sums[code] = measures.added([self._sums[code], other._sums[code]])

    def table(
        self,
        metrics: Metrics,
        scored: GroupSums,
        baseline: GroupSums | None = None,
        means: Sequence[Mapping[str, float]] = (),
    ) -> list[GroupScores]:
        """The scores and rates of each group that has rows.

        Args:
            metrics: have counted.
            scored: the statistics of scored sentences, by the numbers that `add` returned.
            baseline: another system's translations of them; its BLEU is ``baseline``.
            means: of other metrics, by their names, for each group; or none at all.
        """
        result = []
        for code, counts in enumerate(self._counts):
            if not counts["rows"]:
                continue
            other, sentences = code == len(self._named), int(scored.counts[code])
            scores: dict[str, Any] = {}
            if sentences:
                scores = {**metrics.by_key(scored.sums[code])}
            if sentences and baseline is not None:
                scores["baseline"] = round(metrics.score("BLEU", baseline.sums[code]), 4)
            if means and means[code]:
                scores["metrics"] = means[code]
            result.append(
                GroupScores(
                    value=None if other else self._named[code],
                    other=other,
                    rows=counts["rows"],
                    rejected=counts["rejected"],
                    sentences=sentences,
                    rates=measures.rates(counts, self._sums[code]),
                    **scores,
                )
            )
        return result

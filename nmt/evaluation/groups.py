"""Scores and rates by the values of a column of the input, such as its domain."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nmt.configuration import nearest
from nmt.errors import UnusableInput
from nmt.evaluation import rates
from nmt.evaluation.measures import Measures
from nmt.evaluation.metric_scores import MetricScores
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Sentence
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
        self._counts.update(map(label, values))
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
        self._sums = [rates.sums(Measures.of([])) for _ in groups]
        self._all, self._scored = array("h"), array("h")

    def _code(self, value: Any) -> int:
        return self._codes.get(label(value), len(self._named))

    def reject(self, values: Iterable[Any]) -> None:
        """Count rejected rows, by their values."""
        for value in values:
            counts = self._counts[self._code(value)]
            counts["rows"] += 1
            counts["rejected"] += 1

    def add(self, sentences: Sequence[Sentence], place: int) -> None:
        """Add translated rows.

        Args:
            sentences: they hold the column's value in ``others[place]``; those with all
                references are scored, in this order.
            place: see above.
        """
        members: dict[int, list[Sentence]] = {}
        for sentence in sentences:
            code = self._code(sentence.others[place])
            members.setdefault(code, []).append(sentence)
            self._all.append(code)
            if sentence.complete:
                self._scored.append(code)
        for code, group in members.items():
            counts = self._counts[code]
            counts["rows"] += len(group)
            counts["translated"] += len(group)
            for flag in ("empty", "truncated"):
                counts[flag] += sum(flag in sentence.flags for sentence in group)
            counts["target_tokens"] += sum(len(sentence.target_tokens) for sentence in group)
            self._sums[code] = rates.added([self._sums[code], rates.sums(Measures.of(group))])

    def table(
        self,
        scorer: Scorer,
        baseline: Scorer | None = None,
        metrics: Sequence[MetricScores] = (),
    ) -> list[GroupScores]:
        """The scores and rates of each group that has rows.

        Args:
            scorer: the scored sentences, in the order in which they were added.
            baseline: another system's translations of them; its BLEU is ``baseline``.
            metrics: other metrics' scores of all sentences that were added.
        """
        every = np.asarray(self._all)
        codes, result = np.asarray(self._scored), []
        for code, counts in enumerate(self._counts):
            if not counts["rows"]:
                continue
            other = code == len(self._named)
            rows = np.flatnonzero(codes == code)
            scores: dict[str, Any] = {**scorer.part(rows)} if len(rows) else {}
            if len(rows) and baseline is not None:
                scores["baseline"] = round(baseline.score("BLEU", rows), 4)
            means = {one.name: one.mean_of(np.flatnonzero(every == code)) for one in metrics}
            if means := {name: mean for name, mean in means.items() if mean is not None}:
                scores["metrics"] = means
            result.append(
                GroupScores(
                    value=None if other else self._named[code],
                    other=other,
                    rows=counts["rows"],
                    rejected=counts["rejected"],
                    sentences=len(rows),
                    rates=rates.rates(counts, self._sums[code]),
                    **scores,
                )
            )
        return result

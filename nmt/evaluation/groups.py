"""Scores and rates by the values of a column of the input, such as its domain."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nmt.evaluation import rates
from nmt.evaluation.measures import Measures
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Sentence

NAMED = 20  # values with most rows that a report names
_COUNTED = 100_000  # values counted at once; beyond it the rarest are forgotten
_COUNTS = ("rows", "translated", "empty", "rejected", "truncated", "target_tokens")
_LONGEST = 200  # characters of a value that are told apart and shown


def label(value: Any) -> str | None:
    """A value as text; None for a null.

    Args:
        value: as JSON has it, see `nmt.tables.values`.
    """
    return None if value is None else str(value)[:_LONGEST]


class ValueCounts:
    """Counts the rows of each value. Of more than `_COUNTED` values the rarest so far are
    forgotten: none of them is among those that are named."""

    def __init__(self) -> None:
        self._counts: Counter[str | None] = Counter()

    def add(self, values: Iterable[Any]) -> None:
        """Count the values of some rows."""
        self._counts.update(map(label, values))
        if len(self._counts) > _COUNTED:
            self._counts = Counter(dict(self._counts.most_common(_COUNTED // 2)))

    def named(self) -> list[str | None]:
        """The values that a report names, most rows first; a null always."""
        values = sorted(
            ((count, value) for value, count in self._counts.items() if value is not None),
            key=lambda pair: (-pair[0], pair[1]),
        )
        found: list[str | None] = [value for _, value in values[:NAMED]]
        return [*found, None] if None in self._counts else found


class Grouping:
    """Collects what is measured of sentences by the value of one column.

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
        self._scored = array("h")

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
            if sentence.complete:
                self._scored.append(code)
        for code, found in members.items():
            counts = self._counts[code]
            counts["rows"] += len(found)
            counts["translated"] += len(found)
            for flag in ("empty", "truncated"):
                counts[flag] += sum(flag in sentence.flags for sentence in found)
            counts["target_tokens"] += sum(len(sentence.target_tokens) for sentence in found)
            self._sums[code] = rates.added([self._sums[code], rates.sums(Measures.of(found))])

    def table(self, scorer: Scorer, baseline: Scorer | None = None) -> list[dict[str, Any]]:
        """A row a group that has sentences: ``value`` (None for a null), ``other`` (whether it is
        all the values that are not named), ``rows``, ``rejected``, ``sentences`` (scored ones),
        their ``bleu``, ``chrf`` and ``ter``, and ``rates``.

        Args:
            scorer: the scored sentences, in the order in which they were added.
            baseline: another system's translations of them; its BLEU is ``baseline``.
        """
        codes, result = np.asarray(self._scored), []
        for code, counts in enumerate(self._counts):
            if not counts["rows"]:
                continue
            other = code == len(self._named)
            rows = np.flatnonzero(codes == code)
            entry: dict[str, Any] = {
                "value": None if other else self._named[code],
                "other": other,
                "rows": counts["rows"],
                "rejected": counts["rejected"],
                "sentences": len(rows),
            }
            if len(rows):
                entry |= scorer.part(rows)
                if baseline is not None:
                    entry["baseline"] = round(baseline.score("BLEU", rows), 4)
            result.append({**entry, "rates": rates.rates(counts, self._sums[code])})
        return result

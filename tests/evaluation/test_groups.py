"""Every row is in exactly one group, and a group's numbers are those of its own rows."""

import numpy as np
import pytest
from rounding import decimals

from nmt.evaluation import groups, measures
from nmt.evaluation.groups import NAMED, Grouping, ValueCounts, label
from nmt.evaluation.measures import Measures
from nmt.evaluation.metrics import Metrics
from nmt.evaluation.scores import Scorer
from nmt.evaluation.sentences import Sentence
from nmt.evaluation.totals import GroupSums


def sentence(row: int, value: object, translation: str, reference: str | None) -> Sentence:
    references = [] if reference is None else [reference]
    tokens = translation.split()
    return Sentence(row, row, "a source", translation, -0.1 * row, ["a"], tokens, 1.0, 0.9,
                    ["truncated"] if row % 3 == 0 else [], references, (value,))  # fmt: skip


def counted(values: list) -> list[str | None]:
    counts = ValueCounts()
    for value in values:
        counts.add([value])
    return counts.named()


def test_values_are_named_by_rows_and_a_null_always() -> None:
    values = ["b", "a", "b", None, *(f"v{i:02}" for i in range(NAMED + 5))]
    named = counted(values)
    assert named[:3] == ["b", "a", "v00"]
    assert named[-1] is None
    assert len(named) == NAMED + 1
    assert None not in counted(["a"])


def test_any_value_has_a_name() -> None:
    assert [label(value) for value in ("true", 7, "", None)] == ["true", "7", "", None]
    assert len(label("x" * 10**6) or "") == 200


def test_a_column_of_ids_is_counted_in_bounded_memory(monkeypatch) -> None:
    monkeypatch.setattr(groups, "_COUNTED", 100)
    counts = ValueCounts()
    for start in range(0, 5000, 50):
        counts.add([*range(start, start + 50), "often", "often"])
    assert counts.named()[0] == "often"
    assert len(counts._counts) <= 150


def test_groups_are_a_partition_with_numbers_of_their_own() -> None:
    values = ["news", "law", None, "news", *(f"v{i:02}" for i in range(30)), "law"]
    texts = [f"Satz {i} mit einigen guten Worten" for i in range(len(values))]
    rows = [
        sentence(i, value, texts[i], None if i == 3 else texts[i] if i % 2 else "ein anderer Satz")
        for i, value in enumerate(values)
    ]
    grouping = Grouping("domain", counted([*values, "law", "gone"]))
    grouping.reject(["law", "gone"])
    further = Grouping("domain", counted([*values, "law", "gone"]))
    codes = np.array([*grouping.add(rows[:7], 0), *further.add(rows[7:], 0)])
    grouping.merge(further)
    scored = [row for row in rows if row.complete]
    codes = codes[[row.row for row in scored]]
    scorer = Scorer()
    scorer.add([(row.translation, row.references) for row in scored])
    other = Scorer()  # of a system that says the same of every sentence
    other.add([("ein anderer guter Satz", row.references) for row in scored])
    sums, others = (GroupSums(len(grouping), scorer.metrics.width) for _ in range(2))
    sums.add(codes, scorer.statistics)
    others.add(codes, other.statistics)
    entries = grouping.table(scorer.metrics, sums, others)
    table = {(e.value, e.other): e for e in entries}
    assert sum(e.rows for e in table.values()) == len(rows) + 2
    assert sum(e.rejected for e in table.values()) == 2
    assert sum(e.sentences for e in table.values()) == len(scored)
    assert (None, True) in table
    assert (None, False) in table
    law = [row for row in rows if row.others == ("law",)]
    entry = table["law", False]
    assert (entry.rows, entry.rejected) == (3, 1)
    alone = Scorer()
    alone.add([(row.translation, row.references) for row in law])
    for metric in ("BLEU", "chrF", "TER"):
        assert getattr(entry, metric.lower()) == pytest.approx(alone.score(metric), abs=decimals(4))
    alone = Scorer()
    alone.add([("ein anderer guter Satz", row.references) for row in law])
    assert entry.baseline == pytest.approx(alone.score("BLEU"), abs=decimals(4))
    assert entry.baseline != entry.bleu
    counts = {"rows": 3, "translated": 2, "empty": 0, "rejected": 1, "target_tokens": 12}
    counts["truncated"] = sum("truncated" in row.flags for row in law)
    assert entry.rates == measures.rates(counts, measures.sums(Measures.of(law)))


def test_a_group_without_translations_has_no_scores() -> None:
    grouping = Grouping("domain", ["bad"])
    grouping.reject(["bad", "bad"])
    metrics = Metrics()
    (entry,) = grouping.table(metrics, GroupSums(len(grouping), metrics.width))
    assert entry.to_json() == {
        "value": "bad", "other": False, "rows": 2, "rejected": 2, "sentences": 0,
        "rates": {"rejected": 1.0},
    }  # fmt: skip

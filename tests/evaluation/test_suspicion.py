"""What is suspicious in a translation is found in it, and the worst come first."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nmt.evaluation.comparison import LISTED, most_different, paired
from nmt.evaluation.measures import Measures, repeats
from nmt.evaluation.rates import added, rates, sums
from nmt.evaluation.sentences import Sentence, chunks
from nmt.evaluation.suspicion import Suspect, reasons, suspects, worst


def sentence(row: int = 0, **changes: Any) -> Sentence:
    values: dict[str, Any] = {
        "row": row, "id": row, "source": "The dog sleeps .", "translation": "Der Hund schläft",
        "score": -0.3, "source_tokens": ["▁The", "▁dog"], "target_tokens": ["▁Der", "▁Hund"],
        "attention_entropy": 0.5, "coverage": 0.9, "flags": [], "references": [],
    }  # fmt: skip
    return Sentence(**{**values, **changes})


def suspected(sentences: list[Sentence]) -> list[Suspect]:
    return suspects(Measures.of(sentences), [s.row for s in sentences])


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("", False),
        ("a b c d e f", False),
        ("sehr sehr sehr gut", False),
        ("sehr sehr sehr sehr", True),
        ("x a b a b y", False),
        ("x a b a b a b y", True),
        ("a b c a b c a b c", True),
        ("a b c d a b c d a b c d", True),
        ("a b c d e a b c d e a b c d e", False),
    ],
)
def test_loops_are_found(text, loops) -> None:
    assert repeats(text.split()) is loops


def test_loops_are_those_of_the_definition() -> None:
    def defined(tokens: list[str]) -> bool:
        return any(
            tokens[start : start + times * size] == tokens[start : start + size] * times
            for size, times in ((1, 4), (2, 3), (3, 3), (4, 3))
            for start in range(len(tokens) - times * size + 1)
        )

    random = np.random.default_rng(5)
    found = [random.choice(list("abc"), random.integers(0, 15)).tolist() for _ in range(2000)]
    told = [repeats(tokens) for tokens in found]
    assert told == [defined(tokens) for tokens in found]
    assert 100 < sum(told) < 1900


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"score": -1.5}, ["low score"]),
        ({"coverage": 0.2}, ["low coverage"]),
        ({"coverage": None, "attention_entropy": None}, []),
        ({"flags": ["truncated", "unk"]}, ["truncated"]),
        ({"target_tokens": ["a"] * 4, "score": -2.0}, ["looping", "low score"]),
    ],
)
def test_reasons(changes, expected) -> None:
    found = reasons(Measures.of([sentence(), sentence(**changes)]))
    assert [name for name, holds in found.items() if holds[1]] == expected
    assert not any(holds[0] for holds in found.values())


def test_the_worst_come_first_in_whatever_order_they_are_found() -> None:
    found = [
        sentence(n, score=-1.0 - n / 100, coverage=0.9 - 0.5 * (n % 7 == 0)) for n in range(99)
    ]
    whole = worst(suspected(found))
    parts = [worst(suspected(part)) for part in (found[50:], found[:50])]
    assert worst([*parts[0], *parts[1]]) == whole
    assert len(whole) == 50
    keys = [(-len(suspect["reasons"]), suspect["score"]) for suspect in whole]
    assert keys == sorted(keys)
    assert suspected([sentence()]) == []


def test_rates_do_not_depend_on_how_the_rows_are_cut() -> None:
    rows = [sentence(n, score=-n / 10, target_tokens=["[UNK]", "a"]) for n in range(1, 20)]
    rows.append(sentence(20, coverage=None, attention_entropy=None, translation=""))
    counts = {"rows": 25, "translated": 20, "rejected": 5, "truncated": 2, "target_tokens": 40}
    whole = rates(counts, sums(Measures.of(rows)))
    assert rates(counts, added(sums(Measures.of(part)) for part in chunks(rows, 3))) == whole
    assert whole["rejected"] == 0.2
    assert whole["unk"] == 19 / 40
    assert whole["coverage"] == 0.9
    assert whole["suspicious"] == 9 / 20
    assert "coverage" not in rates(counts, sums(Measures.of(rows[-1:])))


def test_differences_are_the_largest_in_either_direction() -> None:
    random = np.random.default_rng(1)
    own, other = random.random(500), random.random(500)
    own[:40] = other[:40]
    picked = most_different(own, other)
    gaps = own - other
    assert len(picked) == len(set(picked.tolist())) == 2 * LISTED
    assert (np.diff(np.abs(gaps[picked])) <= 0).all()
    assert (gaps[picked] > 0).sum() == (gaps[picked] < 0).sum() == LISTED
    left = np.setdiff1d(np.arange(500), picked)
    assert gaps[left].max() <= gaps[picked][gaps[picked] > 0].min()
    assert most_different(own[:40], other[:40]).size == 0
    assert sorted(most_different(own[40:100], other[40:100])) == list(range(60))


def test_sentences_are_paired_by_their_ids() -> None:
    ids, others = (pa.chunked_array([list(text)]) for text in ("abcde", "xedba"))
    here, there = paired(ids, others)
    assert [ids[i].as_py() for i in here] == [others[i].as_py() for i in there] == list("abde")

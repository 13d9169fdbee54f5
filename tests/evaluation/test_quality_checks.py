"""Quality checks detect suspicious translations, and the worst come first."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nmt.evaluation.comparison import LISTED, most_different, paired
from nmt.evaluation.measures import Measures, added, rates, reasons, repeats, sums, suspects, worst
from nmt.evaluation.sentences import Sentence, chunks
from nmt.records.output import Suspect


def sentence(row: int = 0, **changes: Any) -> Sentence:
    values: dict[str, Any] = {
        "row": row, "id": row, "source": "The dog sleeps .", "translation": "Der Hund schläft",
        "score": -0.3, "source_tokens": ["▁The", "▁dog"], "target_tokens": ["▁Der", "▁Hund"],
        "attention_entropy": 0.5, "coverage": 0.9, "flags": [], "references": [],
    }  # fmt: skip
    return Sentence(**{**values, **changes})


def suspects_of(sentences: list[Sentence]) -> list[Suspect]:
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
        ("a b c d e a b c d e", False),
        ("a b c d e a b c d e a b c d", False),
        ("x a b c d e a b c d e a b c d e y", True),
        ("a b c d e f " * 20, True),
        (" ".join(f"w{n}" for n in range(40)) + " x", False),
        ((" ".join(f"w{n}" for n in range(40)) + " ") * 3, True),
    ],
)
def test_loops_are_found(text, loops) -> None:
    assert repeats(text.split()) is loops


def test_loops_are_those_of_the_definition() -> None:
    def defined(tokens: list[str]) -> bool:
        return any(
            tokens[start : start + times * size] == tokens[start : start + size] * times
            for size, times in ((1, 4), *((size, 3) for size in range(2, len(tokens) // 3 + 1)))
            for start in range(len(tokens) - times * size + 1)
        )

    random = np.random.default_rng(5)
    actual = [random.choice(list("abc"), random.integers(0, 15)).tolist() for _ in range(2000)]
    for _ in range(300):  # periods of up to eight tokens, a little more or less than three times
        cycle = random.choice(list("abcdefgh"), random.integers(3, 9)).tolist()
        cut = random.integers(2 * len(cycle), 4 * len(cycle))
        actual.append(["x"] * random.integers(0, 3) + (4 * cycle)[:cut])
    told = [repeats(tokens) for tokens in actual]
    assert told == [defined(tokens) for tokens in actual]
    assert 100 < sum(told) < 1900
    assert 50 < sum(told[2000:]) < 250


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"score": -1.5}, ["low score"]),
        ({"coverage": 0.2}, ["low coverage"]),
        ({"coverage": None, "attention_entropy": None}, []),
        (
            {"translation": "", "target_tokens": [], "coverage": 0.0, "attention_entropy": None},
            ["empty translation", "low coverage"],
        ),
        (
            {"translation": " ", "target_tokens": ["▁"], "coverage": None},  # without attention
            ["empty translation"],
        ),
        ({"source": " ", "translation": "", "target_tokens": [], "flags": ["empty"]}, []),
        ({"flags": ["truncated", "unk"]}, ["truncated"]),
        ({"target_tokens": ["a"] * 4, "score": -2.0}, ["looping", "low score"]),
    ],
)
def test_reasons(changes, expected) -> None:
    actual = reasons(Measures.of([sentence(), sentence(**changes)]))
    assert [name for name, holds in actual.items() if holds[1]] == expected
    assert not any(holds[0] for holds in actual.values())


def test_the_worst_come_first_in_whatever_order_they_are_found() -> None:
    actual = [
        sentence(n, score=-1.0 - n / 100, coverage=0.9 - 0.5 * (n % 7 == 0)) for n in range(99)
    ]
    whole = worst(suspects_of(actual))
    parts = [worst(suspects_of(part)) for part in (actual[50:], actual[:50])]
    assert worst([*parts[0], *parts[1]]) == whole
    assert len(whole) == 50
    keys = [(-len(suspect.reasons), suspect.score) for suspect in whole]
    assert keys == sorted(keys)
    assert suspects_of([sentence()]) == []


def test_rates_do_not_depend_on_how_the_rows_are_cut() -> None:
    rows = [sentence(n, score=-n / 10, target_tokens=["[UNK]", "a"]) for n in range(1, 20)]
    rows.append(sentence(20, coverage=None, attention_entropy=None))
    counts = {
        "rows": 25, "translated": 20, "empty": 0, "rejected": 5, "truncated": 2,
        "target_tokens": 40,
    }  # fmt: skip
    whole = rates(counts, sums(Measures.of(rows)))
    assert rates(counts, added(sums(Measures.of(part)) for part in chunks(rows, 3))) == whole
    assert whole["rejected"] == 0.2
    assert whole["unk"] == 19 / 40
    assert whole["coverage"] == 0.9
    assert whole["suspicious"] == 9 / 20
    assert "coverage" not in rates(counts, sums(Measures.of(rows[-1:])))


def test_one_row_of_millions_shows() -> None:
    """As many digits as a gate of 0 needs."""
    counts = dict.fromkeys(("rows", "translated", "target_tokens"), 3_000_000)
    counts |= {"rejected": 1, "empty": 0, "truncated": 1}
    actual = rates(counts, sums(Measures.of([sentence(1)])))
    assert actual["rejected"] == actual["truncated"] == pytest.approx(1 / 3e6)


def blank(row: int) -> Sentence:
    nothing: dict[str, Any] = {"source_tokens": [], "target_tokens": [], "source": " "}
    nothing |= {"attention_entropy": None, "coverage": None, "translation": "", "score": 0.0}
    return sentence(row, **nothing, flags=["empty"])


def rates_of(rows: list[Sentence]) -> dict[str, float]:
    counts = dict.fromkeys(("rows", "translated"), len(rows)) | {"rejected": 0}
    for flag in ("empty", "truncated"):
        counts[flag] = sum(flag in row.flags for row in rows)
    counts["target_tokens"] = sum(len(row.target_tokens) for row in rows)
    return rates(counts, sums(Measures.of(rows)))


def test_blank_lines_change_no_rate() -> None:
    rows = [sentence(1, score=-2.0, flags=["truncated"]), sentence(2, target_tokens=["a"] * 5)]
    actual = rates_of(rows)
    assert (actual["truncated"], actual["repetition"], actual["suspicious"]) == (0.5, 0.5, 1.0)
    assert actual["score"] == pytest.approx((-2.0 - 0.3) / 2)
    assert rates_of([*rows, *map(blank, range(3, 9))]) == actual
    assert rates_of([blank(1)]) == {"rejected": 0.0}  # there is nothing to say a mean of


def test_an_empty_translation_counts_as_covering_nothing() -> None:
    nothing = sentence(1, translation="", target_tokens=[], coverage=0.0, attention_entropy=None)
    actual = rates_of([sentence(0), nothing])
    assert actual["coverage"] == 0.45
    assert actual["attention_entropy"] == 0.5  # it has none
    assert actual["suspicious"] == 0.5
    old = sums(Measures.of([sentence(0)]))
    del old["unattended"]  # a unit that an earlier release has committed
    counts = {"rows": 1, "translated": 1, "empty": 0, "rejected": 0, "truncated": 0}
    assert rates(counts | {"target_tokens": 2}, old) == rates_of([sentence(0)])


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

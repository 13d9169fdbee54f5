"""Ranges of source length lose nobody, and each is scored on its own sentences."""

from itertools import pairwise

import pytest
from rounding import decimals
from sacrebleu.metrics import BLEU
from test_scores import FIRST, HYPOTHESES, SECOND, scorer

from nmt.evaluation.scores import Scorer
from nmt.evaluation.totals import RANGES, GroupSums, range_of, scores_by_length, source_length
from nmt.records.report import LengthScores


def sums_of(lengths: list[int], scored: Scorer) -> GroupSums:
    sums = GroupSums(RANGES, scored.metrics.width)
    sums.add(range_of(lengths), scored.statistics)
    return sums


def bleu_by_length(sources, hypotheses, references) -> list[LengthScores]:
    scored = scorer(hypotheses, references)
    return scores_by_length(scored.metrics, sums_of([*map(source_length, sources)], scored))


def test_ranges_of_length_are_a_partition() -> None:
    lengths = [0, 1, 4, 5, 6, 10, 11, 39, 40, 41, 45, 46, 120]
    sources = [" ".join(["w"] * n) for n in lengths]
    hypotheses = [f"ein Satz mit {n} Wörtern" for n in lengths]
    actual = bleu_by_length(sources, hypotheses, [hypotheses])
    assert sum(entry.sentences for entry in actual) == len(lengths)
    for before, after in pairwise(actual):
        assert before.last is not None
        assert after.first > before.last
    for entry in actual:
        upper = entry.last or 10**9
        inside = [n for n in lengths if entry.first <= max(n, 1) <= upper]
        assert entry.sentences == len(inside)
        assert entry.bleu == pytest.approx(100)
    assert actual[-1].last is None
    assert actual[-1].first == 41


def test_a_range_is_scored_on_its_own_sentences() -> None:
    sources = ["a b", "a b c d e f g", "x y"]
    actual = bleu_by_length(sources, HYPOTHESES, [FIRST, SECOND])
    rows = {1: [0, 2], 6: [1]}
    for entry in actual:
        chosen = rows.pop(entry.first)
        pick = [[stream[row] for row in chosen] for stream in (HYPOTHESES, FIRST, SECOND)]
        assert entry.bleu == pytest.approx(
            BLEU().corpus_score(pick[0], pick[1:]).score, abs=decimals(4)
        )
    assert not rows


def test_a_baseline_stands_beside_on_the_sentences_that_both_have() -> None:
    own, other = scorer(HYPOTHESES[1:], [FIRST[1:]]), scorer(SECOND[1:], [FIRST[1:]])
    sums, others = (sums_of([12, 3], one) for one in (own, other))
    for entry, row in zip(scores_by_length(own.metrics, sums, others), (2, 1), strict=True):
        assert entry.sentences == 1
        for name, texts in (("bleu", HYPOTHESES), ("baseline", SECOND)):
            alone = BLEU().corpus_score([texts[row]], [[FIRST[row]]]).score
            assert getattr(entry, name) == pytest.approx(alone, abs=decimals(4)), name

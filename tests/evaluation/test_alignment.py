"""Alignments read off attention, and AER, on examples worked out by hand."""

import numpy as np
import pytest

from nmt.errors import UnusableInput
from nmt.evaluation.alignment import (
    Gold,
    LinkCounts,
    diagonal,
    format_pharaoh,
    parse_gold,
    parse_pharaoh,
    relinked,
    word_alignment,
    word_weights,
)


def ones(*indices: int) -> list[range]:
    """Words of one token each."""
    return [range(index, index + 1) for index in indices]


GOLD = [(0, 0), (1, 1), (2, 2)]


def alignment_error_rate(pairs) -> float:
    counts = LinkCounts()
    for actual, gold in pairs:
        counts = counts.plus(LinkCounts.of(actual, gold if isinstance(gold, Gold) else Gold(gold)))
    return counts.error_rate


@pytest.mark.parametrize(
    ("actual", "gold", "expected"),
    [
        (GOLD, GOLD, 0.0),
        ([(0, 1), (1, 2)], GOLD, 1.0),
        ([(0, 0), (1, 2)], GOLD, 1 - 2 * 1 / (2 + 3)),
        ([(0, 0), (0, 0), (1, 2)], GOLD, 1 - 2 * 1 / (2 + 3)),  # a link counts once
        ([], GOLD, 1.0),
        ([], [], 0.0),
    ],
)
def test_alignment_error_rate(actual, gold, expected) -> None:
    assert alignment_error_rate([(actual, gold)]) == pytest.approx(expected)


def test_the_error_rate_is_of_the_corpus_not_a_mean_of_sentences() -> None:
    pairs = [(GOLD, GOLD), ([(0, 1)], [(0, 0)])]
    assert alignment_error_rate(pairs) == pytest.approx(1 - 2 * 3 / 8)
    assert alignment_error_rate([]) == 0.0


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        ([(0, 0), (1, 1)], 0.0),  # all sure ones, nothing else
        ([(0, 0), (1, 1), (2, 1)], 0.0),  # possible ones cost nothing
        ([(2, 1)], 1 - (0 + 1) / (1 + 2)),
        ([(0, 0), (2, 1), (3, 3)], 1 - (1 + 2) / (3 + 2)),
    ],
)
def test_possible_links_may_be_found_but_need_not_be(actual, expected) -> None:
    gold = parse_gold("0-0 1-1 2?1 1?1")  # P holds S, whether a link is written twice or not
    assert alignment_error_rate([(actual, gold)]) == pytest.approx(expected)


def test_counts_of_an_older_release_without_possible_links_still_add_up() -> None:
    old = {"sentences": 1, "found": 3, "gold": 3, "shared": 2}
    assert LinkCounts(**old).error_rate == pytest.approx(1 - 4 / 6)


def test_gold_alignments_know_sure_and_possible_links() -> None:
    assert parse_gold("3?1 0-0\t10-2 ") == Gold([(0, 0), (10, 2)], [(3, 1)])
    assert parse_gold("") == Gold([], [])


def test_weights_are_summed_over_source_pieces_and_averaged_over_target_pieces() -> None:
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.0, 0.4, 0.6]])
    # Source words: tokens 0 and 1, token 2; target words: token 0, tokens 1 and 2.
    actual, sources, targets = word_weights(weights, ones(0, 0, 1), ones(0, 1, 1))
    np.testing.assert_allclose(actual, [[0.3, 0.7], [(0.8 + 0.4) / 2, (0.2 + 0.6) / 2]])
    assert (sources, targets) == (ones(0, 1), ones(0, 1))
    assert word_alignment(weights, ones(0, 0, 1), ones(0, 1, 1)) == [(1, 0), (0, 1)]


def test_pieces_together_may_win_over_a_single_stronger_one() -> None:
    weights = np.array([[0.3, 0.3, 0.4]])
    assert word_alignment(weights, ones(0, 0, 1), ones(0)) == [(0, 0)]
    assert word_alignment(weights, ones(0, 1, 2), ones(0)) == [(2, 0)]


def test_characters_that_share_a_token_are_linked_together() -> None:
    weights = np.array([[0.9, 0.1], [0.2, 0.8]])
    source, target = [range(0, 2), range(2, 3)], ones(0, 1)
    assert word_alignment(weights, source, target) == [(0, 0), (1, 0), (2, 1)]
    # A token may begin within the last word of another: then all of these are one.
    assert word_alignment(weights, [range(0, 2), range(1, 3)], ones(0, 0)) == [
        *((0, 0), (1, 0), (2, 0))
    ]
    assert word_alignment(weights, ones(0, 1), [range(0, 2), range(2, 4)]) == [
        *((0, 0), (0, 1), (1, 2), (1, 3))
    ]


def test_links_to_another_writing_of_the_source() -> None:
    assert relinked([(0, 0), (1, 1), (2, 1), (1, 0)], [0, 0, 2]) == [(0, 0), (0, 1), (2, 1)]
    assert relinked([], []) == []


def test_word_indices_may_have_gaps() -> None:
    weights = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert word_alignment(weights, ones(1, 4), ones(2, 7)) == [(1, 2), (4, 7)]


def test_every_target_word_has_one_link_to_a_source_word() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        n, m = random.integers(1, 9, 2)
        source, target = np.sort(random.integers(0, 5, n)), np.sort(random.integers(0, 5, m))
        links = word_alignment(random.random((m, n)), ones(*source), ones(*target))
        assert [t for _, t in links] == sorted(set(target.tolist()))
        assert {s for s, _ in links} <= set(source.tolist())


def test_nothing_is_aligned_with_nothing() -> None:
    assert word_alignment(np.zeros((0, 3)), ones(0, 1, 2), []) == []
    assert word_alignment(np.zeros((2, 0)), [], ones(0, 1)) == []


def test_pharaoh_round_trip() -> None:
    assert format_pharaoh([(10, 2), (0, 0), (0, 1)]) == "0-0 0-1 10-2"
    assert parse_pharaoh("0-0 0-1  10-2\n") == [(0, 0), (0, 1), (10, 2)]
    assert parse_pharaoh("") == []
    assert parse_pharaoh(format_pharaoh(GOLD)) == GOLD


@pytest.mark.parametrize(
    "text", ["0", "0-", "a-b", "0-0 1", "0-1-2", "0:1", "-1-2", "0?1", "1_0-2", "²-1"]
)
def test_other_forms_are_refused(text) -> None:
    with pytest.raises(UnusableInput, match="no Pharaoh alignment") as caught:
        parse_pharaoh(text)
    assert "\n" not in str(caught.value)


def test_the_diagonal() -> None:
    assert diagonal(3, 3) == GOLD
    assert diagonal(4, 2) == [(1, 0), (3, 1)]
    assert diagonal(2, 4) == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert diagonal(1, 3) == [(0, 0), (0, 1), (0, 2)]
    assert diagonal(0, 3) == []
    assert diagonal(3, 0) == []
    for n in range(1, 8):
        for m in range(1, 8):
            links = diagonal(n, m)
            assert [t for _, t in links] == list(range(m))
            assert all(0 <= s < n for s, _ in links)
            assert [s for s, _ in links] == sorted(s for s, _ in links)

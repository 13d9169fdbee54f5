"""The table of word translations, and the words that it counts."""

from __future__ import annotations

import numpy as np
import pytest

from nmt.alignment.translations import Cells, TranslationTable
from nmt.alignment.words import Words, stems, word_stems
from nmt.segmentation import count_words


def test_expected_counts_add_up_to_the_words_of_the_corpus() -> None:
    rng = np.random.default_rng(1)
    sources, targets = (
        [rng.integers(0, 9, rng.integers(0, 6)) for _ in range(40)] for _ in range(2)
    )
    table, _ = TranslationTable.learn(Cells.of(sources, targets, (9, 9)), (9, 9))
    target = table.entries % 9
    counts = np.bincount(target, table.counts, minlength=9)
    np.testing.assert_allclose(counts, table.target_counts, rtol=1e-4)
    assert table.source_counts.sum() == pytest.approx(table.target_counts.sum(), rel=1e-4)
    source = table.entries // 9
    given_word = np.bincount(source, table.probability, minlength=10)
    np.testing.assert_allclose(given_word[given_word > 0], 1, rtol=1e-4)


def test_a_cell_is_a_word_beside_a_word_of_the_same_pair() -> None:
    cells = Cells.of([np.array([1]), np.array([], int)], [np.array([0, 2]), np.array([1])], (2, 3))
    assert [(int(cell) // 3, int(cell) % 3) for cell in cells.entries] == [
        *((1, 0), (2, 0), (1, 2), (2, 2)),
        (2, 1),  # the empty word alone
    ]


def test_words_of_one_pair_alone_say_nothing_of_it() -> None:
    sources, targets = [np.array([1]), np.array([2])], [np.array([1]), np.array([2])]
    table, places = TranslationTable.learn(Cells.of(sources, targets, (3, 3)), (3, 3))
    cells = Cells.of(sources[:1], targets[:1], (3, 3))
    own = table.counts[places[: len(cells.entries)]]
    others = table.without(cells, own, np.ones(1, bool))
    assert others.probability[0] == pytest.approx(others.chance[0], rel=1e-6)
    assert others.probability[1] < others.chance[0], "the empty word has been seen elsewhere"
    assert others.weights.tolist() == [0]


def test_words_are_cut_and_others_are_one() -> None:
    assert stems("Die Katzen schliefen!") == ["die", "katze", "schli", "!"]
    assert stems("犬が寝る") == ["犬", "が", "寝", "る"]
    words = Words.learn([["a", "b"], ["a"]])
    assert words.ids(["a", "b", "x"]).tolist() == [1, 2, 0]


def test_words_that_are_aligned_are_those_of_the_text_without_outer_punctuation() -> None:
    assert word_stems("„Die Katzen“ – schliefen, (wo)?") == ["die", "katze", "–", "schli", "wo"]
    for text in ("", " ", "犬が寝る。", "ab " * 3, "...", "." * 100_000 + "a" + "." * 100_000):
        assert len(word_stems(text)) == count_words(text)


def test_a_vocabulary_depends_on_counts_and_not_on_the_order() -> None:
    texts = [["b", "a"], ["c", "c"], ["a", "b", "d"]]
    assert Words.learn(texts).words == Words.learn(texts[::-1]).words == ("a", "b", "c", "d")

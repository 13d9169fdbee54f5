"""An extended vocabulary: old ids stay, old tokens are merged further, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from effort import steps
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.vocabulary import SPECIALS, UNK
from nmt.vocabulary.extension import extend_subwords, extend_words
from nmt.vocabulary.subwords import SubwordVocabulary, train_subwords
from nmt.vocabulary.words import WordVocabulary

OLD = [f"the {a} {b} the {c}" for a in ("dog", "cat") for b in ("sees", "likes") for c in "abcdef"]
NEW = ["the kingfisher dives 2026 times.", "kingfishers dive, the dog sees them", "łódź łódź"] * 6


@pytest.fixture(scope="module", params=[True, False], ids=["bytes", "no bytes"])
def old(request: pytest.FixtureRequest) -> SubwordVocabulary:
    size = 330 if request.param else 70
    return train_subwords(OLD, vocab_size=size, byte_fallback=request.param, symbols=["<tag>"])


@pytest.fixture(scope="module")
def new(old: SubwordVocabulary) -> SubwordVocabulary:
    return extend_subwords(old, NEW, 60)


def test_old_entries_keep_their_ids(old: SubwordVocabulary, new: SubwordVocabulary) -> None:
    assert new.entries[: old.size] == old.entries
    assert old.size < new.size <= old.size + 60
    assert new.symbols == old.symbols
    assert new.serialise() == extend_subwords(old, NEW, 60).serialise()
    assert {"▁kingfisher", "ł"} <= set(new.entries[old.size :])


def test_new_entries_shorten_the_new_texts(old: SubwordVocabulary, new: SubwordVocabulary) -> None:
    before, after = (sum(map(len, v.encode_ids(NEW))) for v in (old, new))
    assert after < before / 2
    used = Counter(i for ids in new.encode_ids(NEW) for i in ids)
    assert any(used[i] for i in range(old.size, new.size))
    assert UNK not in used


def test_a_long_word_costs_no_more_than_its_length(old: SubwordVocabulary) -> None:
    random = np.random.default_rng(1)

    def work(length: int) -> int:
        letters = "".join(random.choice(list("abcdefghij"), length))
        return steps(lambda: extend_subwords(old, NEW + [letters] * 5, 60))[0]

    short = work(500)
    assert work(8000) - short < 6 * (work(2000) - short)  # five times the letters


def test_many_long_words_cost_no_more_than_ordinary_ones(old: SubwordVocabulary) -> None:
    random = np.random.default_rng(1)

    def work(words: int, length: int) -> int:
        letters = random.choice(list("abcdefghij"), (words, length))
        return steps(lambda: extend_subwords(old, [*map("".join, letters)], 5000))[0]

    # Each letter is looked at again by each of a hundred merges of its word, and not by more.
    assert work(50, 200) < 4 * work(1000, 10)


@settings(max_examples=60)
@given(st.text(st.sampled_from("thekingfshrdvłóź 2.,<ag>"), max_size=40))
def test_old_tokens_are_merged_and_never_cut(text: str) -> None:
    old = train_subwords(OLD + NEW, vocab_size=330, symbols=["<tag>"])
    new = extend_subwords(old, NEW, 60)
    text = " ".join(text.split())
    ids = new.encode_ids([text])[0]
    assert new.decode(ids) == text
    ends = [0, *(sum(map(len, old.encode(text).tokens[: n + 1])) for n in range(len(ids) + 99))]
    position = 0
    for token in new.encode(text).tokens:
        position += len(token)
        assert position in ends


def test_symbols_bytes_and_kinds_of_characters_are_never_merged() -> None:
    old = train_subwords(OLD, vocab_size=330, symbols=["<tag>"])
    texts = ["<tag> dog42 dog42, 漢字a 漢字a <tag>dog"] * 20
    new = extend_subwords(old, texts, 200).entries[old.size :]
    assert not any("<" in piece or "▁" in piece[1:] for piece in new)
    assert not any("g4" in piece or "2," in piece[:-1] or "字a" in piece for piece in new)
    assert "漢" in new


def test_what_is_rare_or_known_adds_nothing(old: SubwordVocabulary) -> None:
    assert extend_subwords(old, OLD[:3], 50).serialise() == old.serialise()
    assert extend_subwords(old, NEW, 0).serialise() == old.serialise()
    assert extend_subwords(old, [], 50).serialise() == old.serialise()
    assert extend_subwords(old, ["", " ", "  "], 50).serialise() == old.serialise()


def test_parts_spell_an_entry_without_a_blank_before_it(old: SubwordVocabulary) -> None:
    for entry in ("▁kingfisher", "fisher", "▁dog", "dog"):
        (ids,) = old.parts([entry])
        if UNK not in ids:
            assert old.decode(ids) == entry.replace("▁", "")
            assert old.tokens(ids)[0].startswith("▁") == entry.startswith("▁")
    assert old.parts(old.entries) == [[number] for number in range(old.size)]


def test_a_merge_can_be_merged_again() -> None:
    old = train_subwords(["a b c d e f g h"], vocab_size=300)
    new = extend_subwords(old, ["abcdefgh"] * 9, 7).entries[old.size :]
    assert len(new) == 7
    assert new[-1] == "▁abcdefgh"
    for earlier, later in pairwise(new):
        assert len(earlier) <= len(later)


def test_words_follow_by_frequency() -> None:
    lines = [*SPECIALS, "dog", "cat"]
    old = WordVocabulary(("\n".join(lines) + "\n").encode())
    counts = {"dog": 9, "owl": 5, "ant": 5, "bee": 7, "fox": 1}
    assert extend_words(old, counts, 2, 1).entries == (*lines, "bee", "ant")
    assert extend_words(old, counts, 9, 5).entries == (*lines, "bee", "ant", "owl")
    assert old.parts(["cat", "owl"]) == [[5], [UNK]]

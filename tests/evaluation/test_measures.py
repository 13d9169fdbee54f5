"""Measures of sentences are the same however they are computed."""

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from nmt.evaluation.columns import STRINGS
from nmt.evaluation.measures import count_words, spelled
from nmt.segmentation import split_words
from nmt.vocabulary.base import is_byte

TEXTS = st.lists(
    st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("a \t\x1c\x85私")))
)
TOKENS = st.sampled_from(["▁a", "<0xE2>", "<0xe2>", "<0xE2>\n", "<0xE2", "<de>", "[UNK]", "", "<"])


@given(TEXTS)
@example(["a\x1cb\u2028 c\u200bd", "私は IBM で", "", " \t"])
def test_words_are_counted_as_they_are_split(texts: list[str]) -> None:
    assert count_words(texts).tolist() == [len(split_words(text)) for text in texts]


@given(st.lists(st.lists(TOKENS)), st.integers(0, 3))
def test_tokens_that_are_bytes_are_counted(lists: list[list[str]], start: int) -> None:
    some = pa.array(lists, STRINGS)[start:]
    expected = [sum(map(is_byte, tokens)) for tokens in lists[start:]]
    assert np.array_equal(spelled(some), expected)

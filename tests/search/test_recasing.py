"""Sources in capitals are translated as sentences, and written in capitals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nmt
from nmt.inference.row_filter import capitals, is_in_capitals, sentence_case
from nmt.segmentation import count_words
from nmt.settings import SearchSettings

TEXT = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("AB İIßŉ.!\u2028 ")))


@pytest.mark.parametrize(
    ("text", "language", "cased"),
    [
        ("A DOG RUNS. IT'S OLD!", "en", "A dog runs. It's old!"),
        ("WHAT DO I SEE? «A CAT»", "en", "What do I see? «A cat»"),
        ("(2) EIN HUND LÄUFT 3.5 KM", "de", "(2) Ein hund läuft 3.5 km"),
        ("IŞIK İYİ MI", "tr", "Işık iyi mı"),
        ("ΟΔΟΣ ΜΟΥ", None, "Οδος μου"),
    ],
)
def test_capitals_stay_where_sentences_begin(text: str, language, cased: str) -> None:
    assert is_in_capitals(text)
    assert sentence_case(text, language) == cased


@pytest.mark.parametrize(
    "text", ["", "USA", "A B C", "NATO 2024", "A Dog RUNS", "12:30", "私は IBM で", "OK."]
)
def test_others_are_not_in_capitals(text: str) -> None:
    assert not is_in_capitals(text)


@given(TEXT, st.sampled_from([None, "en", "tr"]))
def test_words_stay_as_many(text: str, language: str | None) -> None:
    assert count_words(capitals(text, language)) == count_words(text)
    assert count_words(sentence_case(text, language)) == count_words(text)


def test_a_source_in_capitals_is_translated_as_a_sentence(saved_models) -> None:
    model = nmt.load_model(saved_models[0], SearchSettings(beam_size=2, n_best=2))
    plain, again = model.translate(["The dog sees a cat.", "THE DOG SEES A CAT."])
    assert again.text == plain.text.upper()
    assert again.source_tokens == plain.source_tokens
    assert again.tokens == plain.tokens
    assert again.score == plain.score
    assert again.alignment == plain.alignment
    assert "recased" in again.flags
    assert "recased" not in plain.flags
    assert [one.text for one in again.alternatives] == [
        one.text.upper() for one in plain.alternatives
    ]
    (cold,) = model.translate(["THE DOG SEES A CAT."], recase=False)
    assert "recased" not in cold.flags
    assert cold.source_tokens != plain.source_tokens


def test_long_sources_in_capitals_are_cut_as_sentences_are(saved_models) -> None:
    search = SearchSettings(max_source_length=8)
    model = nmt.load_model(saved_models[0], search)
    text = "The dog sees a cat. The cat sleeps. A man sees it."
    plain, again = model.translate([text, text.upper()])
    assert again.text == plain.text.upper()
    assert {*again.flags} == {*plain.flags, "recased"}

"""Filters: each finds its kind of dirt, keeps what is clean, and scores what it says."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.filtering import SCORES
from nmt.corpus.filters import RULES, Languages, PairBatch, histogram
from nmt.corpus.filters.characters import BLANK, DIGIT, LETTER, Characters
from nmt.corpus.filters.language import expected_labels
from nmt.corpus.repeated import fingerprints, letters_of, pair_fingerprints
from nmt.segmentation import split_words
from nmt.settings import FILTER_PRESETS, FilterSettings

ENGLISH_GERMAN = Languages("en", "de")
CLEAN = [
    ("Hi.", "Hallo."),
    ("Fire!", "Feuer!"),
    ("No, no, no!", "Nein, nein, nein!"),
    ("The old farmer sold three cows in 1984.", "Der alte Bauer verkaufte 1984 drei Kühe."),
    ("Tom, Mary and John.", "Tom, Maria und Johannes."),
    ("See https://example.org/a for more.", "Mehr dazu unter https://example.org/a steht dort."),
]
DIRT = {
    "bad_length": ("word " * 160, "Wort " * 160),
    "long_word": ("See the attachment for more.", "Siehe " + "aGVsbG8gd29ybGQK" * 5),
    "repetition": ("Click here to go on.", "hier hier hier hier hier hier hier"),
    "few_letters": ("The table is below.", "12 17 | 44 18 | 91 02 | 44"),
    "wrong_script": ("The dog is asleep.", "Собака спит на полу."),
    "length_ratio": ("Yes.", "Das habe ich dir doch schon gestern beim Frühstück erklärt."),
    "copied": ("Please wait for the next train.", "Please wait for the next train."),
    "wrong_language": (
        "Please wait for the next train.",
        "Veuillez attendre le prochain train sur le quai.",
    ),
}
TEXTS = st.lists(
    st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("aab  -7犬ぬท\u0301"),
        max_size=12,
    ),
    max_size=6,
)


def reasons(pairs: list[tuple[str, str]], preset: str = "web") -> list[str | None]:
    batch = PairBatch([one for one, _ in pairs], [two for _, two in pairs], ENGLISH_GERMAN)
    thresholds = FILTER_PRESETS[preset]
    results: list[str | None] = [None] * len(pairs)
    for rule in RULES:
        if rule.name in thresholds:
            for place in np.flatnonzero(rule.rejects(rule.score(batch), thresholds[rule.name])):
                results[place] = results[place] or str(rule.reason)
    return results


def test_clean_pairs_are_kept() -> None:
    assert reasons(CLEAN) == [None] * len(CLEAN)


@pytest.mark.parametrize("reason", DIRT)
def test_dirt_has_its_reason_on_either_side(reason: str) -> None:
    pair = DIRT[reason]
    assert reasons([pair]) == [reason]
    if reason not in ("wrong_language", "copied", "wrong_script"):
        assert reasons([pair[::-1], *CLEAN])[0] in {reason, "wrong_language"}


def test_a_character_again_and_again_is_repetition() -> None:
    assert reasons([("Wait for me" + "!" * 30, "Warte auf mich!")], "basic") == ["repetition"]
    assert reasons([("Wait for me!!!", "Warte auf mich...")], "web") == [None]


@settings(max_examples=60)
@given(TEXTS)
def test_characters_are_counted_as_one_text_after_the_other_would_be(texts: list[str]) -> None:
    counted = Characters(texts)
    for place, text in enumerate(texts):
        categories = [unicodedata.category(character) for character in text]
        assert counted.lengths[place] == len(text)
        assert counted.count(LETTER)[place] == sum(name[0] in "LM" for name in categories)
        assert counted.count(DIGIT)[place] == categories.count("Nd")
        assert counted.count(BLANK)[place] == sum(map(str.isspace, text))
        runs = re.findall(r"((\S)\2*)", text)
        assert counted.longest_run()[place] == max((len(run) for run, _ in runs), default=0)


@settings(max_examples=40)
@given(st.lists(st.text("abc  犬が寝。", max_size=15), max_size=5))
def test_words_are_those_of_alignments(texts: list[str]) -> None:
    counted = Characters(texts)
    words = [split_words(text) for text in texts]
    assert counted.words().tolist() == [len(one) for one in words]
    longest = [max(map(len, one), default=0) for one in words]
    assert counted.longest_word().tolist() == longest


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), max_size=5))
def test_a_score_depends_on_its_pair_alone(pairs: list[tuple[str, str]]) -> None:
    for rule in RULES:
        if rule.name == "language":
            continue
        together = rule.score(PairBatch(*zip(*pairs, strict=True), ENGLISH_GERMAN)) if pairs else []
        alone = [rule.score(PairBatch([a], [b], ENGLISH_GERMAN))[0] for a, b in pairs]
        np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_threshold_of_0_and_a_missing_score_reject_nothing(rule: object) -> None:
    scores = np.array([np.nan, 0, 0.5, 1, 1e6], np.float32)
    assert not rule.rejects(scores, 0).any()
    assert not rule.rejects(scores, 0.7)[0]
    assert rule.rejects(scores, 0.7).any()


def test_presets_and_settings_name_the_same_filters() -> None:
    fields = set(FilterSettings.model_fields)
    assert set(SCORES) | {"duplicates", "near_duplicates", "near_leak"} == fields
    for name, preset in FILTER_PRESETS.items():
        assert set(preset) <= fields, name
        FilterSettings.model_validate(preset)
        assert not preset.get("numbers"), "good translations spell numbers out"
        assert not preset.get("urls")


def test_numbers_and_addresses_in_common_are_a_share() -> None:
    by_name = {rule.name: rule for rule in RULES}
    batch = PairBatch(
        ["In 1984 and 2001.", "No number.", "Room 12", "Mail a@b.org", "None."],
        ["1984 war das.", "Keine Zahl.", "Zimmer zwölf", "An a@b.org", "www.b.org/x, nichts"],
        ENGLISH_GERMAN,
    )
    numbers = by_name["numbers"].score(batch)
    np.testing.assert_allclose(numbers, [2 / 3, np.nan, 0, np.nan, np.nan], rtol=1e-6)
    addresses = by_name["urls"].score(batch)
    np.testing.assert_allclose(addresses, [np.nan, np.nan, np.nan, 1, 0])


def test_an_unknown_language_has_no_score() -> None:
    batch = PairBatch(["The dog."], ["Der Hund."], Languages("und", "und"))
    for rule in RULES:
        if rule.name in ("language", "script"):
            assert np.isnan(rule.score(batch)).all()
    assert expected_labels("und") == frozenset()
    assert "de" in expected_labels("de-AT")
    assert {"no", "da"} <= expected_labels("nb")


def test_markup_and_addresses_are_in_no_language() -> None:
    (rule,) = (rule for rule in RULES if rule.name == "language")
    text = "Die <b>Datei</b> wird <i>geöffnet</i>."
    plain = re.sub("<[^>]*>", "", text)
    marked, bare = (PairBatch(["The file."], [one], ENGLISH_GERMAN) for one in (text, plain))
    assert rule.score(marked) == pytest.approx(rule.score(bare))


def test_letters_alone_decide_on_near_repetitions() -> None:
    assert letters_of("The Dog, 12!") == letters_of("the dog – 7") == "thedog"
    assert letters_of("12 : 7") == "12 : 7"
    assert len(set(fingerprints(["a", "b", "a"]).tolist())) == 2
    assert pair_fingerprints(["ab"], ["c"]) != pair_fingerprints(["a"], ["bc"])


def test_a_histogram_counts_every_score_once() -> None:
    scores = np.array([-5, 0, 0.1, 0.99, 1, 7, np.nan], np.float32)
    assert histogram(scores, (0, 0.5, 1)).tolist() == [3, 3]


def test_tags_paths_and_options_are_in_no_language() -> None:
    """The words between them decide."""
    pairs = [
        (
            "The option <b>--root-directory</b> sets <i>/etc/systemd/system.conf.d/very/long</i>.",
            "Die Option <b>--root-directory</b> setzt <i>/etc/systemd/system.conf.d/very/long</i>.",
        ),
        ("<b>-L</b>, <b>--local</b>[=<i>mode</i>]", "<b>-L</b>, <b>--local</b>[=<i>Modus</i>]"),
        ("La vida es un sueño --root=/usr/lib FOO_BAR", "Das Leben ist ein Traum --root=/usr/lib"),
    ]
    batch = PairBatch(*zip(*pairs, strict=True), Languages("en", "de"))
    (language,) = (rule.score(batch) for rule in RULES if rule.name == "language")
    assert language[0] > 0.05
    assert np.isnan(language[1])  # no ten letters of a language
    assert language[2] < 0.05

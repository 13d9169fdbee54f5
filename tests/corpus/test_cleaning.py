"""Cleaning: each rule does its part, can be switched off, and is counted."""

from __future__ import annotations

import random
import unicodedata

import pytest

from nmt.corpus.cleaning import RULES, clean, clean_counting, stored_words
from nmt.segmentation import count_words, split_words
from nmt.settings import DataSettings

ON = DataSettings()
OFF = DataSettings.model_validate(dict.fromkeys(RULES, False))

CASES = [
    ("decode_entities", "a &amp; b&#8217;s &#x41; &quot;", 'a & b’s A "'),
    ("decode_entities", "&amp;lt; &amp;amp;amp;#38;#38;gt;", "< >"),  # encoded again and again
    ("replace_no_break_spaces", "10\u00a0000\u202fEuro\u3000x\u2003y", "10 000 Euro x y"),
    ("replace_no_break_spaces", "a\tb\u2028c\x85d\x0be", "a b c d e"),
    ("remove_invisible", "Do\u00adnau\u200bschiff\u2060\ufeff\u200e\u202a\x07!", "Donauschiff!"),
    ("normalize_unicode", "u\u0308ber", "über"),
    ("collapse_blanks", "  a   b ", "a b"),
]


@pytest.mark.parametrize(("rule", "raw", "cleaned"), CASES)
def test_a_rule_works_is_counted_and_can_be_switched_off(rule: str, raw: str, cleaned: str) -> None:
    assert clean_counting(raw, ON) == (cleaned, (rule,))
    assert clean(raw, OFF) == raw
    only = OFF.model_copy(update={rule: True})
    assert clean_counting(raw, only) == (cleaned, (rule,))


@pytest.mark.parametrize(
    "text",
    ["R&D; AT&T &notit; & &#; &copy 2", "می\u200cخواهم", "क्\u200dष", "Straße – „gut“", "a b", ""],
)
def test_what_must_stay_stays(text: str) -> None:
    assert clean_counting(text, ON) == (text, ())


def test_entities_of_invisible_things_are_cleaned_too() -> None:
    assert clean("a&nbsp;b&shy;c&#10;d &zwnj;", ON) == "a bc d \u200c"


PIECES = [
    *("&", "amp;", "AMP;", "Amp;", "#38;", "#x26;", "lt;", "nbsp;", "shy;", "#35;", "semi;", "#"),
    *("&amp;", "&uuml;", "&zwnj;", "&#8203;", "&#x308;", "&#0;", "&NotEqualTilde;", "38", ";"),
    *(" ", "  ", "\u00a0", "\u3000", "\t", "\u2028", "\u00ad", "\u200b", "\ufeff", "\u0007"),
    *("a", "u", "U", "Ü", "\u0308", "\u0323", "\u0301", "\u0338", "=", "İ", "ſ", "K", "\u0958"),
    *("\u200d", "\u1100", "\u1161", "\u11a8", "\ud800", "\u0345", "ΑΣ", "x"),
]


@pytest.mark.parametrize("lowercase", [False, True])
def test_cleaned_text_is_cleaned_to_itself(lowercase: bool) -> None:
    rng = random.Random(7)
    texts = ["".join(rng.choices(PIECES, k=rng.randrange(1, 12))) for _ in range(10_000)]
    texts += ["&" + "amp;#38;" * 3000 + "lt;", "&am\u00adp;", "&amp;n\u200bbsp;", "&Amp;"]
    for switched in (None, *RULES):
        settings = DataSettings(lowercase=lowercase)
        if switched:
            settings = settings.model_copy(update={switched: False})
        for text in texts:
            once = clean(text, settings)
            assert clean_counting(once, settings) == (once, ()), ascii(text)


def test_lower_case_comes_last() -> None:
    settings = DataSettings(lowercase=True)
    assert clean("ÜBER Straße", settings) == "über straße"
    assert clean("ABC", settings) == "abc"


def test_cleaned_text_is_plain_for_every_character() -> None:
    for code in range(0x30000):
        text = clean(f"x{chr(code)}y", ON)
        assert "\n" not in text
        assert not any(blank.isspace() and blank != " " for blank in text)
        assert unicodedata.is_normalized("NFC", text)
        assert clean(text, ON) == text
        text.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("The&nbsp;dog sleeps.", [0, 0, 1]),
        ("\u200b The dog sleeps.", [1, 2, 3]),
        ("The \u200bdog  &amp; a cat", [0, 1, 2, 3, 4]),
        ("a&#32;b\u00a0c", [0, 0, 1]),
        (
            "犬\u200bが&nbsp;寝&#x308b;",
            [0, 2, 4, 5],
        ),  # 犬 · zero-width space · が · &nbsp; · 寝 · …
        ("か&#x3099;x", [0, 1]),  # a letter and its mark become one
        ("plain words", [0, 1]),
        ("&nbsp;", []),
    ],
)
def test_words_of_the_cleaned_text_know_those_that_are_stored(raw: str, words: list[int]) -> None:
    assert stored_words(raw, ON) == words


@pytest.mark.parametrize("lowercase", [False, True])
def test_stored_words_are_found_by_every_set_of_rules(lowercase: bool) -> None:
    rng = random.Random(8)
    pieces = [*PIECES, "犬", "か", "\u3099", "ี", "ก", "Σ ", "\n", "🐕\u200d🦺"]
    for _ in range(3000):
        switched = {rule: rng.random() < 0.8 for rule in RULES}
        settings = DataSettings.model_validate({**switched, "lowercase": lowercase})
        parts = ["".join(rng.choices(pieces, k=rng.randrange(1, 5))) for _ in range(3)]
        raw = " ".join(parts)
        found = stored_words(raw, settings)
        assert len(found) == count_words(clean(raw, settings)), ascii(raw)
        assert found == sorted(found)
        assert set(found) <= set(range(count_words(raw)))
        if switched["replace_no_break_spaces"] or not any("\x1c" <= c <= "\x1f" for c in raw):
            # Between blanks nothing changes place: the parts are cleaned as they are alone.
            alone, before = [], 0
            for part in parts:
                alone += [before + word for word in stored_words(part, settings)]
                before += count_words(part)
            assert alone == found, ascii(raw)
    plain = "The dog sees 犬が 寝る。"
    assert stored_words(plain, ON) == list(range(len(split_words(plain))))

"""What the words of a text are, in every script."""

import random
import unicodedata

import pytest

from nmt.segmentation import character_words, count_words, split_words, word_spans


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The  dog\u00a0sleeps. ", ["The", "dog", "sleeps."]),
        ("犬が、寝る。", ["犬", "が", "、", "寝", "る", "。"]),
        ("私はIBMで 働く！", ["私", "は", "IBM", "で", "働", "く", "！"]),
        ("コーヒー", ["コ", "ー", "ヒ", "ー"]),
        ("か\u3099く", ["か\u3099", "く"]),  # a letter and its mark
        ("葛\U000e0100城", ["葛\U000e0100", "城"]),  # a variation selector
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("개가 잔다.", ["개가", "잔다."]),  # Korean is written with blanks
        ("الكَلب نائم", ["الكَلب", "نائم"]),
        ("कुत्ता सोता है", ["कुत्ता", "सोता", "है"]),
        ("行く🐕\u200d🦺よ", ["行", "く", "🐕\u200d🦺", "よ"]),
        ("n\u0303a", ["n\u0303a"]),
        ("\u3000 ", []),
        ("", []),
    ],
)
def test_words_of_scripts_with_and_without_blanks(text: str, words: list[str]) -> None:
    assert split_words(text) == words
    assert count_words(text) == len(words)


def unicode_texts(count: int, seed: int = 1) -> list[str]:
    """Random texts, some of any characters and some of those that are hard."""
    rng = random.Random(seed)
    hard = "ab. \u00a0\u3000か\u3099犬。ี่กำเ\u0301\u200d\ufe0f🐕🦺🇩🇪ا\u064e한\u1161\u0600\u200b\r\n"
    texts = []
    for number in range(count):
        size = rng.randrange(12)
        if number % 2:
            texts.append("".join(rng.choice(hard) for _ in range(size)))
        else:
            texts.append("".join(chr(rng.randrange(0x20000)) for _ in range(size)))
    return texts


def test_words_cover_what_is_no_blank_and_marks_stay_with_their_letter() -> None:
    for text in unicode_texts(2000):
        spans = word_spans(text)
        assert [start for start, _ in spans] == sorted({start for start, _ in spans})
        assert "".join(split_words(text)) == "".join(text.split())
        assert all(word and not any(map(str.isspace, word)) for word in split_words(text))
        assert all(text.count(" ", *span) == 0 for span in spans)
        owners = character_words(text)
        assert len(owners) == len(text)
        for number, (start, end) in enumerate(spans):
            assert set(owners[start:end]) == {number}
        for start, _ in spans:
            mark = unicodedata.category(text[start]) == "Mn" or text[start] == "\u200d"
            before = text[start - 1 : start]
            # Unicode attaches nothing to a blank that ends a word, nor to a control.
            alone = not before or before.isspace() or unicodedata.category(before)[0] in "CZ"
            assert not mark or alone, ascii(text)


def test_words_of_joined_texts_are_those_of_both() -> None:
    texts = unicode_texts(300, seed=2)
    for one, other in zip(texts, reversed(texts), strict=True):
        assert split_words(f"{one} {other}") == split_words(one) + split_words(other)

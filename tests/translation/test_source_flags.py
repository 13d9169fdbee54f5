"""Sources that are no single sentence are told apart from those that are."""

import random

import pytest

from nmt.inference.source_flags import SOURCE_FLAGS, source_flags


@pytest.mark.parametrize(
    "text",
    [
        *("A dog.\nA cat.", "a\r\nb", "a\u2028b", "Is it a dog? It is.", "„Ein Dackel.“ Er bellt."),
        *("The dog sleeps. The cat does not.", "It rained… Nobody came.", "Stop! Look!"),
        *("犬が寝る。猫もいる。", "कुत्ता सोता है। बिल्ली भी।", "هل نام؟ نعم."),
        "In 2023. Then again",
    ],
)
def test_several_lines_or_sentences(text: str) -> None:
    assert source_flags(text) == ("multiline",)


@pytest.mark.parametrize(
    "text",
    [
        *("", "A dog.", " A dog. \n", "Mr. Smith sleeps.", "Dr. No and Prof. Hund", "J. S. Bach"),
        *(
            "z. B. Hunde",
            "e.g. Tom",
            "at 3.5 Euro",
            "etc. and so on",
            "「犬だ。」と言った。",
            "Ah, no... maybe.",
        ),
        *("a < b and c > d", "<3", "x <y@example.org> z", "R&D &amp; more", "1 &lt; 2", "a.B.c"),
        *("x<y>z", "if a<b and c>d", "std::vector<std::string>", "see <file> or <name>"),
        *("Рис. Один", "bzw. Hunde", "inkl. Futter", "etc. The rest"),
        *("«Стой!» сказал он", "“Really?” she asked."),
    ],
)
def test_a_single_sentence_has_no_flag(text: str) -> None:
    assert source_flags(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        *("A <b>dog</b>", "<br/>x", "x<br>", '<a href="x?a=1&b=2">y</a>', "&lt;i&gt;x&lt;/i&gt;"),
        *("&#60;b&#62;x", "&amp;lt;b&amp;gt;x", '<g id="1">x', "<ph>x</ph>", '<input on id="x">'),
        *("<!-- x -->", "<!DOCTYPE html>", "<x:g id='1'/> dog", "</p>", "<![CDATA[x]]>"),
    ],
)
def test_markup(text: str) -> None:
    assert source_flags(text) == ("markup",)


def test_any_text_is_judged_quickly() -> None:
    unclosed = "<a " + "b=" * 50_000, "<a " + 'x="y" ' * 50_000
    for text in ("<a" * 50_000, "! " * 50_000, "." * 100_000, "x" * 100_000, *unclosed):
        assert set(source_flags(text)) <= set(SOURCE_FLAGS)
    rng = random.Random(1)
    for _ in range(300):
        text = "".join(chr(rng.randrange(0x110000)) for _ in range(20))
        assert set(source_flags(text)) <= set(SOURCE_FLAGS)

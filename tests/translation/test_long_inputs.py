"""A long text is cut without losing anything, and its pieces' translations fit together."""

from dataclasses import replace

import numpy as np
import pytest
from rounding import PASS, STEP

from nmt.evaluation.alignment import word_alignment
from nmt.inference.long_inputs import cut, join
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.segmentation import count_words, split_words
from nmt.settings import SearchSettings
from nmt.vocabulary.subwords import train_subwords
from nmt.vocabulary.words import build_words

WORDS = build_words({"a": 3, "b": 2, "c": 1}, vocab_size=100, min_frequency=1)


@pytest.fixture(scope="module")
def texts(demo_dataset) -> list[str]:
    from corpora import rows

    found = [row["source"] for row in rows(demo_dataset, "train")[:40]]
    return [
        " ".join(found),
        " ".join(text.rstrip(".") for text in found),
        ", ".join(found[:20]).replace(".", ""),
        "".join(found).replace(" ", "").replace(".", ""),
        " ".join(found[:7]) + " " + "x" * 300 + " " + found[9],
        found[0],
        "a. b. c.",
        "",
    ]


@pytest.mark.parametrize("limit", [2, 7, 30, 10_000])
def test_pieces_are_short_and_are_the_whole_text(demo_dataset, texts, limit) -> None:
    vocabulary = demo_dataset.source_vocabulary
    for text in texts:
        pieces = cut(text, vocabulary, limit)
        whole = vocabulary.encode(text)
        assert all(0 < len(piece.ids) <= limit for piece in pieces)
        told = "".join(token.lstrip("▁") for piece in pieces for token in piece.tokens)
        told = told.replace("▁", "")
        assert told == text.replace(" ", "")
        words = [word for piece in pieces for word in piece.words]
        assert set().union(*words) == set().union(*whole.words)
        if len(whole.ids) <= limit:
            assert pieces == [whole] * bool(text)


def test_cuts_are_at_ends_of_sentences_or_else_at_blanks(demo_dataset) -> None:
    def parts(text: str, limit: int) -> list[str]:
        return [" ".join(piece.tokens) for piece in cut(text, WORDS, limit)]

    assert parts("a b. a c! b a c", 5) == ["a b a c", "b a c"]
    assert parts("a b, a c b a c", 5) == ["a b a c b", "a c"]
    assert parts("a a a a a a. b", 3) == ["a a a", "a a a", "b"]
    assert parts("a.b.c b.a", 1) == ["a.b.c", "b.a"]  # a word is never cut where it need not be
    vocabulary = demo_dataset.source_vocabulary
    text = "The dog sleeps. The cat sleeps! The dog sees the cat"
    limit = len(vocabulary.encode("The dog sleeps. The cat sleeps!").ids) + 2
    words = [piece.words[0].start for piece in cut(text, vocabulary, limit)]
    assert words[:2] == [0, 6]


@pytest.mark.parametrize("limit", range(3, 9))
def test_no_symbol_is_cut(limit) -> None:
    symbols = ["</b>", "⟨，⟩", "⟨，⟩⟨"]
    subwords = train_subwords(["Der Hund schläft.", JAPANESE], vocab_size=400, symbols=symbols)
    assert subwords.symbols == tuple(symbols)
    for before in range(9):
        text = "私" * before + "</b>" * 3 + "東⟨，⟩⟨，⟩" * 2 + "私</b>"
        tokens = [token for piece in cut(text, subwords, limit) for token in piece.tokens]
        whole = subwords.encode(text).tokens
        assert [[t for t in some if t in symbols] for some in (tokens, whole)] == [
            [t for t in whole if t in symbols]
        ] * 2


def ones(count: int, first: int = 0) -> list[range]:
    """So many words of one token each."""
    return [range(index, index + 1) for index in range(first, first + count)]


def part(text: str, source: str, first: float, flags=()) -> Translation:
    words, sources = text.split(), source.split()
    random = np.random.default_rng(len(text))
    block = random.dirichlet(np.ones(len(sources)), len(words)).astype(np.float32)
    own = Translation(
        *(text, first, words, sources, (block,)),
        *(ones(len(sources)), ones(len(words)), flags),
    )
    return own


def test_what_is_joined_fits_together(demo_dataset) -> None:
    text = "a b c. a a. b c b c"
    pieces = cut(text, WORDS, 4)
    sources = [" ".join(piece.tokens) for piece in pieces]
    parts = [part(f"x{i} y z", source, -1.0 - i, ()) for i, source in enumerate(sources)]
    parts[1] = part("u", sources[1], -2.0, ("truncated", "unk"))
    parts = [
        replace(one, source_words=piece.words) for one, piece in zip(parts, pieces, strict=True)
    ]
    joined = join(parts)
    assert joined.text == " ".join(one.text for one in parts)
    assert joined.tokens == joined.text.split()
    assert joined.source_tokens == [token for one in parts for token in one.source_tokens]
    assert joined.flags == ("truncated", "unk", "split")
    assert joined.source_words == ones(9)
    assert joined.target_words == ones(len(joined.tokens))
    assert joined.attention.shape == (len(joined.tokens), 9)
    assert joined.score == pytest.approx((-1.0 * 4 - 2.0 * 1 - 3.0 * 4) / 9, rel=STEP)
    row = column = 0
    for one in parts:
        rows, columns = one.attention.shape
        found = joined.attention[row : row + rows]
        np.testing.assert_array_equal(found[:, column : column + columns], one.attention)
        assert found.sum() == pytest.approx(rows, rel=PASS)  # nothing outside
        row, column = row + rows, column + columns
    weights = joined.attention
    entropy = -(weights * np.log(np.clip(weights, 1e-12, 1))).sum(1).mean()  # nothing on the ends
    assert joined.attention_entropy == pytest.approx(entropy, rel=PASS)
    assert joined.coverage == pytest.approx(np.minimum(weights.sum(0), 1).mean(), rel=PASS)
    assert joined.alignment == word_alignment(weights, joined.source_words, joined.target_words)


@pytest.mark.parametrize("options", [{}, {"beam_size": 3, "n_best": 2}])
def test_a_split_sentence_is_its_pieces(demo_bundle, texts, options) -> None:
    search = SearchSettings(max_length_ratio=0.5, max_length_extra=4, max_source_length=30)
    translator = Translator(demo_bundle, search, batch_size=3)
    found = translator.translate(texts, **options)
    for text, result in zip(texts, found, strict=True):
        pieces = cut(translator.clean(text), demo_bundle.source_vocabulary, 30)
        assert ("split" in result.flags) == (len(pieces) > 1)
        if len(pieces) < 2:
            continue
        ids = [token for piece in pieces for token in piece.tokens]
        assert result.source_tokens == ids
        assert result.attention.shape == (len(result.tokens), len(ids))
        assert len(result.target_words) == len(result.tokens)
        assert set().union(*result.target_words) <= set(range(count_words(result.text)))
        assert set().union(*result.source_words) == set(range(count_words(text)))
        if options:
            assert result.alternatives[0].text == result.text
            assert result.alternatives[0].score == pytest.approx(result.score, rel=STEP)
            assert len(result.alternatives) <= 2
    for text in (texts[0], texts[3]):  # in any company
        (alone,) = translator.translate([text], **options)
        assert alone.text == found[texts.index(text)].text


JAPANESE = "庭で犬が寝ている。猫が「おはよう！」と言った。"
JAPANESE += "か\u3099かか\u3099、長い文もある。🐕\u200d🦺が来た"


@pytest.mark.parametrize("limit", [3, 9, 14, 40])
def test_a_text_without_blanks_is_cut_between_its_sentences(limit: int) -> None:
    subwords = train_subwords(sorted(set(JAPANESE)) * 3, vocab_size=330)
    whole = subwords.encode(JAPANESE)
    pieces = cut(JAPANESE, subwords, limit)
    texts = [subwords.decode(piece.ids) for piece in pieces]
    assert "".join(texts) == JAPANESE
    assert set().union(*[word for piece in pieces for word in piece.words]) == set().union(
        *whole.words
    )
    if limit == 14:
        assert texts[0] == "庭で犬が寝ている。"
        assert texts[1].endswith("」") or texts[1].endswith("。")
    if limit >= 14:  # enough for the bytes of an emoji
        found = [word for text in texts for word in split_words(text)]
        assert found == split_words(JAPANESE)  # marks stay with their letters


def test_pieces_of_text_without_blanks_are_joined_without_any() -> None:
    parts = [part(text, "a b", -1.0) for text in ("犬だ。", "本！", "IBM 犬", "ok", "ab")]
    parts = [
        replace(one, tokens=split_words(one.text), target_words=ones(count_words(one.text)))
        for one in parts
    ]
    joined = join(parts)
    assert joined.text == "犬だ。本！IBM 犬ok ab"
    words = split_words(joined.text)
    for token, own in zip(joined.tokens, joined.target_words, strict=True):
        assert token in "".join(words[own.start : own.stop])

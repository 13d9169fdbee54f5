"""A vocabulary that a stranger wrote is refused in one line, or costs no more than others."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from typing import Any

import pytest
from sentencepiece import sentencepiece_model_pb2

from nmt.errors import UnusableInput
from nmt.inference.long_inputs import cut
from nmt.vocabulary.base import SPECIALS
from nmt.vocabulary.extension import extend_subwords, with_tags
from nmt.vocabulary.subwords import SubwordVocabulary, train_subwords
from nmt.vocabulary.words import WordVocabulary

TEXTS = [f"the {a} {b} the {c}" for a in ("dog", "cat") for b in ("sees", "likes") for c in "abcde"]
MODEL = sentencepiece_model_pb2.ModelProto  # type: ignore[attr-defined]
# Field 2, the training settings, with field 31, a symbol, of two bytes that are no UTF-8.
NO_UTF8 = bytes([0x12, 5, 0xFA, 0x01, 2, 0xFF, 0xFE])


def changed(change: Callable[[Any], object], symbols: tuple[str, ...] = ("<b>",)) -> bytes:
    """The file of a vocabulary that somebody has changed."""
    genuine = train_subwords(TEXTS, vocab_size=330, symbols=symbols).serialise()
    model = MODEL.FromString(genuine)
    change(model)
    return model.SerializeToString()


def more_symbols(*symbols: str) -> Callable[[Any], object]:
    return lambda model: model.trainer_spec.user_defined_symbols.extend(symbols)


def unnamed(model: Any) -> None:
    model.pieces.add(piece="dog", score=-1e4, type=model.SentencePiece.USER_DEFINED)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (more_symbols(*(f"T{number}" for number in range(1000))), "names other symbols"),
        (more_symbols("<b>"), "names other symbols"),
        (more_symbols(""), "names other symbols"),
        (unnamed, "names other symbols"),
        (lambda model: setattr(model.trainer_spec, "model_type", 1), "is no BPE"),
        (lambda model: setattr(model.trainer_spec, "model_type", 3), "is no BPE"),
        (lambda model: setattr(model.trainer_spec, "model_type", 4), "is no BPE"),
    ],
)
def test_only_a_model_as_ours_is_accepted(change, problem: str) -> None:
    with pytest.raises(UnusableInput, match=problem) as caught:
        SubwordVocabulary(changed(change))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_symbols_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(UnusableInput, match="names other symbols"):
        SubwordVocabulary(changed(lambda _: None) + NO_UTF8)


def test_a_tag_whose_name_is_taken_says_so() -> None:
    def add(model: Any) -> None:
        model.pieces.add(piece="<web>", score=-1e4, type=model.SentencePiece.NORMAL)

    vocabulary = SubwordVocabulary(changed(add))
    with pytest.raises(UnusableInput, match=r"tag 'web': .* has '<web>' as a piece of text"):
        with_tags(vocabulary, ["web"])


def test_words_are_not_searched_once_for_each_symbol() -> None:
    """Time for an extension grew with words × symbols: hours for a file of 4 MB."""
    words = " ".join(f"owl{number}<007>" for number in range(300)) + " żółw<001><002>żółw" * 5
    calls = []
    for count in (10, 300):
        symbols = tuple(f"<{number:03d}>" for number in range(count))
        vocabulary = train_subwords(TEXTS, vocab_size=350 + count, symbols=symbols)
        profile = cProfile.Profile()
        extended = profile.runcall(extend_subwords, vocabulary, [words] * 5, 20)
        assert "ż" in extended.entries[vocabulary.size :]
        calls.append(pstats.Stats(profile).total_calls)
    assert calls[1] - calls[0] < 50 * 300  # 300 words × 300 symbols are 90,000


@pytest.mark.parametrize("texts", [["ab<b><bb>c"], ["<b><b>"], ["▁<b>▁", "\ud800<b>"], ["no", ""]])
def test_symbols_stand_where_the_vocabulary_cuts_them_out(texts: list[str]) -> None:
    vocabulary = train_subwords(TEXTS, vocab_size=330, symbols=["<b>", "<bb>", "<b><"])
    for text in texts:
        spans = vocabulary.symbol_spans(text)
        standing = [
            token for token in vocabulary.encode(text).tokens if token in vocabulary.symbols
        ]
        assert [text[start:end] for start, end in spans] == standing


def test_a_long_text_is_cut_at_no_symbol() -> None:
    vocabulary = train_subwords(TEXTS, vocab_size=330, symbols=["<bold>"])
    pieces = cut("<bold>" * 50, vocabulary, 7)
    assert {token for piece in pieces for token in piece.tokens} <= {"<bold>", "▁"}


@pytest.mark.parametrize("kind", ["spm", "word"])
def test_tokens_are_not_compared_with_each_tag(kind: str) -> None:
    tags = [f"t{number}" for number in range(2000)]
    old = (
        train_subwords(TEXTS, vocab_size=330)
        if kind == "spm"
        else WordVocabulary("\n".join([*SPECIALS, "dog"]).encode())
    )
    vocabulary = with_tags(old, tags)
    compared = 0

    class Number(int):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return int(self) == other

        __hash__ = int.__hash__

    ids = [Number(4)] * 50
    assert len(vocabulary.token_words(ids)) == 50
    assert compared < 50 * 20

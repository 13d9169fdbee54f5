"""SentencePiece vocabularies: lossless, deterministic, never too large for the corpus."""

from __future__ import annotations

import pickle

import pytest

from nmt.errors import UnusableInput
from nmt.vocabulary import BOS, EOS, PAD, UNK, Vocabulary, load
from nmt.vocabulary.subwords import train_subwords

CORPUS = [
    "Der alte Hund läuft schnell über die Straße .",
    "Die alten Hunde liefen schneller über diese Straßen – wirklich!",
    "Ein Hund und eine Katze sind „gute Freunde“, sagt man.",
    "Katzen, Hunde; Straßenhunde? Über alles.",
] * 5


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return train_subwords(CORPUS, vocab_size=120)


def test_special_symbols_are_fixed(vocabulary: Vocabulary) -> None:
    assert vocabulary.tokens([PAD, UNK, BOS, EOS]) == ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
    assert vocabulary.size == len(vocabulary) == 120


def test_a_small_corpus_gets_a_smaller_vocabulary() -> None:
    assert 20 < train_subwords(CORPUS, vocab_size=8000).size < 400


def test_too_few_entries_for_the_characters_says_how_many() -> None:
    with pytest.raises(UnusableInput, match=r"at least \d+"):
        train_subwords(CORPUS, vocab_size=10)


def test_the_same_sentences_give_the_same_bytes(vocabulary: Vocabulary) -> None:
    again = train_subwords(iter(CORPUS), vocab_size=120)
    assert again.serialise() == vocabulary.serialise()
    assert again.sha256 == vocabulary.sha256


@pytest.mark.parametrize(
    "text", [*CORPUS[:4], "", "hundeH", " outer  and double  ", "▁", "[PAD] <s>", "aber  äöü"]
)
def test_text_survives_where_characters_are_covered(vocabulary: Vocabulary, text: str) -> None:
    covered = set("".join(CORPUS))
    text = "".join(character for character in text if character in covered)
    ids = vocabulary.encode_ids([text])[0]
    assert UNK not in ids
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode([BOS, *ids, EOS, PAD]) == text
    assert vocabulary.encode(text).ids == ids


@pytest.mark.parametrize(
    "text",
    [CORPUS[0], "Hund 日本語 Katze", "日本 x", " a  Hund ", "a\u00a0b", "Hund▁Katze so", "日"],
)
def test_tokens_know_their_words(vocabulary: Vocabulary, text: str) -> None:
    segmented = vocabulary.encode(text)
    assert len(segmented.ids) == len(segmented.tokens) == len(segmented.words)
    words = text.split()
    for index, word in enumerate(words):
        pieces = [t for t, w in zip(segmented.tokens, segmented.words, strict=True) if w == index]
        assert "".join(pieces).strip("▁ \u00a0") == word
    assert segmented.ids == vocabulary.encode_ids([text])[0]


def test_an_unknown_character_keeps_its_raw_surface(vocabulary: Vocabulary) -> None:
    segmented = vocabulary.encode("Hund 日本 Katze")
    assert segmented.tokens[segmented.ids.index(UNK)] == "日本"
    assert vocabulary.decode(segmented.ids).split() == ["Hund", "⁇", "Katze"]


def test_output_words_match_the_decoded_text(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode_ids(["Der Hund läuft"])[0]
    for sequence in (ids, [BOS, *ids, EOS], [*ids[:2], UNK, *ids[2:]], [UNK, UNK], [], [EOS]):
        owners = vocabulary.token_words(sequence)
        assert len(owners) == len(sequence)
        words = vocabulary.decode(sequence).split()
        assert {owner for owner in owners if owner >= 0} == set(range(len(words)))
        for index, word in enumerate(words):
            pieces = [
                "⁇" if number == UNK else token
                for number, token, owner in zip(
                    sequence, vocabulary.tokens(sequence), owners, strict=True
                )
                if owner == index
            ]
            assert "".join(pieces).strip("▁") == word


def test_decoding_is_sentencepieces_own(vocabulary: Vocabulary) -> None:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=vocabulary.serialise())
    for text in [*CORPUS[:4], "x 日 y"]:
        ids = vocabulary.encode_ids([text])[0]
        assert vocabulary.decode(ids) == processor.decode(ids)


def test_stored_and_sent_it_stays_the_same(vocabulary: Vocabulary) -> None:
    for copy in (load("spm", vocabulary.serialise()), pickle.loads(pickle.dumps(vocabulary))):
        assert copy.sha256 == vocabulary.sha256
        assert copy.encode(CORPUS[0]) == vocabulary.encode(CORPUS[0])
    assert vocabulary.file_name("source") == "source.spm"


def test_nonsense_is_refused() -> None:
    with pytest.raises(UnusableInput):
        load("spm", b"no model")
    with pytest.raises(UnusableInput):
        load("other", b"")


def test_text_that_looks_like_a_special_symbol_is_none() -> None:
    vocabulary = train_subwords(["x y z " * 3, "z y x"], vocab_size=20)
    found = vocabulary.encode("x[EOS] y")
    assert found.ids == vocabulary.encode_ids(["x[EOS] y"])[0]
    assert not {PAD, BOS, EOS} & set(found.ids)

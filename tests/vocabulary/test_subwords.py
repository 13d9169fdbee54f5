"""SentencePiece vocabularies: lossless, deterministic, never too large for the corpus."""

from __future__ import annotations

import pickle
import random
from typing import Any

import pytest
from sentencepiece import sentencepiece_model_pb2

from nmt.errors import UnusableInput
from nmt.segmentation import count_words, split_words
from nmt.vocabulary import BOS, EOS, PAD, UNK, Vocabulary, load
from nmt.vocabulary.base import lost_bytes, spelled
from nmt.vocabulary.subwords import SubwordVocabulary, coverage, standardise, train_subwords

ModelProto: Any = sentencepiece_model_pb2.ModelProto  # type: ignore[attr-defined]

CORPUS = [
    "Der alte Hund läuft schnell über die Straße .",
    "Die alten Hunde liefen schneller über diese Straßen – wirklich!",
    "Ein Hund und eine Katze sind „gute Freunde“, sagt man.",
    "Katzen, Hunde; Straßenhunde? Über alles.",
] * 5
NFKC = bytes.fromhex("0004000000000000") + bytes(1020)  # a map of characters, if an empty one


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return train_subwords(CORPUS, vocab_size=120, byte_fallback=False)


@pytest.fixture(scope="module")
def with_bytes() -> SubwordVocabulary:
    """One with bytes and symbols, of few characters."""
    return train_subwords([*CORPUS, "犬が寝る。"], vocab_size=400, symbols=["<b>", "⟨1⟩"])


def test_special_symbols_are_fixed(vocabulary: Vocabulary) -> None:
    assert vocabulary.tokens([PAD, UNK, BOS, EOS]) == ["[PAD]", "[UNK]", "[BOS]", "[EOS]"]
    assert vocabulary.size == len(vocabulary) == 120


def test_a_small_corpus_gets_a_smaller_vocabulary() -> None:
    assert 20 < train_subwords(CORPUS, vocab_size=8000, byte_fallback=False).size < 400


def test_too_few_entries_for_the_characters_says_how_many() -> None:
    with pytest.raises(UnusableInput, match=r"at least \d+, or a smaller"):
        train_subwords(CORPUS, vocab_size=10, byte_fallback=False)
    with pytest.raises(UnusableInput) as raised:
        train_subwords(CORPUS, vocab_size=200)
    assert "data.byte_fallback" in str(raised.value)
    enough = int(str(raised.value).split("at least ")[1].split(",")[0])
    assert train_subwords(CORPUS, vocab_size=enough).size == enough


def test_the_same_sentences_give_the_same_bytes(vocabulary: Vocabulary) -> None:
    again = train_subwords(CORPUS, vocab_size=120, byte_fallback=False)
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
    words = split_words(standardise(text))
    if "日" not in text:  # one token may hold several characters
        for index, word in enumerate(words):
            pieces = [
                token
                for token, own in zip(segmented.tokens, segmented.words, strict=True)
                if own == range(index, index + 1)
            ]
            assert "".join(pieces).strip("▁ \u00a0") == word
    assert set().union(*segmented.words) == set(range(len(words)))
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
        assert set().union(*owners) == set(range(len(words)))
        assert [not own for own in owners] == [i in (PAD, BOS, EOS) for i in sequence]
        for index, word in enumerate(words):
            pieces = [
                "⁇" if number == UNK else token
                for number, token, owner in zip(
                    sequence, vocabulary.tokens(sequence), owners, strict=True
                )
                if index in owner
            ]
            assert "".join(pieces).strip("▁") == word


def test_decoding_is_sentencepieces_own(
    vocabulary: Vocabulary, with_bytes: SubwordVocabulary
) -> None:
    import sentencepiece

    for own in (vocabulary, with_bytes):
        processor = sentencepiece.SentencePieceProcessor(model_proto=own.serialise())
        for text in [*CORPUS[:4], "x 日 y🐕"]:
            ids = own.encode_ids([text])[0]
            assert own.decode(ids) == processor.decode(ids)


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


def test_pieces_that_are_no_text_are_refused(vocabulary: Vocabulary) -> None:
    pieces = vocabulary.tokens(range(4, vocabulary.size))
    piece = next(piece.encode() for piece in pieces if len(piece.encode()) > 4)
    data = vocabulary.serialise()
    assert piece in data
    with pytest.raises(UnusableInput, match="not a SentencePiece model"):
        load("spm", data.replace(piece, b"\xff\xfe\xfd" + piece[3:]))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        pytest.param("normalizer_spec", "precompiled_charsmap", NFKC, id="charsmap"),
        ("normalizer_spec", "normalization_rule_tsv", "a\tb"),
        ("normalizer_spec", "add_dummy_prefix", False),
        ("normalizer_spec", "remove_extra_whitespaces", True),
        ("normalizer_spec", "escape_whitespaces", False),
        ("trainer_spec", "treat_whitespace_as_suffix", True),
    ],
)
def test_a_vocabulary_that_normalises_is_refused(with_bytes, part, key, value) -> None:
    """Its tokens would write another text than that whose words they are."""
    model = ModelProto.FromString(with_bytes.serialise())
    setattr(getattr(model, part), key, value)
    with pytest.raises(UnusableInput, match="normalises; prepare the data again"):
        load("spm", model.SerializeToString()).encode("ﷺ  Ⅷ ①")


def test_text_that_looks_like_a_special_symbol_is_none() -> None:
    vocabulary = train_subwords(["x y z " * 3, "z y x"], vocab_size=20, byte_fallback=False)
    found = vocabulary.encode("x[EOS] y")
    assert found.ids == vocabulary.encode_ids(["x[EOS] y"])[0]
    assert not {PAD, BOS, EOS} & set(found.ids)


def unicode_texts(count: int, seed: int) -> list[str]:
    """Random texts: emoji that joiners make of several, marks, both directions, ▁, symbols."""
    rng = random.Random(seed)
    hard = [
        *"Hund 犬が。▁🐕🦺\u200d\ufe0f\u0301\u0345اً한\u1161ิ\ud800\x00\t",
        "<b>",
        "⟨1⟩",
        "<0xE2>",
    ]
    return [
        "".join(
            rng.choice(hard) if rng.random() < 0.6 else chr(rng.randrange(0x110000))
            for _ in range(rng.randrange(15))
        )
        for _ in range(count)
    ]


def test_with_bytes_any_text_survives(with_bytes: SubwordVocabulary) -> None:
    texts = unicode_texts(1500, seed=1)
    for text, ids in zip(texts, with_bytes.encode_ids(texts), strict=True):
        standard, segmented = standardise(text), with_bytes.encode(text)
        assert with_bytes.decode(ids) == standard, ascii(text)
        assert UNK not in ids
        assert segmented.ids == ids
        assert segmented.tokens == with_bytes.tokens(ids)
        assert spelled(segmented.tokens).removeprefix(" ") == standard
        assert lost_bytes(segmented.tokens) == 0
        assert set().union(*segmented.words) == set(range(count_words(standard)))
        assert segmented.words == with_bytes.token_words(ids)


def test_what_a_blank_is_written_with_becomes_a_low_line(with_bytes: SubwordVocabulary) -> None:
    assert with_bytes.standardise("a▁b ▁") == "a_b _"
    assert with_bytes.decode(with_bytes.encode("a▁b ▁").ids) == "a_b _"


def test_any_ids_are_valid_text(with_bytes: SubwordVocabulary) -> None:
    rng = random.Random(1)
    dog = with_bytes.encode("🐕").ids[1:]
    assert len(dog) == 4
    sequences = [
        [rng.randrange(with_bytes.size) for _ in range(rng.randrange(9))] for _ in "x" * 2000
    ]
    hund = with_bytes.encode("Hund").ids
    for part in (dog[:3], dog[1:], dog[2:3]):  # bytes that form no character
        assert with_bytes.decode([*hund, *part, *hund]) == "Hund Hund"
        assert with_bytes.decode([*hund, *dog, *part]) == "Hund🐕"
        assert lost_bytes(with_bytes.tokens([*hund, *dog, *part, *hund])) == len(part)
        sequences += [part, [*part, *hund], [*hund, *part], [*dog, *part, *dog]]
    for ids in sequences:
        text = with_bytes.decode(ids)
        text.encode("utf-8")
        assert "\ufffd" not in text
        words = with_bytes.token_words(ids)
        assert len(words) == len(ids)
        assert set().union(*words) <= set(range(count_words(text)))
        if count_words(text):
            assert [not own for own in words] == [number in (PAD, BOS, EOS) for number in ids]


def test_no_search_writes_a_line_break(with_bytes: SubwordVocabulary) -> None:
    kept = [n for n in range(with_bytes.size) if n not in with_bytes.never_chosen]
    assert {PAD, UNK, BOS} < set(with_bytes.never_chosen)
    assert all(character >= " " for character in with_bytes.decode(kept))


def test_symbols_are_never_cut(with_bytes: SubwordVocabulary) -> None:
    assert with_bytes.tokens([4, 5]) == ["<b>", "⟨1⟩"]
    for text in ("Hund<b>e</b>", "⟨1⟩", "x⟨1⟩⟨1⟩ <b>"):
        tokens = with_bytes.encode(text).tokens
        assert [tokens.count(symbol) for symbol in ("<b>", "⟨1⟩")] == [
            text.count(symbol) for symbol in ("<b>", "⟨1⟩")
        ]


def test_the_inventory_decides_what_bytes_spell() -> None:
    many = ["".join(map(chr, range(0x4E00, 0x4E00 + 1200)))]
    assert coverage(["Der Hund"] * 9) == 0.9999
    assert coverage(many) == 0.9995
    rare = train_subwords(["ab ba " * 100] * 100 + ["q"], vocab_size=300)
    assert "q" not in rare.tokens(range(rare.size))
    assert rare.decode(rare.encode("q").ids) == "q"

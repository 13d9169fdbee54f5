"""The book's words: Keras's order, and positions that survive vanishing punctuation."""

from __future__ import annotations

import pickle
import random
from collections import Counter

import pytest

from nmt.errors import UnusableInput
from nmt.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, load, words
from nmt.vocabulary.words import (
    build_words,
    get_vocabulary_size_greater_than,
    standardise,
)


def counted(texts: list[str]) -> Counter[str]:
    return Counter(word for text in texts for word in standardise(text).split())


def test_standardise() -> None:
    assert standardise("„Über-Größe“, sagt' er…") == "übergröße sagt er"
    assert standardise("A - b — $5 + 3 = ~8 ^ | ` <c>") == "a b 5 3 8 c"
    assert standardise(" ?! ") == ""


def test_least_frequency_and_size() -> None:
    counts = {"a": 12, "b": 10, "c": 9}
    assert get_vocabulary_size_greater_than(counts, 10) == 2
    entries = build_words(counts, vocab_size=100, min_frequency=10).serialise().decode()
    assert entries == "[PAD]\n[UNK]\n[BOS]\n[EOS]\na\nb\n"
    assert build_words(counts, vocab_size=5, min_frequency=1).size == 5
    for least in range(1, 14):
        size = build_words(counts, vocab_size=100, min_frequency=least).size
        assert size == len(SPECIALS) + get_vocabulary_size_greater_than(counts, least)


def test_the_books_helper_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "get_vocabulary_size_greater_than", lambda counts, n: 1)
    assert build_words({"a": 2, "b": 1}, vocab_size=100, min_frequency=1).size == 5


def test_the_same_words_in_the_same_order_as_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    keras = pytest.importorskip("keras")
    stems = [
        "Haus",
        "über",
        "ÜBER",
        "Straße",
        "zwei",
        "ärger",
        "z",
        "日本",
        "don't",
        "İstanbul",
        "𝒳",
    ]
    rng = random.Random(3)
    texts = [
        " ".join(
            rng.choice(stems) + rng.choice(["", "e", "n", ",", ".", " –", "“"])
            for _ in range(rng.randrange(12))
        )
        for _ in range(300)
    ]
    for size in (1000, 20):
        layer = keras.layers.TextVectorization(max_tokens=size, standardize=None)
        layer.adapt([standardise(text) for text in texts])
        theirs = layer.get_vocabulary()[2:]  # after its own two special entries
        ours = build_words(counted(texts), vocab_size=size + 2, min_frequency=1)
        assert ours.tokens(range(4, ours.size)) == theirs
    counts = counted(texts)
    assert len(set(counts.values())) < len(counts), "the test needs ties"


def test_positions_survive_vanishing_words() -> None:
    vocabulary = build_words({"hund": 2, "läuft": 1}, vocab_size=10, min_frequency=1)
    segmented = vocabulary.encode("- Hund — LÄUFT, „Müller“ !")
    assert segmented.tokens == ["hund", "läuft", "„Müller“"]
    assert segmented.words == [range(1, 2), range(3, 4), range(4, 5)]
    assert segmented.ids == vocabulary.encode_ids(["- Hund — LÄUFT, „Müller“ !"])[0]
    assert segmented.ids[-1] == UNK


def test_a_word_of_the_vocabulary_may_be_several_without_blanks() -> None:
    vocabulary = build_words({"犬": 2, "寝る": 1}, vocab_size=10, min_frequency=1)
    segmented = vocabulary.encode("犬 寝る。 x")
    assert segmented.words == [range(0, 1), range(1, 4), range(4, 5)]
    assert vocabulary.token_words(segmented.ids) == [range(0, 1), range(1, 3), range(3, 4)]


def test_decoding_and_word_positions() -> None:
    vocabulary = build_words({"a": 2, "b": 1}, vocab_size=10, min_frequency=1)
    ids = [BOS, 4, UNK, 5, EOS, PAD]
    assert vocabulary.decode(ids) == "a [UNK] b"
    words = vocabulary.token_words(ids)
    assert [list(own) for own in words] == [[], [0], [1], [2], [], []]
    assert vocabulary.tokens(ids) == ["[BOS]", "a", "[UNK]", "b", "[EOS]", "[PAD]"]


def test_stored_and_sent_it_stays_the_same() -> None:
    vocabulary = build_words({"über": 2, "b": 1}, vocab_size=10, min_frequency=1)
    for copy in (load("word", vocabulary.serialise()), pickle.loads(pickle.dumps(vocabulary))):
        assert copy.sha256 == vocabulary.sha256
        assert copy.encode("über b") == vocabulary.encode("über b")
    assert vocabulary.file_name("target") == "target.vocab.txt"


@pytest.mark.parametrize("data", [b"", b"a\nb\n", b"[PAD]\n[UNK]\n[BOS]\n[EOS]\na\na\n", b"\xff"])
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(UnusableInput):
        load("word", data)

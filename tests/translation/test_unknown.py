"""An unknown word gives its place to the raw source word, or to what a dictionary makes of it."""

import gzip
import tracemalloc

import numpy as np
import pytest

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.bundle import Bundle
from nmt.corpus.cleaning import clean
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.inference.unknown_words import raw_words, read_dictionary, replace_unknown
from nmt.records.model import ModelInfo
from nmt.settings import DataSettings, SearchSettings
from nmt.storage.location import Location
from nmt.vocabulary.base import UNK
from nmt.vocabulary.words import build_words

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def bundle(tiny_model) -> Bundle:
    """A model of words under which unknown words are likely."""
    words = ("the", "dog", "sees", "a", "cat"), ("der", "hund", "sieht", "eine", "katze")
    source, target = (
        build_words(dict.fromkeys(some, 5), vocab_size=99, min_frequency=1) for some in words
    )
    model = tiny_model(source.size, target.size, seed=2)
    bias = np.array(model.output_bias)
    bias[UNK] += 2.0
    model.output_bias.assign(bias)
    return Bundle(model, source, target, ModelInfo(model_id="words", data={"lowercase": False}))


TEXTS = [
    "The dog sees Xanadu, a\u00adbra!",
    "Zaphod (Beeblebrox) sees the dog",
    "a cat",
    "“O'Brien’s” dog &amp; cat",
    "",
]


@pytest.mark.parametrize("options", [{}, {"beam_size": 3, "n_best": 3}])
def test_unknown_words_are_replaced_by_raw_words_of_the_source(bundle, options) -> None:
    translator = Translator(bundle, SearchSettings(max_length_ratio=1.0, max_length_extra=3))
    plain = translator.translate(TEXTS, replace_unknown=False, **options)
    found = translator.translate(TEXTS, **options)
    replaced = 0
    for text, before, after in zip(TEXTS, plain, found, strict=True):
        assert "[UNK]" not in after.text
        assert after.tokens == before.tokens
        assert after.score == before.score
        assert ("unk_replaced" in after.flags) == ("unk" in before.flags)
        assert "unk" not in after.flags
        for t, token in enumerate(after.tokens):
            word = after.text.split()[after.target_words[t].start]
            if token != "[UNK]":
                assert word == token
                continue
            best = after.source_words[int(after.attention[t].argmax())].start
            assert word in text.split()[best]
            assert word[0].isalnum()
            assert word[-1].isalnum()
            replaced += 1
    assert replaced > 3


def test_a_model_without_attention_keeps_its_unknown_words(bundle, tiny_model) -> None:
    sizes = bundle.source_vocabulary.size, bundle.target_vocabulary.size
    model = tiny_model(*sizes, seed=2, attention="none")
    bias = np.array(model.output_bias)
    bias[UNK] += 9.0
    model.output_bias.assign(bias)
    plain = Bundle(model, bundle.source_vocabulary, bundle.target_vocabulary, bundle.info)
    assert all("unk" in r.flags for r in Translator(plain).translate(TEXTS[:2]))


def test_a_dictionary_comes_before_the_raw_word(bundle, tmp_path) -> None:
    (tmp_path / "words.tsv").write_text("Xanadu\tin Schanadu\n\ndog\tKöter\n", "utf-8")
    translator = Translator(bundle, SearchSettings(dictionary=str(tmp_path / "words.tsv")))
    plain = translator.translate(TEXTS, replace_unknown=False)
    for before, after in zip(plain, translator.translate(TEXTS), strict=True):
        assert "Xanadu" not in after.text.split()
        assert "dog" not in after.text.split()
        if before.tokens:
            assert set().union(*after.target_words) == set(range(len(after.text.split())))


def test_the_highest_attention_says_which_word() -> None:
    weights = np.array([[0.1, 0.7, 0.2], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]])
    given = [UNK, 7, UNK], ["[UNK]", "sieht", "[UNK]"], weights, ["I", "McCoy,", "(x1)."]
    assert replace_unknown(*given, {}) == (
        "McCoy sieht x1",
        [range(0, 1), range(1, 2), range(2, 3)],
    )
    found = replace_unknown(*given, {"McCoy": "Herr Mack", "X1": "never", "x1": "y"})
    assert found == ("Herr Mack sieht y", [range(0, 2), range(2, 3), range(3, 4)])


def test_raw_words_are_those_that_cleaning_has_changed() -> None:
    def mend(text: str) -> str:
        return clean(text, DataSettings(lowercase=True))

    for raw, expected in (
        ("Don&#39;t  Panic", ["Don&#39;t", "Panic"]),
        ("\ufeffSo\u00adfa \u200b X", ["\ufeffSo\u00adfa", "X"]),
        ("A&nbsp;B C", ["a", "b", "C"]),
        ("犬だ X", ["犬だ", "犬だ", "X"]),  # for each word, and between blanks are two
        ("", []),
    ):
        assert raw_words(raw, mend(raw), mend) == expected


@pytest.mark.parametrize("text", ["a\tb\nc\n", "a\tb\tc\n", "\tb\n", "a\t \n", "New York\tx\n"])
def test_a_malformed_dictionary_names_its_line(tmp_path, text) -> None:
    (tmp_path / "words.tsv").write_text(text)
    with pytest.raises(UnusableInput, match=r"words\.tsv: line \d is not source<TAB>target"):
        read_dictionary(Location(tmp_path / "words.tsv"))


def test_a_dictionary_is_read_as_every_other_text_file(tmp_path) -> None:
    lines = "hund\tdog\u2028x\nkatze\tcat\x85x"
    for name, data in (
        ("plain.tsv", lines.encode()),
        ("marked.txt", b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode()),
        ("packed.tsv.gz", gzip.compress(lines.encode() + b"\n")),
    ):
        (tmp_path / name).write_bytes(data)
        found = read_dictionary(Location(tmp_path / name))
        assert found == {"hund": "dog\u2028x", "katze": "cat\x85x"}
    (tmp_path / "one.tsv").write_text("a\u2028b\x85", "utf-8")
    with pytest.raises(UnusableInput, match="line 1 is not source"):
        read_dictionary(Location(tmp_path / "one.tsv"))


def test_other_unusable_dictionaries(tmp_path) -> None:
    with pytest.raises(UnusableInput, match="no such file"):
        read_dictionary(Location(tmp_path / "none.tsv"))
    (tmp_path / "words.tsv").write_bytes(b"\xff\tb\n")
    with pytest.raises(UnusableInput, match="line 1 is not UTF-8"):
        read_dictionary(Location(tmp_path / "words.tsv"))


def test_a_malformed_dictionary_is_refused_before_it_is_read_to_its_end(tmp_path) -> None:
    """A packed file of kilobytes holds millions of lines."""
    file = tmp_path / "words.tsv.gz"
    file.write_bytes(gzip.compress(b"ab\n" * 2_000_000))
    tracemalloc.start()
    with pytest.raises(UnusableInput, match=r"line 1 is not source<TAB>target"):
        read_dictionary(Location(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20

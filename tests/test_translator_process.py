"""A translator in a process of its user's: other global settings, threads, copies, odd inputs."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import nmt
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.settings import ModelSettings
from nmt.storage.location import Location
from nmt.vocabulary.base import EOS

SOURCES = ["the dog sees a cat", "a cat", "", "the the dog sees", "sees a"]
REFERENCES = ["der hund sieht eine katze", "eine katze", "", "hund", "sieht eine"]


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    """A MODEL of a few words, whose translations end soon."""
    from nmt import bundle
    from nmt.vocabulary.words import build_words

    source, target = (
        build_words(dict.fromkeys(" ".join(texts).split(), 5), vocab_size=99, min_frequency=1)
        for texts in (SOURCES, REFERENCES)
    )
    model = tiny_model(source.size, target.size, seed=2)
    bias = np.array(model.output_bias)
    bias[EOS] += 5.0
    model.output_bias.assign(bias)
    folder = tmp_path_factory.mktemp("words") / "model"
    bundle.save(model, source, target, {"data": {}}, Location(folder))
    return folder


@pytest.fixture(scope="module")
def translator(folder) -> Translator:
    return nmt.load_model(folder)


def told(translator: Translator) -> list:
    """What a translator says, in numbers."""
    results = translator.translate(SOURCES)
    scores = translator.score(SOURCES, REFERENCES)
    return [(r.text, r.score, s.score) for r, s in zip(results, scores, strict=True)]


@pytest.fixture(scope="module")
def expected(translator) -> list:
    return told(translator)


@pytest.fixture
def keras_as_it_was() -> Iterator[None]:
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("keras_as_it_was")
@pytest.mark.parametrize("floatx", ["float16", "float64"])
def test_a_model_has_its_own_precision(folder, expected, floatx) -> None:
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy("mixed_float16" if floatx == "float16" else "float64")
    set_to = keras.config.floatx(), keras.config.dtype_policy()
    assert told(nmt.load_model(folder)) == expected
    assert (keras.config.floatx(), keras.config.dtype_policy()) == set_to


@pytest.mark.usefixtures("keras_as_it_was")
@pytest.mark.parametrize("kind", ["plain", "all"])
@pytest.mark.parametrize("own", ["float32", "mixed_bfloat16"])
def test_every_layer_has_the_models_policy(kind, own) -> None:
    from nmt.model.seq2seq import Seq2Seq

    stacked = {
        "encoder_layers": 2,
        "decoder_layers": 2,
        "decoder": "conditional",
        "layer_norm": True,
        "input_feeding": True,
    }
    small = {"embedding_dim": 4, "encoder_units": 3, "decoder_units": 4, "attention_units": 3}
    settings = {
        **small,
        "readout_units": 4,
        "bridge": "dense",
        **(stacked if kind == "all" else {}),
    }
    keras.config.set_dtype_policy("mixed_float16")
    model = Seq2Seq(ModelSettings.model_validate(settings), 9, 9, dtype=own)
    layers = list(model._flatten_layers())
    assert len(layers) > 8
    assert {layer.dtype_policy.name for layer in layers} == {own}
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_numpy_may_raise_and_print_as_it_likes(folder, expected) -> None:
    with np.errstate(all="raise"), np.printoptions(legacy="1.13"):
        translator = nmt.load_model(folder)
        assert told(translator) == expected
        for result in translator.translate(SOURCES, temperature=1.0, top_p=0.9):
            assert result.coverage is None or 0 <= result.coverage <= 1
            assert (result.attention_entropy or 0.0) >= 0


def test_functions_may_run_eagerly(translator, expected) -> None:
    tf.config.run_functions_eagerly(True)
    try:
        found = told(translator)
    finally:
        tf.config.run_functions_eagerly(False)
    for one, other in zip(found, expected, strict=True):
        assert one[0] == other[0]
        assert one[1:] == pytest.approx(other[1:], abs=1e-4)


@pytest.mark.system
def test_threads_share_a_translator(translator, folder) -> None:
    options = [{}, {"beam_size": 3}]
    alone = [translator.translate(SOURCES, **some) for some in options]
    shared = nmt.load_model(folder)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda some: shared.translate(SOURCES, **some), options * 4))
    for i, results in enumerate(found):
        for one, other in zip(results, alone[i % 2], strict=True):
            assert (one.text, one.tokens, one.flags) == (other.text, other.tokens, other.flags)
            assert one.score == pytest.approx(other.score, abs=1e-6)


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_translator_says_how_it_is_shared(translator, how) -> None:
    with pytest.raises(TypeError, match=r"call nmt\.load_model in each process") as caught:
        how(translator)
    assert "\n" not in str(caught.value)


def test_a_translation_is_shown_in_a_line_and_can_be_sent(translator) -> None:
    found = translator.translate(SOURCES, beam_size=3, n_best=3)
    for result in found:
        shown = f"text={result.text!r}, score={result.score!r}, flags={result.flags!r}"
        assert repr(result) == f"Translation({shown})"
    there = pickle.loads(pickle.dumps(found))
    assert there == found == copy.deepcopy(found)
    np.testing.assert_array_equal(there[0].attention, found[0].attention)
    assert found[0] != found[1]


def shuffled(texts: list[str]) -> pd.Series:
    """By position these texts, by label others."""
    return pd.Series(texts, index=np.roll(range(len(texts)), 2))


def test_texts_and_references_go_by_position(translator, expected, tmp_path) -> None:
    sources, references = shuffled(SOURCES), pd.Series(["x", *REFERENCES])[1:]
    expected_texts = [text for text, *_ in expected]
    assert [result.text for result in translator.translate(sources)] == expected_texts
    for kinds in ((sources, references), (iter(SOURCES), np.array(REFERENCES))):
        found = translator.score(*kinds)
        assert [one.score for one in found] == [score for *_, score in expected]
    forced = translator.force(sources, references)
    assert [one.text for one in forced] == REFERENCES
    assert [one.score for one in forced if one.tokens] == [s for _, t, s in expected if t < 0]
    drawn = translator.plot_attentions(sources[:2], tmp_path / "two.pdf")
    assert [one.text for one in drawn] == expected_texts[:2]


def test_every_entry_names_what_it_cannot_take(translator, folder, tmp_path) -> None:
    png, pdf = tmp_path / "no.png", tmp_path / "no.pdf"
    (whole,) = translator.translate(SOURCES[:1])
    for call, message in (
        (lambda: translator.translate(["a", None]), "sentence 1 is None"),
        (lambda: translator.score(["a", 2], ["eine", "hund"]), "sentence 1 is 2 "),
        (lambda: translator.score(["a"], [None]), "reference 0 is None"),
        (lambda: translator.force(["a", "a"], "hu"), "a list of sentences"),
        (lambda: translator.force("a", ["hund"]), "a list of sentences"),
        (lambda: translator.plot_attention(None, png), "the sentence is None"),
        (lambda: translator.plot_attention(None, png, reference="hund"), "the sentence is None"),
        (lambda: translator.plot_attention("a", png, reference=3), "the reference is 3 "),
        (lambda: translator.plot_attentions("a cat", pdf), "a list of sentences"),
        (lambda: translator.plot_attentions([whole, 5], pdf), "sentence 1 is 5 "),
    ):
        with pytest.raises(TypeError, match=message) as caught:
            call()
        assert isinstance(caught.value, UnusableInput)
    for call, message in (
        (lambda: translator.plot_attention("a cat", png.with_suffix(".jpg")), "is a PNG; name it"),
        (lambda: translator.plot_attentions(["a cat"], png), "is a PDF; name it"),
        (lambda: nmt.load_model(folder.parent), f"give {folder}$"),
    ):
        with pytest.raises(UnusableInput, match=message):
            call()
    with pytest.raises(UnusableInput, match="2 texts, but 3 references"):
        translator.score((text for text in SOURCES[:2]), pd.Series(REFERENCES[:3]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length_ratio": float("inf")}, "max_length_ratio: must be above 0 and at most 100"),
        ({"max_length_ratio": float("nan")}, "max_length_ratio: must be above 0 and at most 100"),
        ({"max_length_extra": 2**31}, "max_length_extra: must be 1 to 100,000"),
        ({"beam_size": 2**40}, "beam_size: must be 1 to 1,000, not 109951"),
        ({"beam_size": -1}, "beam_size: must be 1 to 1,000, not -1"),
        ({"no_repeat_ngram": 2**31}, "no_repeat_ngram: must be 0 to 100"),
        ({"shortlist": 80}, r"shortlist: must be auto or 0 to 50 \(0 is off\), not 80"),
        ({"temperature": 1e38}, "temperature: must be 0 to 100"),
        ({"temperature": 1e-40}, r"search\.temperature=1e-40 is so low"),
        ({"temperature": 1, "top_k": 2**31}, "top_k: must be 0 to 1,073"),
        ({"beam_size": "many"}, "beam_size: input should be a valid integer"),
    ],
)
def test_bounds_are_named(translator, options, message) -> None:
    with pytest.raises(UnusableInput, match=f"^{message}") as caught:
        translator.translate(SOURCES, **options)
    assert "\n" not in str(caught.value)


def test_the_largest_settings_work(translator, expected) -> None:
    """What is within the bounds is within TensorFlow's."""
    (found,) = translator.translate(
        ["a cat"], beam_size=1000, length_penalty=10, max_length_extra=1
    )
    assert np.isfinite(found.score)
    # These sentences end by themselves, long before such a limit.
    assert not any("truncated" in result.flags for result in translator.translate(SOURCES))
    long = translator.translate(SOURCES, max_length_extra=100_000)
    assert [result.text for result in long] == [text for text, *_ in expected]
    cold = translator.translate(SOURCES, temperature=0.001, top_k=2**30)
    assert [result.text for result in cold] == [text for text, *_ in expected]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_a_sentence(folder, batch_size) -> None:
    with pytest.raises(UnusableInput, match="batch_size: must be at least 1"):
        nmt.load_model(folder, batch_size=batch_size)


def test_the_package_shows_what_it_has_without_tensorflow() -> None:
    code = (
        "import sys, nmt; names = dir(nmt); assert {'load_model', 'Translator', 'Translation'} <= "
        "{*names}; assert 'tensorflow' not in sys.modules; from nmt import *; "
        "print(load_model.__name__, Translator.__name__, Translation.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["load_model", "Translator", "Translation"], done.stderr

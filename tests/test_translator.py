"""A translator gives each sentence its own translation, whatever stands beside it."""

import numpy as np
import pytest
from rounding import PASS, SCORE

import nmt
import nmt.model
from nmt import bundle, model_folder
from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.reject_reasons import RejectReason
from nmt.report import fonts
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.vocabulary.words import build_words

SEARCH = SearchSettings(max_length_ratio=0.5, max_length_extra=4)


@pytest.fixture(scope="module")
def texts(demo_dataset) -> list[str]:
    """Sentences of all lengths, and some that hold nothing."""
    from corpora import rows

    found = [row["source"] for row in rows(demo_dataset, "train")[:14]]
    return [found[0], "", *found[1:6], "  \t\u00a0", *found[6:], "\ufeff\u200b", "A", found[0]]


@pytest.fixture(scope="module")
def translator(demo_bundle) -> Translator:
    return Translator(demo_bundle, SEARCH, batch_size=5)


def assert_same(found, expected) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.text, one.tokens, one.source_tokens, one.flags) == (
            other.text,
            other.tokens,
            other.source_tokens,
            other.flags,
        )
        assert one.score == pytest.approx(other.score, abs=SCORE)
        if one.attention is not None or other.attention is not None:
            np.testing.assert_allclose(one.attention, other.attention, atol=PASS)


@pytest.mark.parametrize("beam", [1, 3])
def test_a_batch_of_one_is_a_batch_of_many_in_any_order(
    translator, demo_bundle, texts, beam
) -> None:
    together = translator.translate(texts, beam_size=beam)
    for row in (0, 1, 3, 9, len(texts) - 1):
        assert_same(translator.translate([texts[row]], beam_size=beam), [together[row]])
    backwards = translator.translate(texts[::-1], beam_size=beam)
    assert_same(backwards[::-1], together)
    other = Translator(demo_bundle, SEARCH, batch_size=64)
    assert_same(other.translate(texts, beam_size=beam), together)
    assert len({result.text for result in together}) > 5  # sentences can be told apart
    vocabulary = demo_bundle.source_vocabulary
    for text, result in zip(texts, together, strict=True):
        assert result.source_tokens == vocabulary.encode(translator.clean(text)).tokens


def test_what_holds_nothing_is_translated_to_nothing(translator, texts) -> None:
    for text, result in zip(texts, translator.translate(texts), strict=True):
        assert ("empty" in result.flags) == (not translator.clean(text))
        if "empty" in result.flags:
            assert (result.text, result.score, result.tokens) == ("", 0.0, [])
            assert (result.alignment, result.coverage, result.attention_entropy) == ([], None, None)
    assert [result.text for result in translator.translate(["", " "])] == ["", ""]
    assert translator.translate([]) == []


def test_attention_is_between_the_tokens_that_are_shown(translator, texts) -> None:
    for result in translator.translate(texts):
        if "empty" in result.flags:
            continue
        assert result.attention.shape == (len(result.tokens), len(result.source_tokens))
        assert (result.attention >= 0).all()
        assert (result.attention.sum(1) <= 1 + 1e-5).all()
        assert len(result.source_words) == len(result.source_tokens)
        assert len(result.target_words) == len(result.tokens)
        if result.tokens:
            assert 0 <= result.coverage <= 1
            assert 0 <= result.attention_entropy <= np.log(len(result.source_tokens) + 1)
            assert {t for _, t in result.alignment} == set().union(*result.target_words)


def test_scores_are_log_probabilities_a_token(translator, texts, demo_bundle) -> None:
    result = translator.translate([texts[0]])[0]
    ids = demo_bundle.source_vocabulary.encode_ids([translator.clean(texts[0])])[0]
    found = translator.decoder.searcher(SEARCH).search(np.array([[*ids, 3]], np.int32))
    assert result.score == pytest.approx(
        float(found.log_probability[0]) / int(found.length[0]), abs=SCORE
    )
    assert result.score < 0
    assert ("truncated" in result.flags) == (3 not in found.ids[0])


def test_a_sentence_that_is_too_long_is_named(demo_bundle, texts) -> None:
    small = Translator(demo_bundle, SearchSettings(max_source_length=5, too_long="reject"))
    assert small.row_filter.judge(texts[0])[1] == RejectReason.TOO_LONG
    assert small.row_filter.judge("A")[1] is None
    with pytest.raises(UnusableInput, match=r"^sentence 1 has \d+ tokens") as caught:
        small.translate(["A", texts[0]])
    assert "max_source_length=5" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UnusableInput, match="a list of sentences"):
        small.translate("A")


def test_text_is_cleaned_as_the_training_data_were(translator, texts) -> None:
    text = texts[0]
    odd = "\ufeff  " + text.replace(" ", "\u00a0 ") + "\u200b "
    assert_same(translator.translate([odd]), translator.translate([text]))


def test_forced_decoding_shows_the_attention_along_a_reference(translator, demo_dataset) -> None:
    from corpora import rows

    pairs = rows(demo_dataset, "train")[:7]
    sources, targets = ([row[side] for row in pairs] for side in ("source", "target"))
    together = translator.force(sources, targets)
    for source, target, result in zip(sources, targets, together, strict=True):
        assert result.text == translator.clean(target)
        assert result.score < 0
        assert result.attention.shape == (len(result.tokens), len(result.source_tokens))
        (alone,) = translator.force([source], [target])
        np.testing.assert_allclose(alone.attention, result.attention, atol=PASS)
        assert alone.score == pytest.approx(result.score, abs=SCORE)
    # The attention of what greedy search itself has found is that of the search.
    own = translator.translate(sources)
    again = translator.force(sources, [result.text for result in own])
    for found, expected in zip(again, own, strict=True):
        if found.tokens == expected.tokens:
            np.testing.assert_allclose(found.attention, expected.attention, atol=PASS)


def test_plots_are_pictures(translator, texts, tmp_path) -> None:
    translator.plot_attention(texts[0], tmp_path / "map.png")
    shown = translator.plot_attention(texts[0], str(tmp_path / "ref.png"), reference="Der Hund.")
    assert shown.text == "Der Hund."
    pictures = [(tmp_path / name).read_bytes() for name in ("map.png", "ref.png")]
    assert all(picture.startswith(b"\x89PNG\r\n\x1a\n") for picture in pictures)
    assert pictures[0] != pictures[1]
    for text in ("", "  "):
        with pytest.raises(UnusableInput) as caught:
            translator.plot_attention(text, tmp_path / "none.png")
        assert "nothing to draw" in str(caught.value) or "empty" in str(caught.value)
    assert not (tmp_path / "none.png").exists()


def test_what_is_drawn_is_what_was_translated(translator, texts, tmp_path) -> None:
    greedy, beams = translator.translate(texts), translator.translate(texts, beam_size=3)
    text, beam = next(
        (text, beam)
        for text, one, beam in zip(texts, greedy, beams, strict=True)
        if one.text != beam.text
    )
    shown = translator.plot_attention(text, tmp_path / "beam.png", beam_size=3)
    assert shown.tokens == beam.tokens
    assert translator.plot_attention(beam, tmp_path / "given.png") is beam
    one, other = translator.plot_attentions([beam, text], tmp_path / "maps.pdf", beam_size=3)
    assert one is beam
    assert other.tokens == beam.tokens
    for given, options in (
        (beam, {"beam_size": 3}),
        (beam, {"reference": "Der Hund."}),
        (text, {"reference": "Der Hund.", "beam_size": 3}),
        (text, {"beam": 3}),
    ):
        with pytest.raises(UnusableInput, match=r"leave .* out|no setting 'beam'"):
            translator.plot_attention(given, tmp_path / "no.png", **options)
    assert not (tmp_path / "no.png").exists()


def test_what_no_font_has_is_told_once(translator, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(fonts, "families", lambda _: (fonts.FAMILY,))
    monkeypatch.setattr(fonts, "_warned", set())
    for name in ("one.png", "two.png"):
        translator.plot_attention("The 犬 sleeps.", tmp_path / name)
    (line,) = capsys.readouterr().err.splitlines()
    assert "犬" in line
    assert "fonts-noto-cjk" in line


def test_heatmaps_show_subwords_or_whole_words(translator, texts, tmp_path) -> None:
    translator.plot_attention(texts[0], tmp_path / "tokens.png")
    translator.plot_attention(texts[0], tmp_path / "words.png", words=True)
    assert (tmp_path / "tokens.png").read_bytes() != (tmp_path / "words.png").read_bytes()
    for text, result in zip(texts, translator.translate(texts), strict=True):
        if not result.tokens:
            continue
        weights, sources, targets = result.heatmap(words=True)
        assert sources == translator.clean(text).split()
        assert targets == result.text.split()
        assert weights.shape == (len(targets), len(sources))
        np.testing.assert_allclose(weights.sum(1).max(), min(weights.sum(1).max(), 1), atol=PASS)
        assert result.heatmap()[1:] == (result.source_tokens, result.tokens)


def test_many_heatmaps_share_pages(translator, texts, tmp_path) -> None:
    chosen = [text for text in texts[:8] if translator.clean(text)]
    results = translator.plot_attentions(chosen, tmp_path / "maps.pdf", words=True)
    assert (tmp_path / "maps.pdf").read_bytes().startswith(b"%PDF")
    assert [result.text for result in results] == [r.text for r in translator.translate(chosen)]
    with pytest.raises(UnusableInput, match="nothing to draw"):
        translator.plot_attentions(["", *chosen], tmp_path / "none.pdf")


def test_a_model_without_attention_translates_and_says_so(
    demo_bundle, tiny_model, tmp_path, texts
) -> None:
    sizes = demo_bundle.source_vocabulary.size, demo_bundle.target_vocabulary.size
    plain = Bundle(
        tiny_model(*sizes, attention="none"),
        demo_bundle.source_vocabulary,
        demo_bundle.target_vocabulary,
        demo_bundle.info,
    )
    translator = Translator(plain, SEARCH)
    for result in translator.translate(texts, beam_size=2):
        assert result.attention is None
        assert result.alignment == []
    with pytest.raises(UnusableInput, match="no attention to draw"):
        translator.plot_attention(texts[0], tmp_path / "map.png")


def test_unknown_words_never_come_out_of_subwords(translator, texts) -> None:
    for result in translator.translate(texts, beam_size=2):
        assert "unk" not in result.flags
        assert "⁇" not in result.text


def test_the_contracts_python_example(demo_bundle, tmp_path, texts) -> None:
    folder = tmp_path / "runs" / "x" / "model"
    bundle.save(
        demo_bundle.model,
        demo_bundle.source_vocabulary,
        demo_bundle.target_vocabulary,
        {"data": demo_bundle.info.data},
        Location(folder),
    )
    translator = nmt.load_model(str(folder))
    (found,) = translator.translate(["A sentence."], beam_size=5)
    assert isinstance(found.text, str)
    assert isinstance(found.score, float)
    assert found.attention.shape == (len(found.tokens), len(found.source_tokens))
    translator.plot_attention("A sentence.", str(tmp_path / "map.png"), reference=None)
    assert (tmp_path / "map.png").stat().st_size > 1000
    expected = Translator(demo_bundle).translate(texts[:3])
    assert_same(translator.translate(texts[:3]), expected)
    assert nmt.Translator is Translator
    with pytest.raises(AttributeError):
        nmt.no_such_name  # noqa: B018


def test_unusable_arguments_are_named(translator, texts) -> None:
    with pytest.raises(UnusableInput, match=r"beam_size: .* not 0"):
        translator.translate(texts[:1], beam_size=0)
    with pytest.raises(UnusableInput, match="2 texts, but 1 references"):
        translator.force(texts[:2], texts[:1])


OPTIONS = {
    "beam": {"beam_size": 3, "coverage_penalty": 0.4, "min_length": 3, "no_repeat_ngram": 2},
    "n best": {"beam_size": 4, "n_best": 4},
    "sampling": {"temperature": 1.3, "top_k": 40, "top_p": 0.9},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options_do_not_depend_on_the_batch_either(translator, demo_bundle, texts, options) -> None:
    together = translator.translate(texts, **options)
    for row in (0, 1, 5):
        assert_same(translator.translate([texts[row]], **options), [together[row]])
    assert_same(translator.translate(texts[::-1], **options)[::-1], together)
    for result in together:
        if not options.get("n_best") or "empty" in result.flags:
            assert result.alternatives == ()
            continue
        found = result.alternatives
        first = found[0]
        assert (first.text, first.score, first.flags) == (result.text, result.score, result.flags)
        assert len({one.text for one in found}) == len(found)
        ranking = [one.ranking for one in found]
        assert ranking == sorted(ranking, reverse=True)


def save(folder, model, demo_bundle, **data):
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    description = {"data": {**demo_bundle.info.data, **data}}
    bundle.save(model, *vocabularies, description, Location(folder))
    return folder


@pytest.mark.system
def test_several_models_are_loaded_as_an_ensemble(demo_bundle, tiny_model, tmp_path, texts) -> None:
    sizes = demo_bundle.source_vocabulary.size, demo_bundle.target_vocabulary.size
    a = save(tmp_path / "a", demo_bundle.model, demo_bundle)
    b = save(tmp_path / "b", tiny_model(*sizes, seed=8, decoder_units=10), demo_bundle)
    one, other, both, twice = (nmt.load_model(names, SEARCH) for names in (a, [b], [a, b], [a, a]))
    assert one.model_id == model_folder.describe(Location(a)).model_id
    assert len({one.model_id, other.model_id, both.model_id, twice.model_id}) == 4
    alone = one.translate(texts)
    assert_same(twice.translate(texts), alone)
    found = both.translate(texts)
    assert [result.text for result in found] != [result.text for result in alone]
    for row in (0, 4):
        assert_same(both.translate([texts[row]]), [found[row]])
    info = bundle.check_all([Location(a), Location(b)])
    assert info.model_id == both.model_id
    assert info.architecture["decoder_units"] == "20 | 10"
    assert info.parameters == sum(
        model_folder.describe(Location(name)).parameters for name in (a, b)
    )
    each = [model.score(texts[:1], ["Der"])[0].log_probabilities for model in (one, other)]
    expected = np.log(np.mean(np.exp(each), 0))
    score = both.score(texts[:1], ["Der"])[0]
    assert score.log_probabilities == pytest.approx(expected.tolist(), abs=SCORE)


def test_models_of_an_ensemble_share_vocabularies_and_cleaning(
    demo_bundle, tiny_model, tmp_path
) -> None:
    a = save(tmp_path / "a", demo_bundle.model, demo_bundle)
    lower = save(tmp_path / "b", demo_bundle.model, demo_bundle, lowercase=True)
    words = build_words({"a": 3, "b": 2}, vocab_size=9, min_frequency=1)
    model = tiny_model(words.size, words.size)
    bundle.save(model, words, words, {"data": {}}, Location(tmp_path / "c"))
    for names, what in (([a, lower], "data.lowercase"), ([a, tmp_path / "c"], "tokenizer")):
        with pytest.raises(UnusableInput, match=f"has another {what} than") as caught:
            nmt.load_model(names)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnusableInput, match="at least one model"):
        nmt.load_model([])


def test_options_that_there_are_not_are_named(translator) -> None:
    with pytest.raises(UnusableInput, match="did you mean 'beam_size'"):
        translator.translate(["A"], beamsize=3)
    with pytest.raises(UnusableInput, match=r"search\.n_best=3 needs a beam"):
        translator.translate(["A"], n_best=3)

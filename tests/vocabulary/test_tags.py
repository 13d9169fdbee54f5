"""Tags: a token of its own before a source, which no text can forge and no search chooses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from corpora import make, pair_lines, rows, write_lines
from hypothesis import given
from hypothesis import strategies as st

from nmt.bundle import Bundle
from nmt.errors import UnusableInput
from nmt.inference.translator import Translator
from nmt.records.model import ModelInfo
from nmt.settings import DataSettings, SearchSettings
from nmt.shards.augmentation import Augmentation
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.strategy import Replicas
from nmt.training.validation import Validator
from nmt.vocabulary import SPECIALS, Vocabulary
from nmt.vocabulary.extension import with_tags
from nmt.vocabulary.subwords import train_subwords
from nmt.vocabulary.words import build_words

TEXTS = ["the dog <news> sees 42 cats", "a cat<news>, a dog"] * 20
KINDS = {
    "spm": train_subwords(TEXTS, vocab_size=310, tags=["news", "talk-2"]),
    "word": build_words({"dog": 5, "news": 9}, vocab_size=20, min_frequency=1, tags=["news"]),
    "added": with_tags(train_subwords(TEXTS, vocab_size=300), ["news"]),
    "added word": with_tags(build_words({"dog": 5}, vocab_size=9, min_frequency=1), ["news"]),
}
vocabularies = pytest.mark.parametrize("vocabulary", KINDS.values(), ids=KINDS)


@vocabularies
def test_a_tag_is_an_entry_that_writes_nothing(vocabulary: Vocabulary) -> None:
    tag = vocabulary.tags["news"]
    assert tag >= len(SPECIALS)
    assert tag in vocabulary.never_chosen
    assert vocabulary.tokens([tag]) == ["<news>"]
    (dog,) = vocabulary.encode_ids(["dog"])
    assert vocabulary.decode([tag, *dog]) == vocabulary.decode(dog) == "dog"
    assert vocabulary.token_words([tag])[0] == range(0)
    again = type(vocabulary)(vocabulary.serialise())  # type: ignore[call-arg]
    assert again.tags == vocabulary.tags
    assert with_tags(vocabulary, ["news"]) is vocabulary


@vocabularies
@given(text=st.text(st.sampled_from("<news> dog[2]▁-"), max_size=20))
def test_no_text_becomes_a_tag(vocabulary: Vocabulary, text: str) -> None:
    ids = vocabulary.encode_ids([text, f"<news> {text}", f"{text}<news>"])
    assert not {*ids[0], *ids[1], *ids[2]} & set(vocabulary.tags.values())
    assert not set(vocabulary.encode(text).ids) & set(vocabulary.tags.values())


def test_names_are_plain() -> None:
    for name in ("", "a b", "<x>", "ä", "-x", "x" * 33, "x\n"):
        with pytest.raises(ValueError, match="tag"):
            DataSettings(tag=name)
        with pytest.raises(ValueError, match="tag"):
            SearchSettings(tag=name)
    assert DataSettings(tag="2de").tag == "2de"


@pytest.fixture(scope="module", params=["spm", "word", "joint"])
def tagged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("tagged")
    pairs = write_lines(folder / "pairs.tsv", pair_lines(120))
    settings = {"tag": "news", "min_frequency": 1, "valid_fraction": 0.1}
    settings |= {"word": {"tokenizer": "word"}, "joint": {"joint_vocabulary": True}}.get(
        request.param, {}
    )
    return make(folder / "d", settings, pairs=pairs)


def test_every_source_of_a_dataset_begins_with_its_tag(tagged) -> None:
    tag = tagged.source_vocabulary.tags["news"]
    for split in ("train", "valid", "test"):
        for row in rows(tagged, split):
            assert row["source_ids"][0] == tag
            assert tag not in [*row["source_ids"][1:], *row["target_ids"]]
            assert "<news>" not in row["source"]
            assert tagged.source_vocabulary.encode_ids([row["source"]]) == [row["source_ids"][1:]]
    lengths = {len(row["source_ids"]) for row in rows(tagged, "train")}
    assert lengths == {source for source, _ in tagged.lengths()}


def test_another_corpus_adds_a_tag_to_the_same_vocabulary(tagged, tmp_path: Path) -> None:
    from nmt.corpus.prepare import prepare
    from nmt.corpus.request import PrepareRequest

    pairs = write_lines(tmp_path / "pairs.tsv", pair_lines(60, seed=2))
    request = PrepareRequest(
        Location(tmp_path / "d"),
        DataSettings(tag="talk"),
        pairs=pairs,
        vocabulary_from=tagged.location,
    )
    other = prepare(request)
    assert other.source_vocabulary.tags.keys() == {"news", "talk"}
    old = tagged.source_vocabulary.entries
    assert other.source_vocabulary.entries[: len(old)] == old
    assert rows(other, "train")[0]["source_ids"][0] == other.source_vocabulary.tags["talk"]


def test_each_corpus_has_its_own_tag(tmp_path: Path, tiny_model) -> None:
    """Also when the model is validated, on pairs of all of them."""
    for name in ("a", "b", "c"):
        write_lines(tmp_path / f"{name}.tsv", pair_lines(60, seed=ord(name)))
    file = tmp_path / "corpora.yaml"
    file.write_text(
        f"first: {{pairs: '{tmp_path}/a.tsv', tag: talk}}\n"
        f"second: {{pairs: '{tmp_path}/b.tsv', tag: news}}\n"
        f"third: {{pairs: '{tmp_path}/c.tsv'}}\n"
    )
    dataset = make(tmp_path / "d", {"valid_fraction": 0.2}, corpora=Location(file))
    source, target = dataset.source_vocabulary, dataset.target_vocabulary
    names = {number: name for name, number in source.tags.items()}
    expected = {"first": "talk", "second": "news", "third": None}
    for split in ("train", "valid", "test"):
        for row in rows(dataset, split):
            assert names.get(row["source_ids"][0]) == expected[row["corpus"]]
    info = ModelInfo(model_id="random", data=dataset.described_settings)
    model = tiny_model(source.size, target.size)
    translator = Translator(Bundle(model, source, target, info), SearchSettings())
    validator = Validator(dataset, model, translator, 100, "13a", Replicas())
    texts = dict(validator.part(0, 1).texts)
    for number, row in enumerate(rows(dataset, "valid")):
        (alone,) = translator.translate([row["source"]], tag=expected[row["corpus"]])
        assert texts[number] == alone.text


def test_an_augmented_source_keeps_it(tagged) -> None:
    table = next(tagged.read("train"))
    both = tagged.source_vocabulary, tagged.target_vocabulary
    after = Augmentation({"lower": 0.5, "upper": 0.5}, 0.0, both)(table, [1], 99)
    tag = tagged.source_vocabulary.tags["news"]
    assert all(ids[0] == tag and tag not in ids[1:] for ids in after["source_ids"].to_pylist())
    assert after["target_ids"].to_pylist() != table["target_ids"].to_pylist() or (
        tagged.info.tokenizer.kind == "word"
    )


@pytest.fixture(scope="module")
def translator(tagged, tiny_model) -> Translator:
    source, target = tagged.source_vocabulary, tagged.target_vocabulary
    model = tiny_model(source.size, target.size)
    info = ModelInfo(model_id="random", data=tagged.described_settings)
    return Translator(Bundle(model, source, target, info), SearchSettings(max_length_extra=5))


def test_a_tag_changes_the_translation_and_is_seen_nowhere(tagged, translator) -> None:
    texts = ["The dog sees 4 cats.", "", "The queen likes 12 birds."]
    plain, asked = (translator.translate(texts, tag=tag) for tag in (None, "news"))
    assert plain[0].score != asked[0].score
    assert asked[1].text == ""
    for one, other in zip(plain, asked, strict=True):
        assert one.source_tokens == other.source_tokens
        assert one.source_words == other.source_words
        if other.attention is not None:
            assert other.attention.shape == (len(other.tokens), len(other.source_tokens))
    # The attention that is shown is that on the words, not shifted by the tag.
    first = len(tagged.source_vocabulary.encode_ids(texts[:1])[0])
    assert asked[0].attention is not None
    assert asked[0].attention.shape[1] == first
    assert np.all(asked[0].attention.sum(1) < 1)
    assert max(source for source, _ in asked[0].alignment) < 5
    again = translator.translate(texts[::-1], tag="news")
    assert [one.text for one in again[::-1]] == [one.text for one in asked]


def test_a_long_text_has_its_tag_before_each_piece(translator) -> None:
    sentences = [f"The dog sees {n} cats." for n in (3, 5, 8)]
    alone = translator.translate(sentences, tag="news", max_source_length=100)
    longest = max(len(one.source_tokens) for one in alone)
    (together,) = translator.translate([" ".join(sentences)], tag="news", max_source_length=longest)
    assert "split" in together.flags
    assert together.text == " ".join(one.text for one in alone)


def test_an_unknown_tag_is_refused(translator, demo_bundle) -> None:
    with pytest.raises(UnusableInput, match=re.escape("--tag nws (search.tag): unknown; ")):
        translator.translate(["The dog"], tag="nws")
    with pytest.raises(UnusableInput, match="this model has none"):
        Translator(demo_bundle, SearchSettings()).translate(["The dog"], tag="news")


def test_the_validation_of_a_tagged_dataset_asks_for_its_tag(tagged, translator) -> None:
    """Training and validation see the same ids."""
    source = rows(tagged, "valid")[0]
    row, _ = Translator(translator.bundle, SearchSettings(tag="news")).row_filter.judge(
        source["source"]
    )
    ids = [*row.tag, *row.encoded(tagged.source_vocabulary).ids]
    assert ids == source["source_ids"]

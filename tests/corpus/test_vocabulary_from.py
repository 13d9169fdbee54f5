"""A corpus prepared with the vocabularies and the cleaning of a model or of another dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from corpora import make, pair_lines, rows, write_lines

from nmt import bundle
from nmt.errors import UnusableInput
from nmt.shards import Dataset
from nmt.storage.location import Location

NEW = [f"The kingfisher dives {n} times.\tDer Eisvogel taucht {n} Mal." for n in range(60)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("first")
    settings = {"lowercase": True, "source_language": "en", "target_language": "de"}
    return make(folder / "d", settings, pairs=write_lines(folder / "pairs.tsv", pair_lines(300)))


def second(folder: Path, given: Location, settings: dict[str, Any] | None = None, **more: Any):
    pairs = write_lines(folder / "new.tsv", [line.encode() for line in NEW])
    from nmt.corpus.prepare import prepare
    from nmt.corpus.request import PrepareRequest
    from nmt.settings import DataSettings

    chosen = DataSettings.model_validate(settings or {})
    output = Location(folder / "d")
    return prepare(PrepareRequest(output, chosen, pairs=pairs, vocabulary_from=given, **more))


def make_like(given: Dataset, output: Path, pairs: Location, settings: dict[str, Any]) -> Dataset:
    from nmt.corpus.prepare import prepare
    from nmt.corpus.request import PrepareRequest
    from nmt.settings import DataSettings

    chosen = DataSettings.model_validate(settings)
    request = PrepareRequest(Location(output), chosen, pairs=pairs, vocabulary_from=given.location)
    return prepare(request)


def test_vocabularies_cleaning_and_languages_are_taken_over(first, tmp_path, capsys) -> None:
    dataset = second(tmp_path, first.location)
    assert dataset.source_vocabulary.sha256 == first.source_vocabulary.sha256
    assert dataset.target_vocabulary.sha256 == first.target_vocabulary.sha256
    assert dataset.info.languages.to_json() == {"source": "en", "target": "de"}
    assert dataset.settings.lowercase
    assert all(row["source"].islower() for row in rows(dataset, "train"))
    said = capsys.readouterr().err
    assert "too rare" not in said
    second(tmp_path, first.location)
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(UnusableInput, match="made with other settings"):
        second(tmp_path, first.location, extend_vocabulary=5)


def test_other_languages_than_the_vocabularies_are_refused(first, tmp_path) -> None:
    with pytest.raises(UnusableInput, match=r"--source-language fr: the source language of .* is"):
        second(tmp_path, first.location, {"source_language": "fr"})
    assert not (tmp_path / "d").exists()
    same = second(tmp_path, first.location, {"source_language": "eng-GB"})
    assert same.info.languages.source == "en-GB"


def test_it_can_be_extended(first, tmp_path) -> None:
    dataset = second(tmp_path, first.location, extend_vocabulary=30)
    for side in ("source", "target"):
        old, new = (getattr(d, f"{side}_vocabulary") for d in (first, dataset))
        assert new.entries[: old.size] == old.entries
        assert old.size < new.size <= old.size + 30
        assert getattr(dataset.info.tokenizer, side).size == new.size
    assert "▁kingfisher" in dataset.source_vocabulary.entries
    assert "▁eisvogel" in dataset.target_vocabulary.entries


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer": "word", "min_frequency": 1},
        {"joint_vocabulary": True, "vocab_size": 150},
    ],
    ids=["words", "joint"],
)
def test_words_and_joint_vocabularies_are_extended(settings, tmp_path) -> None:
    pairs = write_lines(tmp_path / "pairs.tsv", pair_lines(200))
    before = make(tmp_path / "old", settings, pairs=pairs)
    dataset = second(tmp_path, before.location, extend_vocabulary=12)
    source, target = dataset.source_vocabulary, dataset.target_vocabulary
    assert (source.sha256 == target.sha256) == ("joint_vocabulary" in settings)
    assert dataset.info.tokenizer.kind == settings.get("tokenizer", "spm")
    assert source.size == before.source_vocabulary.size + 12


def test_of_a_model_too(first, tmp_path, tiny_model) -> None:
    sizes = first.source_vocabulary.size, first.target_vocabulary.size
    model, location = tiny_model(*sizes), Location(tmp_path / "model")
    vocabularies = first.source_vocabulary, first.target_vocabulary
    bundle.save(model, *vocabularies, {"data": first.described_settings}, location)
    dataset = second(tmp_path, location)
    assert dataset.source_vocabulary.sha256 == first.source_vocabulary.sha256
    assert dataset.info.languages == first.info.languages
    bundle.save(model, *vocabularies, {}, location)
    with pytest.raises(UnusableInput, match="does not record how its corpus was cleaned"):
        second(tmp_path, location)


@pytest.mark.parametrize(
    ("settings", "more", "expected"),
    [
        ({"vocab_size": 300}, {}, r"data.vocab_size: .*was prepared with 200; leave it out"),
        ({"lowercase": False}, {}, r"data.lowercase: .*was prepared with True"),
        ({"tokenizer": "word"}, {}, r"data.tokenizer: .*was prepared with 'spm'"),
    ],
)
def test_other_settings_are_refused(first, settings, more, expected, tmp_path) -> None:
    with pytest.raises(UnusableInput, match=expected):
        second(tmp_path, first.location, settings, **more)
    assert not (tmp_path / "d").exists()


def test_the_same_settings_may_be_repeated(first, tmp_path) -> None:
    assert second(tmp_path, first.location, {"vocab_size": 200, "max_length": 30})


def test_what_is_neither_is_refused(tmp_path) -> None:
    with pytest.raises(UnusableInput, match="neither a model nor a dataset"):
        second(tmp_path, Location(tmp_path / "nothing"))
    pairs = write_lines(tmp_path / "pairs.tsv", pair_lines(30))
    with pytest.raises(UnusableInput, match="--extend-vocabulary goes with --vocabulary-from"):
        make(tmp_path / "d", pairs=pairs, extend_vocabulary=5)


def test_a_text_in_another_script_than_the_vocabulary_is_refused(first, tmp_path, capsys) -> None:
    japanese = [f"Number {n} is here.\t{n}番の鳥がここにいます。".encode() for n in range(60)]
    pairs = write_lines(tmp_path / "ja.tsv", japanese)
    expected = r"--vocabulary-from .* is de, but in the target text most letters are Hiragana"
    with pytest.raises(UnusableInput, match=expected) as caught:
        make_like(first, tmp_path / "d", pairs, {})
    assert "give de-Hira if that is meant, with --target-language" in str(caught.value)
    assert not (tmp_path / "d").exists()
    for number, (language, is_odd) in enumerate({"de-Hira": False, "de": True}.items()):
        capsys.readouterr()
        make_like(first, tmp_path / f"{number}", pairs, {"target_language": language})
        assert ("most letters are Hiragana" in capsys.readouterr().err) == is_odd


def test_tags_that_pairs_could_have_are_told(first, tmp_path, capsys) -> None:
    tagged = second(tmp_path, first.location, {"tag": "manual"})
    pairs = write_lines(tmp_path / "b.tsv", pair_lines(100))
    make_like(tagged, tmp_path / "same", pairs, {"tag": "manual"})
    assert "knows the tags" not in capsys.readouterr().err
    make_like(tagged, tmp_path / "none", pairs, {})
    assert "knows the tags manual, and these pairs get none" in capsys.readouterr().err

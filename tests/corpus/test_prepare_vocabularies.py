"""The vocabularies and languages of a dataset follow from its text and its settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpora import make, pair_lines, rows, write_lines

from nmt.corpus import encoding
from nmt.errors import UnusableInput
from nmt.settings import DataSettings
from nmt.storage.location import Location
from nmt.vocabulary import UNK


def test_words_that_are_all_too_rare_are_refused(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "pairs.tsv", pair_lines(20))
    with pytest.raises(UnusableInput, match="no source word occurs in train as often as"):
        make(tmp_path / "d", {"tokenizer": "word", "min_frequency": 10_000}, pairs=file)


def test_a_joint_vocabulary_learns_from_both_sides_however_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_lines(
        tmp_path / "pairs.tsv", [f"{'ab' * i} {i}\t{'XY' * i}".encode() for i in range(1, 80)]
    )
    monkeypatch.setattr(encoding, "SPM_SENTENCES", 40)
    settings = {"joint_vocabulary": True, "vocab_size": 60, "valid_fraction": 0.05}
    dataset = make(tmp_path / "d", settings, pairs=file)
    pieces = "".join(dataset.source_vocabulary.tokens(range(dataset.source_vocabulary.size)))
    assert "ab" in pieces
    assert "XY" in pieces


_PAIRS = {
    "ja": "犬が{}匹の猫を見ています。",
    "zh": "狗看见了{}只猫。",
    "ko": "개가 고양이 {}마리를 봅니다.",
    "th": "สุนัขเห็นแมว {} ตัว",
    "und": "Der Hund sieht {} Katzen.",
}


def _pairs(folder: Path, target: str) -> Location:
    lines = [f"The dog sees {n} cats.\t{target.format(n)}".encode() for n in range(60)]
    return write_lines(folder / "pairs.tsv", lines)


@pytest.mark.parametrize("language", _PAIRS)
def test_the_script_of_the_text_decides_about_its_language(language: str, tmp_path: Path) -> None:
    dataset = make(tmp_path / "d", pairs=_pairs(tmp_path, _PAIRS[language]))
    assert dataset.info.languages.to_json() == {"source": "und", "target": language}
    assert dataset.settings.target_language == language


def test_a_vocabulary_too_large_for_its_text_is_said(tmp_path: Path, capsys) -> None:
    """Here each word stands in two sentences; then the same text six times."""
    for name, times in (("few", 1), ("many", 6)):
        lines = [f"a{n // 2} b{n // 2}\tc" for n in range(100)] * times
        pairs = write_lines(tmp_path / f"{name}.tsv", [line.encode() for line in lines])
        settings = {"tokenizer": "word", "min_frequency": 1, "valid_fraction": 0.0,
                    "test_fraction": 0.0}  # fmt: skip
        capsys.readouterr()
        make(tmp_path / name, settings, pairs=pairs)
        said = capsys.readouterr().err
        assert ("WARNING test: the source vocabulary has 104 entries for 200 tokens" in said) == (
            name == "few"
        )
        assert "target vocabulary has" not in said


def test_languages_are_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = _pairs(tmp_path, _PAIRS["und"])
    given = {"source_language": "eng", "target_language": "ger"}
    found = make(tmp_path / "named", given, pairs=pairs)
    assert found.info.languages.to_json() == {"source": "en", "target": "de"}
    assert make(tmp_path / "named", {**given, "target_language": "de"}, pairs=pairs)  # the same
    capsys.readouterr()
    make(tmp_path / "odd", {**given, "target_language": "ja"}, pairs=pairs)
    assert "the target language is ja, but in the target text most letters are Latin" in (
        capsys.readouterr().err
    )
    for side in ("source", "target"):
        with pytest.raises(UnusableInput, match=f"--{side}-language: 'German' is no language code"):
            make(tmp_path / "bad", {f"{side}_language": "German"}, pairs=pairs)
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(
    ("endings", "languages"),
    [
        (("en", "deu"), ("en", "de")),
        (("en_US", "zh-Hant"), ("en-US", "zh-Hant")),
        (("src", "tgt"), ("und", "und")),
        (("xx", "ref"), ("und", "und")),
    ],
)
def test_the_endings_of_files_name_languages(
    endings: tuple[str, str], languages: tuple[str, str], tmp_path: Path
) -> None:
    files = [tmp_path / f"train.{ending}" for ending in endings]
    for file, side in zip(files, ("dog", "Hund"), strict=True):
        write_lines(file, [f"{side} {number}".encode() for number in range(40)])
    source, target = map(Location, map(str, files))
    dataset = make(tmp_path / "d", sources=(source,), targets=(target,))
    assert tuple(dataset.info.languages.to_json().values()) == languages


def test_subwords_are_of_bytes_and_symbols_as_the_settings_say(tmp_path: Path) -> None:
    lines = [*pair_lines(200), *["犬 <x1> 🐕▁\tHund <x1> 🐕▁".encode()] * 5]
    pairs = write_lines(tmp_path / "c.tsv", lines)
    settings = {"vocab_size": 400, "byte_fallback": True, "symbols": ["<x1>"], "seed": 3}
    dataset = make(tmp_path / "o", {**settings, "character_coverage": 0.98}, pairs=pairs)
    again = make(tmp_path / "o", {**settings, "character_coverage": 0.98}, pairs=pairs)
    assert again.info == dataset.info
    for side in ("source", "target"):
        vocabulary = getattr(dataset, f"{side}_vocabulary")
        assert vocabulary.tokens([4, 5]) == ["<x1>", "<0x00>"]
        for row in (row for split in ("train", "valid", "test") for row in rows(dataset, split)):
            assert UNK not in row[f"{side}_ids"]
            assert vocabulary.decode(row[f"{side}_ids"]) == row[side].replace("▁", "_")
        text = "x<x1>y ไทย 👩🏽\u200d🚀"
        assert vocabulary.decode(vocabulary.encode(text).ids) == text
        assert "<x1>" in vocabulary.encode(text).tokens


def test_new_datasets_have_bytes_by_default() -> None:
    settings = DataSettings()
    assert settings.byte_fallback
    assert settings.character_coverage is None

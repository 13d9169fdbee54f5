"""Preparing a corpus: every row is accounted for, nothing leaks, the same comes out again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from corpora import make, pair_lines, rows, write_lines

from nmt.corpus import encoding
from nmt.corpus import prepare as module
from nmt.corpus.cleaning import clean
from nmt.errors import UnusableInput
from nmt.settings import DataSettings
from nmt.shards import Dataset
from nmt.storage.location import Location
from nmt.vocabulary import UNK

SPLITS = ("train", "valid", "test")
BAD = {
    b"alone": "missing_column",
    b"\tx": "empty_source",
    b"x\t \xc2\xa0": "empty_target",
    b"caf\xe9\tx": "broken_utf8",
    b"same &amp; same\tsame & same": "identical",
    b"word " * 30 + b"\tx": "too_long",
    b"x\t" + b"Wort " * 30: "too_long",
}
SETTINGS: dict[str, Any] = {
    "valid_fraction": 0.1,
    "test_fraction": 0.1,
    "shard_rows": 300,
    "reject_identical": True,
    "max_length": 25,
}


def corpus() -> list[bytes]:
    lines = pair_lines(1000)
    for place, line in enumerate(BAD):
        lines.insert(100 * place + 7, line)
    return lines


@pytest.fixture(scope="module", params=["spm", "word"])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("prepared")
    pairs = write_lines(folder / "c.tsv", corpus())
    return make(folder / "out", {**SETTINGS, "tokenizer": request.param}, pairs=pairs)


def test_every_row_is_in_one_place_once(prepared: Dataset) -> None:
    found = {name: rows(prepared, name) for name in (*SPLITS, "rejected")}
    ids = sorted(row["id"] for part in found.values() for row in part)
    assert ids == list(range(1007))
    assert all(found.values()), "each split has rows"
    for name, part in found.items():
        assert prepared.info.counts[name] == prepared.rows(name) == len(part)
    assert prepared.info.counts["input"] == 1007


def test_rejected_rows_carry_line_and_reason(prepared: Dataset) -> None:
    lines = corpus()
    rejected = {row["line"]: row for row in rows(prepared, "rejected")}
    assert prepared.info.drops == Counter(row["reason"] for row in rejected.values())
    for line, reason in BAD.items():
        row = rejected[lines.index(line) + 1]
        assert row["reason"] == reason
        assert row["id"] == row["line"] - 1
        assert row["source"].split("\ufffd")[0] in line.decode("utf-8", "replace")
    assert len(rejected) == len(BAD)


def test_no_source_of_valid_or_test_is_in_train(prepared: Dataset) -> None:
    vocabulary = prepared.source_vocabulary
    sources = {
        split: {vocabulary.standardise(row["source"]) for row in rows(prepared, split)}
        for split in SPLITS
    }
    assert len(rows(prepared, "train")) > len(sources["train"]), "the test needs repetitions"
    assert not sources["train"] & (sources["valid"] | sources["test"])
    assert not sources["valid"] & sources["test"]


def test_ids_are_those_of_the_text(prepared: Dataset) -> None:
    histogram: Counter[tuple[int, int]] = Counter()
    for split in SPLITS:
        for row in rows(prepared, split):
            for side in ("source", "target"):
                vocabulary = getattr(prepared, f"{side}_vocabulary")
                assert row[f"{side}_ids"] == vocabulary.encode(row[side]).ids
                assert min(row[f"{side}_ids"]) not in (0, 2, 3)
            if split == "train":
                histogram[len(row["source_ids"]), len(row["target_ids"])] += 1
    assert prepared.lengths() == histogram


def test_the_vocabulary_knows_train_only(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", corpus())
    dataset = make(tmp_path / "out", {**SETTINGS, "tokenizer": "word"}, pairs=pairs)
    for side in ("source", "target"):
        vocabulary = getattr(dataset, f"{side}_vocabulary")
        counts: Counter[str] = Counter()
        for row in rows(dataset, "train"):
            counts.update(vocabulary.standardise(row[side]).split())
        frequent = sorted(((n, word) for word, n in counts.items() if n >= 10), reverse=True)
        assert vocabulary.tokens(range(4, vocabulary.size)) == [word for _, word in frequent]


def test_the_same_again_and_another_seed(prepared: Dataset, tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", corpus())
    settings = {**SETTINGS, "tokenizer": prepared.info.tokenizer.kind}
    again = make(tmp_path / "a", settings, pairs=pairs)
    assert again.info == prepared.info
    assert again.hash == prepared.hash
    other = make(tmp_path / "b", {**settings, "seed": 2}, pairs=pairs)
    test_ids = [{row["id"] for row in rows(dataset, "test")} for dataset in (again, other)]
    assert test_ids[0] != test_ids[1]


def test_columns_are_the_contracts(prepared: Dataset) -> None:
    for split in SPLITS:
        for table in prepared.read(split):
            assert {field.name: str(field.type) for field in table.schema} == {
                "id": "int64",
                "source": "string",
                "target": "string",
                "source_ids": "list<element: int32>",
                "target_ids": "list<element: int32>",
            }
    assert next(prepared.read("rejected")).column_names == [
        "id", "line", "reason", "source", "target",
    ]  # fmt: skip


def test_a_sample_is_exact(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", corpus())
    dataset = make(tmp_path / "out", {**SETTINGS, "sample": 400}, pairs=pairs)
    found = [row["id"] for name in (*SPLITS, "rejected") for row in rows(dataset, name)]
    assert len(found) == len(set(found)) == 400
    assert 150 < sum(number < 503 for number in found) < 250, "drawn over the whole file"


def aligned(folder: Path, name: str, lines: list[bytes]) -> tuple[Location, Location]:
    sides = [line.split(b"\t") for line in lines]
    return (
        write_lines(folder / f"{name}.en", (side[0] for side in sides)),
        write_lines(folder / f"{name}.de", (side[1] for side in sides)),
    )


def test_given_splits_and_leaks(tmp_path: Path) -> None:
    train = aligned(tmp_path, "train", pair_lines(300))
    more = aligned(tmp_path, "more", [b"The  dog&#33;\tx", b"The dog?\ty", b"the dog!\tz"])
    valid = aligned(tmp_path, "valid", [b"The\xc2\xa0dog!\tx", b"other\ty"])
    test = aligned(tmp_path, "test", [b"\ty", b"fresh\ty"])
    arguments: dict[str, Any] = {
        "sources": (train[0], more[0]),
        "targets": (train[1], more[1]),
        "valid": valid,
        "test": test,
    }
    cased = make(tmp_path / "cased", {}, **arguments)
    assert cased.info.counts == {
        "input": 307, "train": 302, "valid": 2, "test": 1, "rejected": 2,
    }  # fmt: skip
    assert cased.info.languages == {"source": "en", "target": "de"}
    leak, empty = rows(cased, "rejected")
    assert (leak["id"], leak["line"], leak["reason"]) == (300, 1, "leak")
    assert (empty["id"], empty["line"], empty["reason"]) == (305, 1, "empty_source")
    assert [row["id"] for row in rows(cased, "valid")] == [303, 304]
    assert [entry.first_id for entry in cased.info.inputs] == [0, 300, 303, 305]
    # What the model sees decides: here lower-case words without punctuation.
    words = make(tmp_path / "words", {"tokenizer": "word", "min_frequency": 1}, **arguments)
    assert words.info.drops == {"empty_source": 1, "leak": 3}


def test_a_given_split_leaves_the_other_fraction_to_be_asked_for(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(500))
    valid = aligned(tmp_path, "valid", pair_lines(20, seed=9))
    plain = make(tmp_path / "plain", {}, pairs=pairs, valid=valid)
    assert plain.info.counts["test"] == 0
    assert plain.info.counts["valid"] == 20
    asked = make(tmp_path / "asked", {"test_fraction": 0.2}, pairs=pairs, valid=valid)
    assert asked.info.counts["test"] > 30


def test_joint_vocabulary_and_lower_case(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(300))
    dataset = make(tmp_path / "o", {"joint_vocabulary": True, "lowercase": True}, pairs=pairs)
    assert dataset.source_vocabulary.sha256 == dataset.target_vocabulary.sha256
    assert all(row["source"].islower() for row in rows(dataset, "train"))


def test_a_finished_dataset_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(200))
    first = make(tmp_path / "o", pairs=pairs)
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("made again"))
    assert make(tmp_path / "o", pairs=pairs).hash == first.hash
    with pytest.raises(UnusableInput, match="seed: 1 → 2"):
        make(tmp_path / "o", {"seed": 2}, pairs=pairs)
    write_lines(tmp_path / "c.tsv", pair_lines(201))
    with pytest.raises(UnusableInput, match="sha256"):
        make(tmp_path / "o", pairs=pairs)
    assert Dataset.open(Location(tmp_path / "o")).hash == first.hash


@pytest.mark.parametrize("stage", ["clean_unit", "learn_vocabulary", "encode_unit"])
def test_an_interrupted_preparation_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(400))
    settings = {"shard_rows": 100}
    clean_run = make(tmp_path / "whole", settings, pairs=pairs)
    calls = []

    def interrupted(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    original = getattr(module, stage)
    monkeypatch.setattr(module, stage, interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "o", settings, pairs=pairs)
    monkeypatch.undo()
    with pytest.raises(UnusableInput, match="did not end"):
        Dataset.open(Location(tmp_path / "o"))
    with pytest.raises(UnusableInput, match="unfinished"):
        make(tmp_path / "o", {**settings, "seed": 5}, pairs=pairs)
    assert make(tmp_path / "o", settings, pairs=pairs).info == clean_run.info
    names = [
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        for folder in (tmp_path / "o", tmp_path / "whole")
    ]
    assert names[0] == names[1]
    assert not any("_" in name for name in names[0])


def unusable(folder: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    pairs = write_lines(folder / "c.tsv", pair_lines(200))
    three, two = write_lines(folder / "3", [b"a"] * 3), write_lines(folder / "2", [b"b"] * 2)
    hopeless = write_lines(folder / "bad.tsv", [b"a\t", b"\tb", b"x"])
    broken = Location(folder / "missing")
    yield "exactly one of", {}, {}
    yield "exactly one of", {}, {"pairs": pairs, "demo": 5}
    yield "1 --source but 0 --target", {}, {"sources": (two,)}
    yield "no such file", {}, {"pairs": broken}
    yield "no such file", {}, {"pairs": pairs, "valid": (two, broken)}
    yield "3 has 3 lines but", {}, {"sources": (three,), "targets": (two,)}
    yield "3 has 3 lines but", {}, {"pairs": pairs, "test": (three, two)}
    yield "missing_column 1", {}, {"pairs": hopeless}
    yield "too small for the corpus's characters", {"vocab_size": 9}, {"pairs": pairs}
    yield "too_long", {"max_length": 1}, {"pairs": pairs}
    yield "at least 1", {}, {"demo": 0}
    yield "exclude each other", {"sample": 5}, {"demo": 9}
    yield "exclude each other", {"valid_fraction": 0.1}, {"pairs": pairs, "valid": (two, two)}
    yield "nothing for training", {"valid_fraction": 0.5, "test_fraction": 0.5}, {"pairs": pairs}
    yield "spm only", {"tokenizer": "word", "joint_vocabulary": True}, {"pairs": pairs}
    yield "data.byte_fallback", {"byte_fallback": True}, {"pairs": pairs}  # 200 entries
    yield "spm only", {"tokenizer": "word", "symbols": ["<b>"]}, {"pairs": pairs}
    for symbol in ("", "a b", "▁x", "[UNK]", "<0x41>", "a\0b"):
        yield "cannot be a symbol", {"symbols": ["<b>", symbol]}, {"pairs": pairs}
    yield "stands there twice", {"symbols": ["<b>", "<i>", "<b>"]}, {"pairs": pairs}
    yield "makes '&' of it", {"symbols": ["&amp;"]}, {"pairs": pairs}
    yield "makes '<b>' of it", {"symbols": ["<B>"], "lowercase": True}, {"pairs": pairs}


def test_unusable_input_writes_nothing(tmp_path: Path) -> None:
    for message, settings, request in unusable(tmp_path):
        with pytest.raises(UnusableInput) as caught:
            make(tmp_path / "new" / "out", settings, **request)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "new" / "out").exists(), message


def test_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(50))
    with pytest.raises(UnusableInput, match="not empty and no dataset"):
        make(tmp_path, pairs=pairs)
    with pytest.raises(UnusableInput, match="must name a folder"):
        make(tmp_path / "c.tsv", pairs=pairs)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UnusableInput):
        make(empty, {"max_length": 1}, pairs=pairs)
    assert list(empty.iterdir()) == []
    assert make(empty, pairs=pairs).info.counts["input"] == 50


@pytest.mark.parametrize("name", ["_preparing.json", "dataset.json"])
@pytest.mark.parametrize("text", ["[]", "5", '"x"', "null", "{}", '{"settings": []}'])
def test_a_damaged_request_is_one_line(text: str, name: str, tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(50))
    folder = tmp_path / "data"
    folder.mkdir()
    if name == "dataset.json":
        text = f'{{"format_version": 2, "request": {text}}}'
    (folder / name).write_text(text)
    with pytest.raises(UnusableInput, match=rf"{name}: damaged \(.*\); restore it"):
        make(folder, pairs=pairs)
    assert [file.name for file in folder.iterdir()] == [name]


def test_line_shift_characters_do_not_shift(tmp_path: Path) -> None:
    odd = ["a\u2028b", "c\x85d", "e\x0bf", "g\x0ch", "i\x1cj", "k"]
    source = write_lines(tmp_path / "s", (text.encode() for text in odd))
    target = write_lines(tmp_path / "t", (b"%d" % number for number in range(len(odd))))
    fractions = {"valid_fraction": 0, "test_fraction": 0}
    dataset = make(tmp_path / "o", fractions, sources=(source,), targets=(target,))
    found = [(row["source"], row["target"]) for row in rows(dataset, "train")]
    wanted = [(clean(text, DataSettings()), str(number)) for number, text in enumerate(odd)]
    assert found == wanted
    assert found[0] == ("a b", "0")


def test_nothing_secret_or_absolute_is_recorded(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(50))
    dataset = make(tmp_path / "o", pairs=pairs)
    assert str(tmp_path) not in json.dumps(dataset.info.to_json())


def test_the_grammars_alignment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def generate(seed: int, start: int, count: int) -> Iterator[SimpleNamespace]:
        for number in range(start, start + count):
            yield SimpleNamespace(
                source=f"the {seed} dog {number} .", target=f"Hund {number}", alignment="2-0 3-1"
            )

    stub = ModuleType("nmt.grammar")
    stub.generate = generate  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "nmt.grammar", stub)
    dataset = make(tmp_path / "o", {"shard_rows": 70, "seed": 3}, demo=200)
    found = [row for split in SPLITS for row in rows(dataset, split)]
    assert len(found) == 200
    assert {row["alignment"] for row in found} == {"2-0 3-1"}
    assert {row["source"].split()[1] for row in found} == {"3"}
    assert dataset.info.languages == {"source": "en", "target": "de"}
    assert len(dataset.files("train")) == 3


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
    assert dataset.info.languages == {"source": "und", "target": language}
    assert dataset.settings["target_language"] == language


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
    assert found.info.languages == {"source": "en", "target": "de"}
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
    assert tuple(dataset.info.languages.values()) == languages


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
        for row in (row for split in SPLITS for row in rows(dataset, split)):
            assert UNK not in row[f"{side}_ids"]
            assert vocabulary.decode(row[f"{side}_ids"]) == row[side].replace("▁", "_")
        text = "x<x1>y ไทย 👩🏽\u200d🚀"
        assert vocabulary.decode(vocabulary.encode(text).ids) == text
        assert "<x1>" in vocabulary.encode(text).tokens


def test_new_datasets_have_bytes_by_default() -> None:
    settings = DataSettings()
    assert settings.byte_fallback
    assert settings.character_coverage is None

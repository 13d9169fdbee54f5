"""Preparing a corpus: every row is accounted for, nothing leaks, the same comes out again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from corpora import aligned, make, pair_lines, rows, write_lines

from nmt.corpus.cleaning import clean
from nmt.settings import DataSettings
from nmt.shards import Dataset
from nmt.storage.location import Location

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


def test_a_rejected_pair_names_its_file_and_line(tmp_path: Path) -> None:
    for day in ("1", "2"):
        (tmp_path / f"day={day}").mkdir()
        for name in "ab":
            lines = [*pair_lines(40, seed=int(day)), f"{day} {name}".encode()]
            write_lines(tmp_path / f"day={day}" / f"{name}.tsv", lines)
    valid = aligned(tmp_path, "v", [*pair_lines(5), b"\tno source"])
    dataset = make(tmp_path / "o", pairs=Location(tmp_path / "day=*/*.tsv"), valid=valid)
    said = {row["source"] or "": (row["file"], row["line"]) for row in rows(dataset, "rejected")}
    places = {f"{day} {name}": (f"day={day}/{name}.tsv", 41) for day in "12" for name in "ab"}
    assert said.items() >= {**places, "": (f"{tmp_path.name}/v.en", 6)}.items()
    page = (dataset.location / "report/index.html").read_text()
    assert all(f">{file}</td>" in page for file, _ in places.values())


def test_every_row_is_in_one_place_once(prepared: Dataset) -> None:
    found = {name: rows(prepared, name) for name in (*SPLITS, "rejected")}
    ids = sorted(row["id"] for part in found.values() for row in part)
    assert ids == list(range(1007))
    assert all(found.values()), "each split has rows"
    for name, part in found.items():
        assert getattr(prepared.info.counts, name) == prepared.rows(name) == len(part)
    assert prepared.info.counts.input == 1007


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
    assert cased.info.counts.to_json() == {
        "input": 307, "train": 302, "valid": 2, "test": 1, "rejected": 2,
    }  # fmt: skip
    assert cased.info.languages.to_json() == {"source": "en", "target": "de"}
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
    assert plain.info.counts.test == 0
    assert plain.info.counts.valid == 20
    asked = make(tmp_path / "asked", {"test_fraction": 0.2}, pairs=pairs, valid=valid)
    assert asked.info.counts.test > 30


def test_joint_vocabulary_and_lower_case(tmp_path: Path) -> None:
    pairs = write_lines(tmp_path / "c.tsv", pair_lines(300))
    dataset = make(tmp_path / "o", {"joint_vocabulary": True, "lowercase": True}, pairs=pairs)
    assert dataset.source_vocabulary.sha256 == dataset.target_vocabulary.sha256
    assert all(row["source"].islower() for row in rows(dataset, "train"))


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
    assert dataset.info.languages.to_json() == {"source": "en", "target": "de"}
    assert len(dataset.files("train")) == 3

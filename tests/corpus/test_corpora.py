"""Several corpora of one dataset: each pair keeps the name of its own, and is told under it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from corpora import aligned, make, pair_lines, rows, write_lines

from nmt.corpus.corpora import read_corpora, thresholds_of
from nmt.errors import UnusableInput
from nmt.settings import FILTER_PRESETS, FilterSettings
from nmt.shards import Dataset
from nmt.storage.location import Location

SPLITS = ("train", "valid", "test")
SETTINGS: dict[str, Any] = {"valid_fraction": 0.1, "test_fraction": 0.1, "shard_rows": 70}


def corpora_file(folder: Path, content: str) -> Location:
    path = folder / "corpora.yaml"
    path.write_text(content)
    return Location(path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("corpora")
    write_lines(folder / "a.tsv", [*pair_lines(150, 1), b"alone"])
    write_lines(folder / "b.tsv", [*pair_lines(20, 1), *pair_lines(80, 2)])
    source, target = aligned(folder, "c", pair_lines(60, 3))
    file = corpora_file(
        folder,
        f"first: {{pairs: '{folder}/a.tsv', weight: 2, tag: talk}}\n"
        f"second:\n  pairs: ['{folder}/b.tsv']\n  thresholds: {{duplicates: true}}\n"
        f"third: {{source: '{source}', target: '{target}', domain: news}}\n",
    )
    held_out = aligned(folder, "v", pair_lines(10, 9))
    thresholds = FilterSettings(duplicates=True)
    settings = {"test_fraction": 0.1, "shard_rows": 70}
    request = {"corpora": file, "valid": held_out, "thresholds": thresholds}
    return make(folder / "out", settings, **request)


def test_every_pair_keeps_the_name_of_its_corpus(prepared: Dataset) -> None:
    names = {
        row["id"]: row["corpus"] for split in (*SPLITS, "rejected") for row in rows(prepared, split)
    }
    expected = ["first"] * 151 + ["second"] * 100 + ["third"] * 60 + [None] * 10
    assert [names[number] for number in sorted(names)] == expected


def test_counts_and_reasons_are_told_by_corpus(prepared: Dataset) -> None:
    info = prepared.info
    assert list(info.corpora) == ["first", "second", "third"]
    for name, corpus in info.corpora.items():
        for split in (*SPLITS, "rejected"):
            own = [row for row in rows(prepared, split) if row["corpus"] == name]
            assert getattr(corpus.counts, split) == len(own)
            if split == "rejected":
                assert corpus.drops == Counter(row["reason"] for row in own)
    assert info.corpora["second"].drops["duplicate"] >= 20 - info.counts.test
    assert info.corpora["first"].drops["missing_column"] == 1
    assert info.corpora["first"].weight == 2
    assert (info.corpora["first"].tag, info.corpora["third"].domain) == ("talk", "news")
    page = (prepared.location / "report" / "index.html").read_bytes().decode()
    assert all(f">{name}<" in page for name in info.corpora)


def test_the_record_says_which_thresholds_held(prepared: Dataset) -> None:
    stored = json.loads((prepared.location / "dataset.json").read_bytes())
    assert stored["corpora"]["first"]["thresholds"] == {"duplicates": True}
    assert stored["request"]["corpora"]["third"]["weight"] == 1


def test_equal_files_in_one_corpus_or_two_have_equal_pairs(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "one.tsv", pair_lines(100, 4))
    two = write_lines(tmp_path / "two.tsv", pair_lines(100, 5))
    together = corpora_file(tmp_path, f"all of it: {{pairs: ['{one}', '{two}']}}")
    first = make(tmp_path / "1", SETTINGS, corpora=together)
    apart = corpora_file(tmp_path, f"a: {{pairs: '{one}'}}\nb: {{pairs: '{two}'}}")
    second = make(tmp_path / "2", SETTINGS, corpora=apart)
    for split in SPLITS:
        assert [row["id"] for row in rows(first, split)] == [
            row["id"] for row in rows(second, split)
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a mapping"),
        ("- a", "expected a mapping"),
        ("a: c.tsv", "expected keys and values"),
        ("a: {}", "has no files"),
        ("a: {pair: c.tsv}", "key 'pair' is unknown; did you mean 'pairs'?"),
        ("a: {pairs: c.tsv, languages: en}", "key 'languages' is unknown; choose from domain, "),
        ("a: {pairs: c.tsv, weight: 0}", "'weight': must be above 0"),
        ("a: {pairs: c.tsv, weight: heavy}", "'weight'"),
        ('a: {pairs: c.tsv, domain: "\\e[31m"}', "'domain': write a text that can be printed"),
        ('a: {pairs: c.tsv, domain: "a\\u202e"}', "'domain': write a text that can be printed"),
        ("a: {pairs: c.tsv, filters: strict}", "'filters'"),
        ("a: {pairs: c.tsv, thresholds: {lettres: 1}}", "did you mean 'letters'?"),
        ("a: {pairs: c.tsv, thresholds: {letters: 2}}", "must be 0 to 1, not 2"),
        ("a: {pairs: c.tsv, thresholds: 3}", "expected keys and values"),
        ("a: {source: c.tsv}", "1 source but 0 target files"),
        ('"a\\u0007": {pairs: c.tsv}', "cannot name a corpus"),
        ("'': {pairs: c.tsv}", "cannot name a corpus"),
        ("a: {pairs: c.tsv}\na: {pairs: d.tsv}", "stands in line 1 already"),
        ("a: {pairs: missing.tsv}", "no such file"),
    ],
)
def test_a_wrong_file_of_corpora_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UnusableInput) as caught:
        make(tmp_path / "out", corpora=corpora_file(tmp_path, content))
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_threshold_of_a_corpus_wins_over_the_common_one(tmp_path: Path) -> None:
    file = corpora_file(
        tmp_path,
        "a: {pairs: a.tsv, filters: basic, thresholds: {letters: 0.9}}\nb: {pairs: b.tsv}",
    )
    first, second = read_corpora(file, "web", FilterSettings(letters=0.8, words=7))
    assert first.thresholds == FILTER_PRESETS["basic"] | {"letters": 0.9, "words": 7}
    assert second.thresholds == FILTER_PRESETS["web"] | {"letters": 0.8, "words": 7}
    assert thresholds_of("none", FilterSettings()) == {}


def test_a_pattern_is_said_in_words_and_no_message_changes_its_case(tmp_path) -> None:
    file = Location(tmp_path / "c.yaml")
    for content, message in (
        ("{pairs: a, tag: 'a b'}", "'tag': write letters, digits, _ and -, at most 32"),
        ("{pairs: a, filters: WEB}", "should be 'none', 'basic' or 'web', not 'WEB'"),
    ):
        file.write_text(f"News: {content}\n")
        with pytest.raises(UnusableInput, match=message):
            read_corpora(file, "none", FilterSettings())


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_column_that_is_missing_is_told_by_the_corpus_and_its_key(
    ending: str, tmp_path: Path
) -> None:
    lines = {"csv": ["source,target", "a,b"], "jsonl": ['{"source": "a", "target": "b"}']}
    pairs = write_lines(tmp_path / f"c.{ending}", [line.encode() for line in lines[ending]])
    file = corpora_file(tmp_path, f"news: {{pairs: '{pairs}', source_column: english}}")
    with pytest.raises(UnusableInput, match="name one with source_column of corpus 'news'"):
        make(tmp_path / "o", corpora=file)

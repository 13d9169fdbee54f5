"""Filtering within a preparation: nothing is lost, and units and ranges change no decision."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import aligned, make, rows, write_lines

from nmt.alignment.words import stems
from nmt.corpus import filtering, leaks, repeated
from nmt.grammar import generate
from nmt.settings import FilterSettings
from nmt.shards import Dataset
from nmt.storage.location import Location
from nmt.tables.parquet import open_parquet

PAIRS = 250
SPLITS = ("train", "valid", "test")
SETTINGS: dict[str, Any] = {
    "filters": "web",
    "valid_fraction": 0.1,
    "test_fraction": 0.1,
    "vocab_size": 300,
    "source_language": "en",
    "target_language": "de",
}
DIRT = {
    "The train is late today, isn't it?\tThe train is late today, isn't it?": "copied",
    "The table is below.\t12 17 | 44 18 | 91 02 | 44": "few_letters",
    "broken only": "missing_column",
}


def grammar_lines() -> list[str]:
    """Different pairs of the built-in grammar."""
    return [f"{pair.source}\t{pair.target}" for pair in generate(3, 0, PAIRS)]


def dirty_lines() -> list[str]:
    """The same with dirt, a repeated pair and one that nearly repeats another."""
    lines = grammar_lines()
    repeated, near = lines[7], lines[8]
    for place, line in enumerate(DIRT):
        lines.insert(60 * place + 30, line)
    return [*lines, repeated, near + " !"]


def prepare(folder: Path, lines: list[str], settings: dict[str, Any], **request: Any) -> Dataset:
    folder.mkdir(exist_ok=True)
    file = write_lines(folder / "c.tsv", [line.encode() for line in lines])
    return make(folder / "out", SETTINGS | settings, pairs=file, **request)


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare(tmp_path_factory.mktemp("filtered"), dirty_lines(), {"shard_rows": 150})


def test_every_pair_is_in_one_place_once_with_its_reason(filtered: Dataset) -> None:
    lines = dirty_lines()
    parts = {name: rows(filtered, name) for name in (*SPLITS, "rejected")}
    assert sorted(row["id"] for part in parts.values() for row in part) == list(range(len(lines)))
    reasons = {row["id"]: row["reason"] for row in parts["rejected"]}
    for line, reason in DIRT.items():
        assert reasons[lines.index(line)] == reason
    assert reasons[len(lines) - 2] == "duplicate"
    assert reasons[len(lines) - 1] == "near_duplicate"
    assert len(reasons) < 0.1 * len(lines)
    assert filtered.info.drops == Counter(reasons.values())
    (corpus,) = filtered.info.corpora.values()
    assert corpus.drops == filtered.info.drops
    assert corpus.counts == filtered.info.counts


def test_nothing_is_left_of_what_a_filtered_preparation_staged(filtered: Dataset) -> None:
    assert not (filtered.location / "_staging").exists()


def test_every_score_is_kept(filtered: Dataset) -> None:
    tables = [
        open_parquet(file, file.open()).read().to_pylist()
        for file in (filtered.location.named(entry.name) for entry in filtered.info.files.scores)
    ]
    scores = {row["id"]: row for table in tables for row in table}
    cleaned = set(range(len(dirty_lines()))) - {dirty_lines().index("broken only")}
    assert set(scores) == cleaned
    assert set(scores[0]) == {"id", *filtering.SCORES} - {"cross_entropy"}
    assert scores[0]["alignment"] > 0
    (corpus,) = filtered.info.corpora.values()
    assert set(corpus.scores) == set(filtering.SCORES) - {"cross_entropy"}
    assert sum(corpus.scores["letters"].counts) == len(cleaned)
    assert corpus.scores["alignment"].threshold <= 0


def test_the_page_tells_every_reason_with_samples(filtered: Dataset) -> None:
    page = (filtered.location / "report" / "index.html").read_bytes().decode()
    for reason in filtered.info.drops:
        assert f"<code>{reason}</code>" in page
    assert "12 17 | 44 18 | 91 02 | 44" in page


def test_the_page_says_where_it_cuts_a_text(tmp_path: Path) -> None:
    lines = [*(f"A {n}\tB {n}" for n in range(80)), "x" * 1_234]
    dataset = prepare(tmp_path, lines, {"filters": "none", "vocab_size": 20})
    page = (dataset.location / "report/index.html").read_text()
    assert f">{'x' * 500}… (1,234 characters)</td>" in page


def test_the_page_shows_how_long_the_pairs_are_that_are_too_long(tmp_path: Path) -> None:
    lines = [*grammar_lines(), *(f"a {'b ' * 90}\tc {'d ' * n}" for n in (10, 300))]
    dataset = prepare(tmp_path, lines, {"filters": "none", "max_length": 60})
    assert dataset.info.drops == {"too_long": sum(dataset.info.too_long.values())}
    assert sum(dataset.info.too_long.values()) >= 2
    assert min(map(int, dataset.info.too_long)) > 60
    page = (dataset.location / "report/index.html").read_text()
    assert "Tokens of the longer side" in page
    pairs = dataset.info.counts.train + sum(dataset.info.too_long.values())
    assert f"<code>data.max_length</code> {pairs} pairs. Rejected above 60." in page


def test_neither_units_nor_ranges_change_a_decision(
    filtered: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeated, "_RANGE", 100)
    monkeypatch.setattr(filtering, "_AT_ONCE", 37)
    other = prepare(tmp_path, dirty_lines(), {"shard_rows": 10_000})
    assert rows(other, "rejected") == rows(filtered, "rejected")
    assert other.info.corpora == filtered.info.corpora


def test_without_filters_nothing_of_them_is_there(tmp_path: Path) -> None:
    dataset = prepare(tmp_path, dirty_lines(), {"filters": "none"})
    assert dataset.info.drops == {"missing_column": 1}
    assert not dataset.info.files.scores
    assert not (dataset.location / "scores").exists()
    assert "corpus" not in rows(dataset, "train")[0]
    assert not dataset.info.request.corpora


def test_a_single_threshold_wins_over_the_preset(tmp_path: Path) -> None:
    thresholds = FilterSettings(letters=0, duplicates=False, near_duplicates=False)
    dataset = prepare(tmp_path, dirty_lines(), {}, thresholds=thresholds)
    assert not {"few_letters", "duplicate", "near_duplicate"} & set(dataset.info.drops)
    (corpus,) = dataset.info.corpora.values()
    assert corpus.scores["letters"].threshold == 0


def test_one_filter_alone_needs_no_preset(tmp_path: Path) -> None:
    dataset = prepare(
        tmp_path, dirty_lines(), {"filters": "none"}, thresholds=FilterSettings(similarity=0.9)
    )
    assert dataset.info.drops == {"copied": 1, "missing_column": 1}
    (corpus,) = dataset.info.corpora.values()
    assert set(corpus.scores) == {"similarity"}


def test_words_are_counted_in_what_is_kept(tmp_path: Path) -> None:
    lines = [*grammar_lines(), "zzyzx zzyzx zzyzx quux.\tzzyzx zzyzx zzyzx quux."]
    settings = {"tokenizer": "word", "min_frequency": 1, "vocab_size": 5000}
    dataset = prepare(tmp_path, lines, settings | {"valid_fraction": 0, "test_fraction": 0})
    assert dataset.info.drops["copied"] == 1
    assert b"zzyzx" not in (dataset.location / "source.vocab.txt").read_bytes()


def test_a_source_that_nearly_repeats_a_held_out_one_is_a_leak(tmp_path: Path) -> None:
    lines = [line.encode() for line in grammar_lines()]
    held_out = [line.upper().replace(b".", b" !") for line in lines[:20]]
    plain = {"filters": "none", "valid_fraction": 0, "test_fraction": 0}
    for name, near_leak, least in (("on", True, 20), ("off", False, 0)):
        dataset = prepare(
            tmp_path / name,
            grammar_lines(),
            plain,
            valid=aligned(tmp_path, name, held_out),
            thresholds=FilterSettings(near_leak=near_leak),
        )
        assert dataset.info.drops.get("leak", 0) >= least
        assert bool(dataset.info.drops) == bool(least)
        assert dataset.info.counts.valid == 20, "given files are never filtered"


def test_leaks_are_found_in_one_reading_however_many_units_there_are(
    tmp_path: Path, monkeypatch
) -> None:
    reads: Counter[str] = Counter()
    real = leaks.read_arrays

    def counted(file: Location, *given) -> dict[str, np.ndarray]:
        reads[file.name] += 1
        return real(file, *given)

    monkeypatch.setattr(leaks, "read_arrays", counted)
    kinds, results = ("held", "sources", "leaks"), []
    lines = [line for line in grammar_lines()[:100] for line in (line, line.replace(".", " !"))]
    for size in (1000, 50):
        reads.clear()
        dataset = prepare(
            tmp_path / f"{size}",
            lines,
            {"filters": "none", "valid_fraction": 0.2, "shard_rows": size},
            thresholds=FilterSettings(near_leak=True),
        )
        units = -(-len(lines) // size)
        assert reads == {f"{kind}-{n:05d}": 1 for kind in kinds for n in range(units)}
        results.append((dataset.info.counts, dataset.info.drops))
    assert results[0] == results[1]
    assert results[0][1]["leak"] > 10


def test_what_was_prepared_with_other_filters_is_refused(tmp_path: Path) -> None:
    from nmt.errors import UnusableInput

    lines = grammar_lines()
    dataset = prepare(tmp_path, lines, {"filters": "basic"})
    assert prepare(tmp_path, lines, {"filters": "basic"}).info == dataset.info
    with pytest.raises(UnusableInput, match="made with other settings"):
        prepare(tmp_path, lines, {"filters": "basic"}, thresholds=FilterSettings(letters=0.9))


def test_the_aligner_learns_from_as_many_words_however_they_are_parted(
    tmp_path: Path, monkeypatch
) -> None:
    """At a comma, too, it begins another word."""
    monkeypatch.setattr(filtering, "CELLS", 20_000)
    lines = [line.replace(" ", ",") for line in grammar_lines()]
    dataset = prepare(
        tmp_path, lines, {"filters": "none"}, thresholds=FilterSettings(alignment=0.5)
    )
    assert dataset.info.aligner is not None
    sides = [[len(stems(text)) for text in line.split("\t")] for line in lines]
    least = min(source * target for source, target in sides)
    assert dataset.info.aligner.pairs * least <= 20_000
    assert dataset.info.aligner.step > 1

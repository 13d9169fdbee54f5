"""`--split-by`: all pairs of a document fall into one split."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import make, rows, write_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.splitting import document_key, split_of
from nmt.errors import UnusableInput
from nmt.shards import Dataset
from nmt.storage.location import Location

FRACTIONS = {"valid_fraction": 0.2, "test_fraction": 0.2}
Pair = tuple[str, str, str | None]


def pairs_of(documents: int, size: int) -> list[Pair]:
    """Pairs of several documents, whose sources come back in others; the last have no document."""
    names: list[str | None] = [*(f"page {n}" for n in range(documents)), None]
    return [
        (f"The cat {7 * place + n} sleeps.", f"Die Katze {n} von {place} schläft.", name)
        for place, name in enumerate(names)
        for n in range(size)
    ]


def write(path: Path, pairs: list[Pair]) -> Location:
    """A file of pairs in the format of its ending, the documents in the third column."""
    columns = ("source", "target", "page")
    if path.suffix == ".tsv":
        lines = ["\t".join(p for p in pair if p is not None).encode() for pair in pairs]
        return write_lines(path, lines)
    if path.suffix == ".parquet":
        table = pa.table(dict(zip(columns, map(list, zip(*pairs, strict=True)), strict=True)))
        pq.write_table(table.set_column(2, "page", table["page"].dictionary_encode()), path)
    elif path.suffix == ".csv":
        lines = [",".join(value or "" for value in pair).encode() for pair in pairs]
        write_lines(path, [",".join(columns).encode(), *lines])
    elif path.suffix == ".jsonl":
        dicts = (dict(zip(columns, pair, strict=True)) for pair in pairs)
        write_lines(path, [json.dumps(pair).encode() for pair in dicts])
    else:
        units = [
            (f"<prop type='page'>{page}</prop>" if page else "")
            + f"<tuv xml:lang='en'><seg>{source}</seg></tuv>"
            + f"<tuv xml:lang='de'><seg>{target}</seg></tuv>"
            for source, target, page in pairs
        ]
        body = "".join(f"<tu>{unit}</tu>" for unit in units)
        path.write_text(f"<tmx version='1.4'><header/><body>{body}</body></tmx>")
    return Location(path)


def splits(dataset: Dataset) -> dict[int, str]:
    """The split of each pair, by its id."""
    return {
        row["id"]: split for split in ("train", "valid", "test") for row in rows(dataset, split)
    }


@pytest.mark.parametrize(
    ("ending", "column"),
    [("tsv", "3"), ("csv", "page"), ("jsonl", "page"), ("parquet", "page"), ("tmx", "prop:page")],
)
def test_all_pairs_of_a_document_fall_into_one_split(
    ending: str, column: str, tmp_path: Path
) -> None:
    pairs = pairs_of(40, 8)
    languages = {"source_language": "en", "target_language": "de"}
    file = write(tmp_path / f"pairs.{ending}", pairs)
    dataset = make(tmp_path / "o", {**FRACTIONS, **languages}, pairs=file, split_by=column)
    places = defaultdict(set)
    chosen = splits(dataset)
    for number, split in chosen.items():
        places[pairs[number][2]].add(split)
    for page, own in places.items():
        assert page is None or own == {split_of(document_key(page.encode(), 1), 0.2, 0.2)}
    assert len(places[None]) > 1  # those without a document are split by their sources
    assert dataset.info.split_rule.startswith(f"by column {column}: ")
    # A source of valid or test is no source of train, though other documents have it, too.
    sources = {
        split: {row["source"] for row in rows(dataset, split)}
        for split in ("train", "valid", "test")
    }
    assert not sources["train"] & (sources["valid"] | sources["test"])
    assert dataset.info.drops["leak"] == len(pairs) - len(chosen) > 0


@settings(max_examples=20)
@given(
    st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=200, unique=True),
    st.integers(0, 9),
    st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)),
)
def test_the_split_of_a_document_depends_on_nothing_else(
    documents: list[bytes], seed: int, fractions: tuple[float, float]
) -> None:
    chosen = [split_of(document_key(one, seed), *fractions) for one in documents]
    assert chosen[::-1] == [
        split_of(document_key(one, seed), *fractions) for one in documents[::-1]
    ]
    for split, share in zip(("valid", "test"), fractions, strict=True):
        if not share:
            assert split not in chosen


def test_shares_are_near_those_asked_for() -> None:
    counts = Counter(split_of(document_key(b"%d" % n, 3), 0.1, 0.2) for n in range(5000))
    assert 420 < counts["valid"] < 580  # 500 ± 4 standard deviations
    assert 890 < counts["test"] < 1110


def test_numbers_and_outer_blanks_name_documents_too(tmp_path: Path) -> None:
    pairs = [
        (source, target, str(place % 30))
        for place, (source, target, _) in enumerate(pairs_of(30, 8))
    ]
    plain = make(tmp_path / "1", FRACTIONS, pairs=write(tmp_path / "a.csv", pairs), split_by="page")
    spaced = [(source, target, f" {page} ") for source, target, page in pairs]
    other = make(
        tmp_path / "2", FRACTIONS, pairs=write(tmp_path / "b.csv", spaced), split_by="page"
    )
    table = pa.table(
        dict(
            zip(
                ("source", "target"),
                map(list, zip(*(p[:2] for p in pairs), strict=True)),
                strict=True,
            )
        )
    )
    numbers = pa.array([int(page) for *_, page in pairs], pa.int16())
    pq.write_table(table.append_column("page", numbers), tmp_path / "c.parquet")
    typed = make(tmp_path / "3", FRACTIONS, pairs=Location(tmp_path / "c.parquet"), split_by="page")
    assert splits(plain) == splits(other) == splits(typed)


def test_each_corpus_may_have_a_column_of_its_own(tmp_path: Path) -> None:
    pairs = pairs_of(30, 8)
    write(tmp_path / "a.csv", pairs)
    write(tmp_path / "b.tsv", [(f"{s} Yes.", f"{t} Ja.", page) for s, t, page in pairs])
    file = tmp_path / "corpora.yaml"
    file.write_text(
        f"a: {{pairs: {tmp_path}/a.csv}}\nb: {{pairs: {tmp_path}/b.tsv, split_by: '3'}}\n"
    )
    dataset = make(tmp_path / "o", FRACTIONS, corpora=Location(file), split_by="page")
    chosen = splits(dataset)
    both = [(chosen.get(n), chosen.get(n + len(pairs))) for n, p in enumerate(pairs) if p[2]]
    assert all(one == other for one, other in both if one and other)
    assert dataset.info.split_rule.startswith("by column 3, page: ")


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        (
            "a.csv",
            {"split_by": "chapter"},
            r"no column 'chapter' \(there are source, target, page\)",
        ),
        ("a.parquet", {"split_by": "chapter"}, "name one with --split-by"),
        ("a.jsonl", {"split_by": "chapter"}, "name one with --split-by"),
        ("a.tmx", {"split_by": "page"}, "prop:page.*name one with --split-by"),
        ("a.tsv", {"split_by": "page"}, "no column 'page'; give --split-by its number"),
        ("a.tsv", {"split_by": "4"}, "no line has a column 4"),
        ("a.tsv", {"split_by": "2"}, "from 3 to 100"),
    ],
)
def test_a_column_that_is_not_there_is_one_line(
    name: str, request_: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = write(tmp_path / name, pairs_of(2, 4))
    languages = {"source_language": "en", "target_language": "de"}
    with pytest.raises(UnusableInput, match=message) as caught:
        make(tmp_path / "o", languages, pairs=file, **request_)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "o").exists()


def test_other_inputs_have_no_columns(tmp_path: Path) -> None:
    side = write_lines(tmp_path / "x", [b"a", b"b"])
    with pytest.raises(UnusableInput, match="--source and --target have no column 'page'"):
        make(tmp_path / "o", sources=(side,), targets=(side,), split_by="page")
    with pytest.raises(UnusableInput, match="--split-by and --demo"):
        make(tmp_path / "o", demo=10, split_by="page")
    pq.write_table(
        pa.table({"source": ["a"], "target": ["b"], "page": [[1]]}), tmp_path / "a.parquet"
    )
    with pytest.raises(UnusableInput, match="--split-by takes text, whole numbers"):
        make(tmp_path / "o", pairs=Location(tmp_path / "a.parquet"), split_by="page")


def test_a_line_whose_document_was_cut_off_is_rejected(tmp_path: Path) -> None:
    pairs = pairs_of(30, 8)
    lines = ["\t".join((s, t, "x", page or "none")).encode() for s, t, page in pairs]
    long = b"\t".join([b"A dog.", b"Ein Hund.", b"x" * 1_000_000, b"page 1"])
    dataset = make(
        tmp_path / "o", pairs=write_lines(tmp_path / "a.tsv", [long, *lines]), split_by="4"
    )
    assert (
        next(row for row in rows(dataset, "rejected") if row["id"] == 0)["source"]
        == "A dog.\tEin Hund.\t" + "x" * 983
    )


def test_documents_of_unlike_sizes_are_warned_of(tmp_path, capsys) -> None:
    """Of several seeds some have the long document in valid or test."""
    pairs = [*pairs_of(20, 3), *[(f"A dog {n}.", f"Ein Hund {n}.", "long") for n in range(200)]]
    file, said = write(tmp_path / "pairs.csv", pairs), {}
    split = {split_of(document_key(b"long", seed), 0.1, 0.1): seed for seed in range(60)}
    for place in ("train", "valid"):
        settings = {"valid_fraction": 0.1, "test_fraction": 0.1, "seed": split[place]}
        make(tmp_path / place, settings, pairs=file, split_by="page")
        said[place] = capsys.readouterr().err
    assert "lopsided: train has" in said["valid"]
    assert "; valid has" in said["valid"]
    assert "lopsided" not in said["train"]


def test_the_share_of_the_pairs_is_told_beside_that_of_the_values(tmp_path: Path, capsys) -> None:
    file = write(tmp_path / "pairs.csv", pairs_of(40, 8))
    dataset = make(tmp_path / "o", FRACTIONS, pairs=file, split_by="page")
    counts = dataset.info.counts
    share = counts.valid / (counts.train + counts.valid + counts.test)
    told = f"valid has {share:.1%} of the pairs for 20.0% of the values"
    log = " ".join(capsys.readouterr().err.split())
    assert told in log
    assert (log.count(" read: done in"), log.count(" read all files: done in")) == (0, 1)

"""`nmt evaluate`: alignments of a finished translation against gold ones."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from outputs import SEARCH, translate
from rounding import decimals

from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.alignment import Gold, LinkCounts, parse_pharaoh
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location

SOURCES = ["The dog sleeps.", "", "", "A cat.", "word " * 200, "The old dog sees."]
REFERENCES = ["Der Hund schläft.", "", "kaputt", "Eine Katze.", "zu lang", "Der alte Hund sieht."]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """A folder with the text in.txt, of which some lines are rejected, and ref.txt."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "in.txt").write_text("\n".join(SOURCES))
    (folder / "ref.txt").write_text("\n".join(REFERENCES))
    return folder


@pytest.fixture(scope="module")
def translated(saved_models, texts) -> Path:
    """A translation of it, with alignments."""
    translate(saved_models[0], texts / "in.txt", texts / "out", alignments=True)
    return texts / "out"


def alignment(output: Path, report: Path, references: Path, gold: Path) -> dict:
    """What the report says of alignments."""
    request = EvaluateRequest(
        *(Location(output), Location(report), (str(references),)), gold_alignments=str(gold)
    )
    return job.evaluate(request).to_json()["alignment"]


def test_alignments_are_compared_with_sure_and_possible_links(texts, translated, tmp_path) -> None:
    table = pq.read_table(translated / "alignments").to_pylist()
    actual = {row["id"]: parse_pharaoh(row["alignment"]) for row in table}
    expected = {0: Gold([(0, 0), (1, 1)], [(2, 2)]), 5: Gold([(0, 0)], [(3, 3), (1, 0)])}
    lines = [""] * 6
    for row, links in expected.items():
        lines[row] = " ".join([f"{s}-{t}" for s, t in links.sure])
        lines[row] += "".join(f" {s}?{t}" for s, t in links.possible)
    gold = tmp_path / "gold.txt"
    gold.write_text("\n".join(lines) + "\n")
    measured = alignment(translated, tmp_path / "r", texts / "ref.txt", gold)
    counts = LinkCounts()
    for row, links in expected.items():
        counts = counts.plus(LinkCounts.of(actual[row], links))
    assert measured["aer"] == pytest.approx(counts.error_rate, abs=decimals(6))
    assert measured["sentences"] == 2


def test_an_output_is_aligned_with_itself_without_error(translated, tmp_path) -> None:
    links = {
        row["id"]: row["alignment"] for row in pq.read_table(translated / "alignments").to_pylist()
    }
    own = {row["id"]: row for row in pq.read_table(translated / "translations").to_pylist()}
    perfect = [links.get(n) or "" for n in range(6)]
    gold, mine = tmp_path / "gold.txt", tmp_path / "mine.txt"
    gold.write_text("\n".join(perfect) + "\n")
    mine.write_text("\n".join(own[n]["translation"] if n in own else "x" for n in range(6)) + "\n")
    measured = alignment(translated, tmp_path / "r", mine, gold)
    assert measured["aer"] == measured["aer_same_words"] == 0
    assert measured["sentences"] == measured["sentences_same_words"] == sum(map(bool, perfect))


def test_split_sentences_are_left_out_of_aer(saved_models, texts, translated, tmp_path) -> None:
    """As they are in the translation job's own."""
    rows = pq.read_table(translated / "translations").to_pylist()
    tokens = {row["id"]: len(row["source_tokens"]) for row in rows}
    search = SEARCH.model_copy(update={"max_source_length": tokens[5] - 1, "too_long": "split"})
    assert tokens[3] < tokens[5]
    out = tmp_path / "out"
    translate(saved_models[0], texts / "in.txt", out, search=search, alignments=True)
    (actual,) = pq.read_table(out / "alignments").filter(pc.field("id") == 3).to_pylist()
    gold = tmp_path / "gold.txt"
    gold.write_text(" \n\n\n0-0\n\n0-0\n")
    measured = alignment(out, tmp_path / "r", texts / "ref.txt", gold)
    counts = LinkCounts.of(parse_pharaoh(actual["alignment"]), Gold([(0, 0)]))
    assert measured["sentences"] == 1
    assert measured["aer"] == pytest.approx(counts.error_rate, abs=decimals(6))
    gold.write_text("\n\n\n\n\n0-0\n")
    with pytest.raises(UnusableInput, match="no row that was translated whole"):
        alignment(out, tmp_path / "r", texts / "ref.txt", gold)

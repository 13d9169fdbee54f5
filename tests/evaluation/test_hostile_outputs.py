"""A stored output that claims more than its texts have room for costs little, and says so."""

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import parse_gold
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.settings import SearchSettings
from nmt.storage.location import Location

SOURCES = ["The dog sleeps.", "A cat.", "The old dog sees."]


@pytest.fixture
def aligned(saved_models, tmp_path: Path) -> Path:
    """A folder with a text, references, and a translation with alignments and gold ones."""
    columns = {"source": SOURCES, "target": SOURCES, "gold": ["0-0"] * 3}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "out", alignments=True)
    return tmp_path


def exchange(folder: Path, name: str, column: str, values: list[str]) -> None:
    """Give a finished output another column, and its manifest the hash of that."""
    file = Location(folder) / name
    table = pq.read_table(file.path)
    table = table.set_column(table.column_names.index(column), column, pa.array(values))
    pq.write_table(table, file.path)
    manifest = (Location(folder) / "manifest.json").read_json()
    size, digest = file.info().size, file.sha256()
    manifest["files"][name] = {"rows": len(table), "bytes": size, "sha256": digest}
    (Location(folder) / "manifest.json").write_json(manifest)


def error_rates(folder: Path) -> dict[str, int]:
    report = evaluate(
        EvaluateRequest(
            *(Location(folder / "out"), Location(folder / "r")),
            reference_column="target",
            alignment_column="gold",
        )
    )
    return report.to_json()["alignment"]


@pytest.mark.parametrize(
    ("side", "links"),
    [("alignment", "0-0 "), ("alignment", "9-0 "), ("gold", "0-0 "), ("gold", "x ")],
)
def test_a_cell_of_links_costs_what_its_words_allow(aligned, capsys, side, links) -> None:
    part = f"{'alignments' if side == 'alignment' else 'translations'}/part-00000.parquet"
    peaks = []
    sizes = 160_000, 2_400_000  # characters; what else is in memory is far less than their copies
    for size in sizes:
        exchange(aligned / "out", part, side, ["0-0", links * (size // len(links)), "0-0"])
        gc.collect()
        tracemalloc.start()
        told = error_rates(aligned)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (told["malformed"], told["sentences"]) == (1, 2)
        (line,) = [one for one in capsys.readouterr().err.splitlines() if "left out" in one]
        assert f"{aligned / 'out'}: row 2: " in line
        assert len(line) < 500
    print(links, peaks)
    # Copies of the cell, and no list of its links.
    assert peaks[1] - peaks[0] < 5 * (sizes[1] - sizes[0])


def test_links_of_any_form_may_be_as_many_as_words_allow() -> None:
    every = [f"{s}{kind}{t}" for s in range(30) for t in range(20) for kind in "-?"]
    sure, possible = parse_gold(" ".join(every), (30, 20))
    assert len(sure) == len(possible) == 600
    for text, message in (
        ("0-0 " * 201, "more than 100 links per word of texts of 1 and 1 words"),
        ("0-0 0?1", r"the link 0\?1 is to a word that there is not: the texts have 1 and 1 words"),
        ("1-0", "is to a word that there is not"),
    ):
        with pytest.raises(UnusableInput, match=message):
            parse_gold(text, (1, 1))
    assert len(parse_gold("0-0 " * 200, (1, 1)).sure) == 200


@pytest.mark.system
def test_what_is_translated_can_be_evaluated(saved_models, tmp_path) -> None:
    """However few characters a source may have, and however many tokens its translation."""
    (tmp_path / "in.txt").write_text("A dog.\n")
    (tmp_path / "ref.txt").write_text("Hund.\n")
    search = SearchSettings(max_characters=6, min_length=300, max_length_extra=400)
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out", search=search)
    (row,) = pq.read_table(tmp_path / "out/translations").to_pylist()
    assert len(row["translation"]) > 20 * search.max_characters
    references = (str(tmp_path / "ref.txt"),)
    report = evaluate(
        EvaluateRequest(Location(tmp_path / "out"), Location(tmp_path / "r"), references)
    )
    assert report.scored_sentences == 1


def test_a_page_shows_the_beginning_of_long_texts(saved_models, tmp_path) -> None:
    long = "The dog sleeps. " * 1000
    for name in ("in.txt", "ref.txt"):
        (tmp_path / name).write_text(f"{long}\nA cat.\n")
    references = (str(tmp_path / "ref.txt"),)
    search = SearchSettings(max_length_ratio=0.1, max_length_extra=4, max_split_length=100_000)
    report = translate(
        *(saved_models[0], tmp_path / "in.txt", tmp_path / "out"),
        references=references,
        search=search,
    ).report.to_json()
    assert report["counts"]["translated"] == 2
    (shown,) = (sample for sample in report["samples"] if sample["id"] == 0)
    assert shown["source"] == shown["reference"] == f"{long[:5000]} …"
    again = evaluate(
        EvaluateRequest(Location(tmp_path / "out"), Location(tmp_path / "r"), references)
    ).to_json()
    assert again["samples"] == report["samples"]
    for page in ("out/report/index.html", "r/index.html"):
        assert (tmp_path / page).read_text().count("The dog sleeps.") < 2000


@pytest.mark.parametrize("column", ["score", "coverage"])
@pytest.mark.parametrize("value", [np.inf, np.nan, -1e308])
def test_a_measure_that_is_no_number_is_damage(aligned, column, value) -> None:
    exchange(aligned / "out", "translations/part-00000.parquet", column, [value, -1.0, 0.5])
    with pytest.raises(UnusableInput, match=f"column '{column}' holds 1 values that are no number"):
        error_rates(aligned)

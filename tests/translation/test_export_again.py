"""An export is an input again: to translate, to score, and to prepare a dataset from."""

import json
import shutil
from pathlib import Path

import pytest
from input_corpora import look, read
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.corpus.corpora import Corpus
from nmt.corpus.readers import list_pairs, open_pairs
from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit

SOURCES = ["The dog sleeps.", "x " * 200, "", 'A cat, "old".', "The old\u2028dog.", "A dog."]
REJECTED = 1
FORMATS = ["parquet", "jsonl", "csv", "text"]
OPTIONS = {"max_rejected": 1.0, "heatmaps": 0}


@pytest.fixture(scope="module")
def outputs(saved_models, tmp_path_factory) -> Path:
    """A corpus with a column, translated once for each format."""
    folder = tmp_path_factory.mktemp("exports")
    rows = [{"source": text, "n": number, "d": "a"} for number, text in enumerate(SOURCES)]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for name in FORMATS:
        options = {"output_format": name, **OPTIONS}
        options |= {"partition_by": "d"} if name == "parquet" else {}
        translate(saved_models[0], folder / "in.jsonl", folder / name, **options)
    references = "".join(f"Der Hund {n} schläft.\n" for n in range(len(SOURCES)))
    (folder / "r.txt").write_text(references)
    return folder


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv"])
def test_its_sources_are_translated_as_those_of_the_output(
    saved_models, outputs, tmp_path, name
) -> None:
    """Wherever it lies now; rejected rows are there, too."""
    copy = tmp_path / "copy"
    shutil.copytree(outputs / name / "export", copy)
    for place in (outputs / name / "export", copy):
        corpus = look(place)
        assert [text.decode() for _, text in read(corpus)] == SOURCES
        assert corpus.columns.names == ["n", "d"]
    again = {"output_format": "jsonl", **OPTIONS}
    translate(saved_models[0], copy, tmp_path / "again", **again)
    first, second = (
        [json.loads(line) for line in (out / "export/part-00000.jsonl").read_text().splitlines()]
        for out in (outputs / "jsonl", tmp_path / "again")
    )
    own = {"id", "n", "d"}
    assert [{k: v for k, v in row.items() if k not in own} for row in first] == [
        {k: v for k, v in row.items() if k not in own} for row in second
    ]
    assert [str(row["id"]) for row in first] == [str(row["id"]) for row in second]


def test_its_translations_are_texts_if_they_are_asked_for(outputs) -> None:
    corpus = inspect(str(outputs / "jsonl/export"), "translation")
    rows = (outputs / "jsonl/export/part-00000.jsonl").read_text().splitlines()
    expected = [json.loads(row)["translation"] for row in rows]
    (unit,) = corpus.units()
    texts = read_unit(unit, "translation", corpus.id_column).texts
    assert [text if text is None else text.decode() for text in texts] == expected
    assert corpus.columns.names == ["n", "d"]


def test_lines_of_translations_are_an_input(outputs) -> None:
    assert len(read(look(outputs / "text/export"))) == len(SOURCES)


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_scored_as_its_output(outputs, tmp_path, name) -> None:
    """Of lines a rejected row is an empty translation: nothing tells them apart."""
    counts, scores = [], []
    for candidate in (outputs / name, outputs / name / "export"):
        request = EvaluateRequest(
            *(Location(candidate), Location(tmp_path / candidate.name)),
            (str(outputs / "r.txt"),),
            tokenize="13a",
        )
        report = job.evaluate(request).to_json()
        counts.append((report["counts"]["translated"], report["counts"]["rows"]))
        scores.append([score for score in report["scores"] if score.get("text") in ("", "raw")])
    if name == "text":
        assert counts[1] == (len(SOURCES), len(SOURCES))
    else:
        assert counts[0] == counts[1] == (len(SOURCES) - 1, len(SOURCES))
        assert scores[0] == scores[1]


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_a_file_of_pairs(outputs, name) -> None:
    """Of columns; a rejected row has no target, and lines have none at all."""
    files = list_pairs(Location(outputs / name / "export"))
    corpus = Corpus(pairs=tuple(files), columns=("source", "translation"))
    if name == "text":
        with pytest.raises(UnusableInput, match="lines of text have no columns with names"):
            corpus.open(1000, (None, None))
        with pytest.raises(UnusableInput, match="no line holds a tab"):
            open_pairs(files[0]).inspect()
        return
    (reader,) = corpus.open(1000, (None, None))
    assert reader.inspect().rows == len(SOURCES)
    rows = [*reader.rows()]
    assert [row.source.decode() for row in rows] == SOURCES
    assert [not row.target for row in rows][REJECTED]
    assert sum(bool(row.target) for row in rows) >= 1

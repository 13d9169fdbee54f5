"""An evaluation says of a finished output what can be worked out from its rows."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import SEARCH, translate
from rounding import decimals

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.cli import jobs
from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.request import EvaluateRequest
from nmt.evaluation.scores import Scorer
from nmt.storage.location import Location
from nmt.vocabulary.words import build_words

SOURCES = [b"The dog sleeps.", b"", b"\xffbroken", b"A cat.", b"word " * 200, b"The old dog sees."]
REFERENCES = ["Der Hund schläft.", "", "kaputt", "Eine Katze.", "zu lang", "Der alte Hund sieht."]


@pytest.fixture(scope="module")
def outputs(saved_models, tmp_path_factory) -> Path:
    """A folder with the text in.txt, ref.txt, other.txt, and a translation a model: one, two."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "in.txt").write_bytes(b"\n".join(SOURCES))
    (folder / "ref.txt").write_text("\n".join(REFERENCES))
    (folder / "other.txt").write_text("\n".join(text.upper() for text in REFERENCES))
    for model, name in zip(saved_models, ("one", "two"), strict=True):
        translate(model, folder / "in.txt", folder / name, alignments=True, heatmaps=2)
    return folder


@pytest.fixture(scope="module")
def word_model(tiny_model, tmp_path_factory) -> Path:
    """A MODEL of lower-cased words, whose corpus was cleaned."""
    source, target = (
        build_words(dict.fromkeys(words.split(), 5), vocab_size=99, min_frequency=1)
        for words in ("the dog sleeps a cat sees", "der hund schläft eine katze sieht")
    )
    folder = tmp_path_factory.mktemp("words") / "model"
    info = {
        "data": {"tokenizer": "word", "lowercase": False},
        "direction": {"source": "en", "target": "de"},
        "validation": {},
    }
    bundle.save(tiny_model(source.size, target.size), source, target, info, Location(folder))
    return folder


def evaluate(request: EvaluateRequest) -> dict:
    """The report as it is stored."""
    return job.evaluate(request).to_json()


def rows(output: Path) -> list[dict]:
    return pq.read_table(output / "translations").to_pylist()


def request(outputs: Path, output: Path, **options) -> EvaluateRequest:
    options.setdefault("references", (str(outputs / "ref.txt"),))
    return EvaluateRequest(Location(outputs / "one"), Location(output), **options)


def test_scores_are_those_of_the_rows_and_their_lines(outputs, tmp_path) -> None:
    files = tuple(str(outputs / name) for name in ("ref.txt", "other.txt"))
    report = evaluate(request(outputs, tmp_path / "r", references=files, lowercase=True))
    actual = rows(outputs / "one")
    assert [row["id"] for row in actual] == [0, 1, 3, 5]
    scorer = Scorer(lowercase=True)
    for row in actual:
        text = REFERENCES[row["id"]]
        scorer.add([(row["translation"], [text, text.upper()])])
    assert report["scores"] == [score.to_json() for score in scorer.scores()]
    assert "nrefs:2" in report["scores"][0]["signature"]
    assert report["counts"]["rows"] == 6
    assert report["counts"]["rejected"] == 2
    assert report["rates"]["brevity_penalty"] == scorer.brevity()["brevity_penalty"]
    assert sum(entry["sentences"] for entry in report["by_length"]) == 4
    assert json.loads((tmp_path / "r/report.json").read_text()) == report
    assert (tmp_path / "r/lengths.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "r/index.html").read_text()
    assert "Evaluation report" in page
    assert page.count("<img") == 1  # the heatmap of row 0; row 1 is empty


def test_a_blank_line_of_further_references_is_none(outputs, tmp_path) -> None:
    """It would be the best reference of an empty translation, and the shortest of any other."""
    lines = ["", "", "", "  ", "", REFERENCES[5].upper()]
    (tmp_path / "more.txt").write_text("\n".join(lines) + "\n")
    files = tuple(map(str, (outputs / "ref.txt", tmp_path / "more.txt")))
    report = evaluate(request(outputs, tmp_path / "r", references=files))
    actual = {row["id"]: row["translation"] for row in rows(outputs / "one")}
    references = {0: [REFERENCES[0]], 1: [""], 3: [REFERENCES[3]], 5: [REFERENCES[5], lines[5]]}
    assert list(actual) == list(references)
    scorer = Scorer()
    scorer.add(list(zip(actual.values(), references.values(), strict=True)))
    assert [s["score"] for s in report["scores"]] == [s.score for s in scorer.scores()]
    assert "nrefs:var" in report["scores"][0]["signature"]
    # Whichever file it is in: the row has the other's.
    swapped = evaluate(request(outputs, tmp_path / "r", references=files[::-1]))
    assert swapped["scores"] == report["scores"]
    assert [s["reference"] for s in swapped["samples"]][:3] == [REFERENCES[0], "", REFERENCES[3]]


@pytest.mark.parametrize("tokenizer", ["spm", "word"])
def test_an_evaluation_says_what_the_translation_job_said(
    saved_models, word_model, outputs, tmp_path, tokenizer
) -> None:
    references = (str(outputs / "ref.txt"),)
    out, model = tmp_path / "out", word_model if tokenizer == "word" else saved_models[0]
    told = translate(
        model, outputs / "in.txt", out, references=references, heatmap_pages=True
    ).report.to_json()
    report = evaluate(EvaluateRequest(Location(out), Location(tmp_path / "r"), references))
    for key in ("scores", "rates", "counts", "by_length", "samples", "suspicious"):
        assert report[key] == told[key], key
    assert report["suspicious"]
    assert (out / "report/lengths.png").is_file()
    assert (out / "report/heatmaps.pdf").read_bytes().startswith(b"%PDF")
    forms = [score["text"] for score in report["scores"]]
    assert forms == ["standardised"] * 4 * (tokenizer == "word") + ["raw"] * 4


@pytest.mark.parametrize("tokenizer", ["spm", "word"])
def test_a_comparison_is_in_the_form_of_the_candidate(
    saved_models, word_model, outputs, tmp_path, tokenizer
) -> None:
    """Whatever the baseline's words are, as in the translation job's own report."""
    models = [word_model, saved_models[1]] if tokenizer == "word" else [saved_models[0], word_model]
    references, before, out = (str(outputs / "ref.txt"),), tmp_path / "before", tmp_path / "out"
    translate(models[1], outputs / "in.txt", before)
    options = {"references": references, "baseline": Location(before)}
    told = translate(models[0], outputs / "in.txt", out, **options).report.to_json()
    report = evaluate(EvaluateRequest(Location(out), Location(tmp_path / "r"), **options))
    assert told["comparison"]["metrics"] == report["comparison"]["metrics"]
    for key in ("by_length", "differences", "scores"):
        assert told[key] == report[key], key
    assert report["differences"]


def test_words_of_an_earlier_release_are_scored_raw_and_that_is_said(
    word_model, outputs, tmp_path, capsys
) -> None:
    references, out = (str(outputs / "ref.txt"),), tmp_path / "out"
    translate(word_model, outputs / "in.txt", out, references=references)
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["text"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    report = evaluate(EvaluateRequest(Location(out), Location(tmp_path / "r"), references))
    assert [score["text"] for score in report["scores"]] == ["raw"] * 4
    assert "its job scored standardised text" in capsys.readouterr().err


def test_a_baseline_is_compared_sentence_by_sentence(outputs, tmp_path) -> None:
    report = evaluate(request(outputs, tmp_path / "r", baseline=Location(outputs / "two")))
    own, other = ({row["id"]: row for row in rows(outputs / name)} for name in ("one", "two"))
    metrics = report["comparison"]["metrics"]
    assert report["comparison"]["sentences"] == 4
    for entry, score in zip(metrics, report["scores"], strict=True):
        assert entry["score"] == score["score"]
        assert entry["confidence"] == score["confidence"]
        assert 0 < entry["p"] <= 1
    assert report["differences"]
    sizes = [abs(entry["difference"]) for entry in report["differences"]]
    assert sizes == sorted(sizes, reverse=True)
    for entry in report["differences"]:
        assert entry["translation"] == own[entry["id"]]["translation"]
        assert entry["baseline"] == other[entry["id"]]["translation"]
        assert entry["reference"] == REFERENCES[entry["id"]]
    assert all("baseline" in entry for entry in report["by_length"])
    same = evaluate(request(outputs, tmp_path / "r", baseline=Location(outputs / "one")))
    assert [entry["p"] for entry in same["comparison"]["metrics"]] == [1, 1, 1, 1]
    assert same["differences"] == []


def test_lengths_are_compared_on_the_sentences_that_both_have(
    saved_models, outputs, tmp_path
) -> None:
    own = {row["id"]: row for row in rows(outputs / "one")}
    most = len(own[5]["source_tokens"]) - 1
    search = SEARCH.model_copy(update={"max_source_length": most})
    translate(saved_models[1], outputs / "in.txt", tmp_path / "out", search=search)
    other = {row["id"]: row for row in rows(tmp_path / "out")}
    both = sorted(set(own) & set(other))
    assert 1 < len(both) < len(own)
    report = evaluate(request(outputs, tmp_path / "r", baseline=Location(tmp_path / "out")))
    assert report["scored_sentences"] == len(own)
    (entry,) = report["by_length"]
    for name, actual in (("bleu", own), ("baseline", other)):
        scorer = Scorer()
        scorer.add([(actual[number]["translation"], [REFERENCES[number]]) for number in both])
        assert entry[name] == pytest.approx(scorer.score("BLEU"), abs=decimals(4)), name
    assert entry["sentences"] == report["comparison"]["sentences"] == len(both)


def test_rows_with_ids_of_their_own_find_their_lines(saved_models, outputs, tmp_path) -> None:
    texts = [None if text.startswith(b"\xff") else text.decode() for text in SOURCES]
    table = pa.table(
        {"id": list("fedcba"), "source": texts, "target": REFERENCES, "gold": [""] * 6}
    )
    pq.write_table(table, tmp_path / "in.parquet")
    translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "out")
    out, ref = Location(tmp_path / "out"), str(outputs / "ref.txt")
    by_line = evaluate(EvaluateRequest(out, Location(tmp_path / "r"), (ref,)))
    by_column = evaluate(EvaluateRequest(out, Location(tmp_path / "r"), reference_column="target"))
    assert by_line["scores"] == by_column["scores"]
    assert [s["reference"] for s in by_line["samples"]] == [REFERENCES[n] for n in (0, 1, 3, 5)]
    assert [s["id"] for s in by_line["samples"]] == list("feca")
    shutil.rmtree(tmp_path / "out/_units")
    with pytest.raises(UnusableInput, match="--reference-column"):
        evaluate(EvaluateRequest(out, Location(tmp_path / "r"), (ref,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"references": ()}, "give either --references"),
        ({"reference_column": "target"}, "leave --reference-column out"),
        ({"references": (), "reference_column": "target"}, "no column 'target'"),
        ({"tokenize": "14a"}, "did you mean '13a'"),
        ({"references": ("{tmp}/short.txt",)}, "1 lines but the input has 6"),
        ({"gold_alignments": "{tmp}/gold.txt"}, "gold.txt: line 2: '0:0' is no Pharaoh"),
        ({"baseline": "{tmp}/none"}, "no such file or folder; check --baseline"),
        ({"baseline": "{tmp}/begun"}, "not finished; run its `nmt translate` again"),
        ({"output": "{tmp}"}, "no evaluation; give another --output"),
        ({"output": "{tmp}/short.txt"}, "a file; give a folder"),
    ],
)
def test_what_cannot_be_used_is_named(outputs, tmp_path, options, message) -> None:
    (tmp_path / "short.txt").write_text("one\n")
    (tmp_path / "gold.txt").write_text("0-0\n0:0\n\n\n\n\n")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/_job.json").write_text("{}")
    filled = json.loads(json.dumps(options).replace("{tmp}", str(tmp_path)))
    if "baseline" in filled:
        filled["baseline"] = Location(filled["baseline"])
    if "references" in filled:
        filled["references"] = tuple(filled["references"])
    output = filled.pop("output", tmp_path / "r")
    with pytest.raises(UnusableInput, match=message) as caught:
        evaluate(request(outputs, output, **filled))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r").exists()


def test_a_baseline_of_another_input_is_refused(saved_models, outputs, tmp_path) -> None:
    (tmp_path / "in.txt").write_bytes(b"\n".join([*SOURCES[:3], b"Another cat.", *SOURCES[4:]]))
    translate(saved_models[1], tmp_path / "in.txt", tmp_path / "out", search=SEARCH)
    with pytest.raises(UnusableInput, match="id 3 is another sentence"):
        evaluate(request(outputs, tmp_path / "r", baseline=Location(tmp_path / "out")))
    (tmp_path / "short.txt").write_bytes(b"\n".join(SOURCES[:4]))
    translate(saved_models[1], tmp_path / "short.txt", tmp_path / "less")
    with pytest.raises(UnusableInput, match="translates 4 rows"):
        evaluate(request(outputs, tmp_path / "r", baseline=Location(tmp_path / "less")))


def test_an_evaluation_needs_neither_ray_nor_tensorflow(outputs, tmp_path) -> None:
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['jobs/evaluate.py', '--candidate', {str(outputs / 'one')!r}, '--references',"
        f" {str(outputs / 'ref.txt')!r}, '--output', {str(tmp_path / 'r')!r}]\n"
        "try:\n    runpy.run_path('jobs/evaluate.py', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "assert not {'ray', 'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert words == ["BLEU", "REPORT"]
    assert np.isfinite(float(done.stdout.split()[1]))


def test_another_search_is_named_beside_the_comparison(outputs, saved_models, tmp_path) -> None:
    search = SEARCH.model_copy(update={"beam_size": 2})
    translate(saved_models[0], outputs / "in.txt", tmp_path / "beam", search=search)
    beside = Location(tmp_path / "beam")
    compared = evaluate(request(outputs, tmp_path / "r", baseline=beside))["comparison"]
    assert compared["searches"] == (
        "the baseline was made with another search (baseline → this): search.beam_size 2 → 1"
    )
    assert "The baseline was made with another search" in (tmp_path / "r/index.html").read_text()
    same = evaluate(request(outputs, tmp_path / "s", baseline=Location(outputs / "two")))
    assert "searches" not in same["comparison"]


def test_the_report_of_another_candidate_is_not_replaced_silently(
    outputs, tmp_path, capsys
) -> None:
    other = replace(request(outputs, tmp_path / "r"), candidate=Location(outputs / "two"))
    evaluate(other)
    evaluate(other)
    assert "replaces" not in capsys.readouterr().err
    evaluate(request(outputs, tmp_path / "r"))
    line = f"{tmp_path / 'r'}: replaces the report of {other.candidate.shown}"
    assert line in capsys.readouterr().err


def test_the_command_says_which_scores_are_to_be_low(outputs, tmp_path, capsys) -> None:
    two = Location(outputs / "two")
    jobs.evaluate(request(outputs, tmp_path / "r", baseline=two))
    jobs.evaluate(replace(request(outputs, tmp_path / "r", baseline=Location(outputs / "one")),
                          candidate=two))  # fmt: skip
    lines = capsys.readouterr().err.splitlines()
    for name in ("TER", "BLEU"):
        own = [line for line in lines if f" {name} " in line]
        assert len(own) == 4
        assert all(line.endswith("(lower is better)") == (name == "TER") for line in own)
    differences = [line for line in lines if "against the baseline" in line]
    assert any("−" in line for line in differences)
    assert not any(" -" in line for line in differences)

"""What a report says beside the scores: the baseline, the groups, the verdict, the attention."""

import html
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import SEARCH, rewrite, translate
from rounding import decimals

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt import bundle
from nmt.errors import UnusableInput
from nmt.evaluation import tokenizers
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.settings import DriftSettings, GateSettings
from nmt.storage.location import Location
from nmt.translation.checks import check
from nmt.translation.input.corpus import inspect
from nmt.translation.request import TranslateRequest, identify

SOURCES = [
    *("The dog sleeps.", "A cat sees the old house.", None, "", "The old dog sees a small cat."),
    *("We play.", "The man reads a book in the garden.", "A dog.", "The cat sleeps in the house."),
]
TARGETS = [
    *("Der Hund schläft.", "Eine Katze sieht das alte Haus.", "null", "", "Der alte Hund sieht."),
    *("Wir spielen.", "Der Mann liest ein Buch im Garten.", None, "Die Katze schläft im Haus."),
]
DOMAINS = ["news", "news", "news", None, "law", "law", "news", "law", ""]
QUIET = DriftSettings(**dict.fromkeys(DriftSettings.model_fields))
# The models of these tests have learnt nothing: whatever they say is suspicious.
LENIENT = GateSettings(**dict.fromkeys(GateSettings.model_fields))


def write(path: Path, ids: list, sources: list = SOURCES) -> Path:
    columns = {"id": ids, "source": sources, "target": TARGETS, "domain": DOMAINS}
    pq.write_table(pa.table({**columns, "tags": [["x"]] * len(ids)}), path)
    return path


@pytest.fixture(scope="module")
def night(saved_models, tmp_path_factory) -> Path:
    """A folder with in.parquet and its translation by the second model, ``before``."""
    folder = tmp_path_factory.mktemp("night")
    write(folder / "in.parquet", list(range(9)))
    options = {"reference_column": "target", "max_rejected": 1}
    translate(saved_models[1], folder / "in.parquet", folder / "before", **options)
    return folder


def rows(output: Path) -> dict:
    return {row["id"]: row for row in pq.read_table(output / "translations").to_pylist()}


def test_the_same_output_is_no_change(saved_models, night, tmp_path) -> None:
    verdict = translate(
        saved_models[1], night / "in.parquet", tmp_path / "out", reference_column="target",
        baseline=Location(night / "before"), gate=True, gates=LENIENT, max_rejected=1,
    )  # fmt: skip
    found = verdict.report.to_json()["comparison"]
    assert (found["paired"], found["changed"], found["sentences"]) == (8, 0, 7)
    assert [entry["p"] for entry in found["metrics"]] == [1, 1, 1, 1]
    assert {entry["difference"] for entry in found["rates"].values()} == {0}
    assert verdict.report.to_json()["differences"] == verdict.report.to_json()["alarms"] == []
    assert (verdict.exit_status, verdict.reason) == (0, "done")
    told = "0.0 % of 8 common sentences changed; BLEU 0.00 (one-sided p 1.000)"
    assert told in "\n".join(verdict.summary())


@pytest.mark.parametrize("cache", [None, "s3://bucket/cache"])
def test_a_first_night_with_a_cache_counts_what_was_decoded(saved_models, tmp_path, cache) -> None:
    """Also where nothing was reused, and no sentence came twice."""
    (tmp_path / "in.txt").write_text("the dog sees a house\na woman sleeps\n")
    done = translate(saved_models[1], tmp_path / "in.txt", tmp_path / "out", heatmaps=0)
    settings = done.report.settings.model_copy(update={"cache": cache})
    done = replace(done, report=done.report.model_copy(update={"settings": settings}))
    rows = "rows      2 read, 2 translated, 0 rejected"
    assert done.summary()[0] == rows + ("; 2 decoded, 0 reused, 0 repeated" if cache else "")
    assert done.summary()[2].startswith("speed     per actor, decoding only: ")


def test_a_comparison_says_what_an_evaluation_says(saved_models, night, tmp_path) -> None:
    told = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", reference_column="target",
        baseline=Location(night / "before"), drift=QUIET, max_rejected=1,
    ).report.to_json()  # fmt: skip
    out, before = Location(tmp_path / "out"), Location(night / "before")
    report = evaluate(
        EvaluateRequest(out, Location(tmp_path / "r"), reference_column="target", baseline=before)
    ).to_json()
    assert told["comparison"]["metrics"] == report["comparison"]["metrics"]
    for key in ("differences", "by_length", "samples", "scores", "rates"):
        assert told[key] == report[key], key
    assert told["differences"]
    page = (tmp_path / "out/report/index.html").read_text()
    assert "Where the two differ most" in page


def test_without_references_what_changed_is_counted(saved_models, night, tmp_path) -> None:
    verdict = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out",
        baseline=Location(night / "before"), drift=QUIET, max_rejected=1,
    )  # fmt: skip
    own, other = rows(tmp_path / "out"), rows(night / "before")
    changed = [n for n in own if own[n]["translation"] != other[n]["translation"]]
    assert changed
    found = verdict.report.to_json()["comparison"]
    assert found["changed"] == pytest.approx(len(changed) / len(own), abs=decimals(6))
    assert (found["metrics"], found["sentences"]) == ([], 0)
    listed = verdict.report.to_json()["differences"]
    assert sorted(entry["id"] for entry in listed) == changed
    assert [e["similarity"] for e in listed] == sorted(e["similarity"] for e in listed)
    for entry in listed:
        assert entry["baseline"] == other[entry["id"]]["translation"]
    before = json.loads((night / "before/report/report.json").read_text())
    for name, entry in found["rates"].items():
        assert entry["value"] == verdict.report.to_json()["rates"][name]
        assert entry["baseline"] == before["rates"][name]
    assert set(found["throughput"]) == {"sentences_per_second", "target_tokens_per_second"}


def test_only_the_same_ids_with_the_same_sources_are_pairs(saved_models, night, tmp_path) -> None:
    sources = [*SOURCES[:4], "Another dog sees a small cat.", *SOURCES[5:]]
    write(tmp_path / "in.parquet", [3, 1, 2, 0, 4, 5, 60, 7, 8], sources)
    verdict = translate(
        saved_models[0], tmp_path / "in.parquet", tmp_path / "out", reference_column="target",
        baseline=Location(night / "before"), drift=QUIET, max_rejected=1,
    )  # fmt: skip
    found = verdict.report.to_json()["comparison"]
    assert found["paired"] == 4  # 1, 5, 7 and 8: of 0 and 3 the sources are swapped
    assert found["sentences"] == 3  # 7 has no reference
    assert all("baseline" not in entry for entry in verdict.report.to_json()["by_length"])
    assert {entry["id"] for entry in verdict.report.to_json()["differences"]} <= {1, 5, 8}


def test_nothing_in_common_still_compares_the_rates(saved_models, night, tmp_path) -> None:
    write(tmp_path / "in.parquet", list("abcdefghi"))
    verdict = translate(
        saved_models[0], tmp_path / "in.parquet", tmp_path / "out", reference_column="target",
        baseline=Location(night / "before"), drift=QUIET, max_rejected=1,
    )  # fmt: skip
    found = verdict.report.to_json()["comparison"]
    assert (found["paired"], found["changed"], found["metrics"]) == (0, None, [])
    assert found["rates"]["score"]["difference"] != 0
    assert "no sentence in common" in "\n".join(verdict.summary())


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_an_alarm_is_told_always_but_a_gate_only_if_asked(
    saved_models, night, tmp_path, gate, first
) -> None:
    """Once wherever it is told, and in the same words; a first night has no baseline."""
    drift = QUIET.model_copy(update={"score": 1e-9, "attention_entropy": 1e-9})
    verdict = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", max_rejected=1, gate=gate,
        baseline=None if first else Location(night / "before"), drift=drift,
        gates=LENIENT.model_copy(update={"suspicious": 0.01, "score": -0.001}),
    )  # fmt: skip
    texts = [alarm["text"] for alarm in verdict.report.to_json()["alarms"]]
    measures = [alarm["measure"] for alarm in verdict.report.to_json()["alarms"]]
    assert measures == ["suspicious", "score", *([] if first else ["attention_entropy"])]
    assert verdict.exit_status == (3 if gate else 0)
    said = "a gate says no" if gate else "done, but look"
    assert verdict.reason == f"{said}: {'; '.join(texts)}"
    screen = "\n".join(verdict.verdict())
    assert f"verdict   {said}{' (exit status 3)' if gate else ''}:" in screen
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (manifest["exit_status"], manifest["verdict"]) == (verdict.exit_status, verdict.reason)
    stored = json.loads((tmp_path / "out/report/report.json").read_text())
    assert (stored["verdict"], stored["exit_status"]) == (verdict.reason, verdict.exit_status)
    page = html.unescape((tmp_path / "out/report/index.html").read_text())
    assert f'id="verdict-title">{said.capitalize()}<' in page
    for text in texts:
        assert screen.count(text) == page.count(text[1:]) == 1


def test_rejected_rows_are_a_gate_of_their_own(saved_models, night, tmp_path) -> None:
    verdict = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", max_rejected=0,
        baseline=Location(night / "before"), gates=LENIENT,
        drift=QUIET.model_copy(update={"attention_entropy": 1e-9}),
    )  # fmt: skip
    assert verdict.exit_status == 3
    assert verdict.reason.startswith("a gate says no: 11.1 % of the rows are rejected, more than ")
    assert "--max-rejected=0; the attention's entropy is" in verdict.reason


def test_a_night_without_alarms_is_done(saved_models, night, tmp_path) -> None:
    verdict = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", max_rejected=1, gate=True,
        gates=LENIENT,
    )  # fmt: skip
    assert (verdict.exit_status, verdict.reason) == (0, "done")
    assert verdict.verdict() == ["verdict   done"]
    page = (tmp_path / "out/report/index.html").read_text()
    assert 'class="card verdict" id="verdict"' in page


def test_groups_account_for_every_row(saved_models, night, tmp_path) -> None:
    verdict = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", reference_column="target",
        group_by=("domain", "target"), max_rejected=1, baseline=Location(night / "before"),
        drift=QUIET,
    )  # fmt: skip
    domains, targets = verdict.report.to_json()["groups"]
    assert (domains["column"], targets["column"]) == ("domain", "target")
    found = {entry["value"]: entry for entry in domains["values"]}
    counted = {value: DOMAINS.count(value) for value in set(DOMAINS)}
    assert {value: entry["rows"] for value, entry in found.items()} == counted
    assert found["news"]["rejected"] == 1
    assert found["law"]["sentences"] == 2
    assert "baseline" in found["law"]
    assert sum(entry["rows"] for entry in targets["values"]) == len(SOURCES)
    assert "By domain" in (tmp_path / "out/report/index.html").read_text()


def test_the_page_says_where_words_looked(saved_models, night, tmp_path) -> None:
    report = translate(
        saved_models[0], night / "in.parquet", tmp_path / "out", max_rejected=1
    ).report.to_json()
    looked = [sample for sample in report["samples"] if "attention" in sample]
    assert len(looked) >= 5
    for sample in looked:
        found = sample["attention"]
        assert found["target"] == sample["translation"].split()
        assert found["source"] == sample["source"].split()
        assert len(found["weights"]) == len(found["target"])
        for line in found["weights"]:
            weights = [int(text) for text in line.split(" ")]
            assert len(weights) == len(found["source"])
            assert 0 <= sum(weights) <= 100 + len(weights) // 2 + 1


def test_an_output_of_before_is_still_recognised(saved_models, night) -> None:
    """What is not asked for leaves no trace in what identifies a job."""
    corpus = inspect(str(night / "in.parquet"), "source")
    models, name = (Location(saved_models[0]),), str(night / "in.parquet")
    request = TranslateRequest(models, name, Location("/o"), search=SEARCH)
    found = identify(request, bundle.check_all(request.models), corpus)
    begun = json.loads((night / "before/_job.json").read_text())
    assert set(found.settings.to_json()) == set(begun["settings"])
    assert not {"baseline", "group_by", "gated", "drift"} & set(found.settings.to_json())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "{tmp}/none"}, "no output of `nmt translate`; check --baseline"),
        ({"baseline": "{tmp}/begun"}, "not finished"),
        ({"baseline": "{tmp}/o"}, "is the --output itself"),
        ({"baseline": "{tmp}/bare"}, "a baseline needs its report"),
        ({"baseline": "{tmp}/lost"}, "its manifest.json names it"),
        ({"group_by": ("domian",)}, "did you mean 'domain'"),
        ({"group_by": ("source",)}, "no column 'source' for --group-by"),
        ({"group_by": ("tags",)}, "give one of texts, numbers or dates"),
        ({"group_by": ("domain", "domain")}, "named twice"),
        ({"reference_column": "target", "tokenize": "ja-mecab"}, "ja-mecab is not installed"),
        ({"notify": "no-such-program"}, "no program 'no-such-program'"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(
    saved_models, night, tmp_path, monkeypatch, options, message
) -> None:
    monkeypatch.setattr(tokenizers, "find_spec", lambda name: None)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/_job.json").write_text("{}")
    shutil.copytree(night / "before", tmp_path / "bare")
    (tmp_path / "bare/report/report.json").unlink()
    shutil.copytree(night / "before", tmp_path / "lost")
    for part in (tmp_path / "lost/translations").iterdir():
        part.unlink()
    if "baseline" in options:
        options = {"baseline": Location(options["baseline"].replace("{tmp}", str(tmp_path)))}
    request = TranslateRequest((Location(saved_models[0]),), str(night / "in.parquet"),
                               Location(tmp_path / "o"), search=SEARCH,
                               **options)  # fmt: skip
    corpus = inspect(request.input, "source")
    with pytest.raises(UnusableInput, match=message) as caught:
        check(request, bundle.check_all(request.models), corpus)
    assert "\n" not in str(caught.value)


def test_scores_of_other_signatures_are_not_compared(saved_models, night, tmp_path) -> None:
    """Of two nights without a common sentence, whole against whole."""
    shutil.copytree(night / "before", tmp_path / "before")
    report = json.loads((tmp_path / "before/report/report.json").read_text())
    report["scores"][0]["score"] = 99.0
    rewrite(tmp_path / "before", "report/report.json", report)
    given = write(tmp_path / "in.parquet", list("abcdefghi"))
    options: dict = {"reference_column": "target", "max_rejected": 1, "heatmaps": 0}
    options |= {"baseline": Location(tmp_path / "before")}
    alike = translate(saved_models[0], given, tmp_path / "a", **options)
    assert "bleu" in [alarm["measure"] for alarm in alike.report.to_json()["alarms"]]
    assert alike.report.to_json()["comparison"]["not_comparable"] is None
    other = translate(saved_models[0], given, tmp_path / "b", tokenize="char", **options)
    assert "bleu" not in [alarm["measure"] for alarm in other.report.to_json()["alarms"]]
    line = "BLEU cannot be compared with the baseline's: tok:13a → tok:char"
    assert line in "\n".join(other.summary())
    assert line in html.unescape((tmp_path / "b/report/index.html").read_text())
    assert "|tok:char|" in other.report.to_json()["scores"][0]["signature"]

"""Scores of other metrics get the intervals and the test of those that are computed here."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location

ROWS = 40
VALUES = np.random.default_rng(5).normal(0.8, 0.1, ROWS)
DOMAINS = ["law", "news"] * (ROWS // 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A candidate and a baseline with ids, and their scores, the baseline's in another order."""
    ids = [f"r{number}" for number in range(ROWS)]
    texts = [f"Satz {number} ist gut." for number in range(ROWS)]
    columns = {"id": ids, "translation": texts, "target": texts, "domain": DOMAINS}
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    pq.write_table(pa.table(columns), tmp_path / "other.parquet")
    scores = {"id": ids, "COMET": VALUES, "errors": 1 - VALUES, "note": texts}
    pq.write_table(pa.table(scores), tmp_path / "scores.parquet")
    lines = [f"{VALUES[n] - 0.05:.9f}\tr{n}\t" for n in reversed(range(ROWS))]
    (tmp_path / "other.tsv").write_text("\n".join(["COMET\tid\terrors", *lines[:-1], "\tr0\t0.5"]))
    return tmp_path


def evaluate(folder: Path, *scores: str, **options: object) -> dict:
    request = EvaluateRequest(
        *(Location(folder / "own.parquet"), Location(folder / "r")),
        reference_column="target",
        scores=tuple(str(folder / name) for name in scores),
        **options,
    )
    return job.evaluate(request).to_json()


def test_the_mean_has_the_interval_of_a_bootstrap(folder) -> None:
    report = evaluate(folder, "scores.parquet", lower_is_better=("errors",))
    bleu, *_, comet, errors = report["scores"]
    assert (bleu["metric"], comet["metric"], errors["metric"]) == ("BLEU", "COMET", "errors")
    assert comet["score"] == pytest.approx(VALUES.mean(), abs=1e-6)
    assert comet["signature"] == f"mean|n:{ROWS}|bs:1000|seed:12345"
    low, high = comet["confidence"]
    error = VALUES.std() / ROWS**0.5
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert "lower_is_better" not in comet
    assert errors["lower_is_better"]
    page = (folder / "r/index.html").read_text()
    assert f"{comet['score']:.4f}" in page


def test_a_metric_is_compared_where_both_have_it(folder) -> None:
    report = evaluate(
        folder,
        "scores.parquet",
        baseline=Location(folder / "other.parquet"),
        baseline_scores=(str(folder / "other.tsv"),),
        group_by=("domain",),
    )
    comet, errors = report["comparison"]["metrics"][-2:]
    assert comet["difference"] == pytest.approx(0.05, abs=1e-6)
    assert comet["p"] == pytest.approx(1 / 1001, abs=1e-6)
    assert comet["signature"].startswith(f"mean|n:{ROWS - 1}|")
    assert (errors["metric"], errors["p"]) == ("errors", None)  # of one row
    groups = report["groups"][0]["values"]
    assert {group["value"]: group["rows"] for group in groups} == {"law": 20, "news": 20}
    for group, first in zip(groups, (0, 1), strict=True):
        assert group["metrics"]["COMET"] == pytest.approx(VALUES[first::2].mean(), abs=1e-6)
        assert "score" not in group["rates"]  # nothing knows a model
    assert "COMET" in (folder / "r/index.html").read_text()


@pytest.mark.parametrize(("lower", "gate"), [((), True), ((), False), (("COMET",), True)])
def test_a_metric_that_is_significantly_worse_is_an_alarm(folder, lower, gate) -> None:
    """Of a quality that fell from 0.8 by 0.05; of errors that is no harm."""
    before = "".join(f"r{n}\t{VALUES[n] + 0.05:.9f}\n" for n in range(ROWS))
    (folder / "before.tsv").write_text(f"id\tCOMET\n{before}")
    report = evaluate(
        folder,
        "scores.parquet",
        baseline=Location(folder / "other.parquet"),
        baseline_scores=(str(folder / "before.tsv"),),
        lower_is_better=lower,
        gate=gate,
    )
    if lower:
        assert "alarms" not in report
        return
    (alarm,) = report["alarms"]
    assert alarm["limits"] == {"drift.metrics": 0.02}
    assert "lower than the baseline's" in alarm["text"]
    assert report["exit_status"] == (3 if gate else 0)
    assert alarm["text"] in report["verdict"]


def test_a_column_of_texts_is_passed_over_in_every_format(folder) -> None:
    rows = ["id\tnote\tCOMET", "r0\t\t", *(f"r{n}\tSatz {n}\t{VALUES[n]:.9f}" for n in range(1, 9))]
    (folder / "scores.tsv").write_text("\n".join(rows))
    (folder / "scores.csv").write_text("\n".join(row.replace("\t", ",") for row in rows))
    for name in ("scores.tsv", "scores.csv"):
        *_, comet = evaluate(folder, name)["scores"]
        assert comet["metric"] == "COMET", name
        assert comet["score"] == pytest.approx(VALUES[1:9].mean(), abs=1e-6)
    (folder / "scores.tsv").write_text("id\tnote\nr0\tgood\n")
    with pytest.raises(UnusableInput, match="no column of numbers"):
        evaluate(folder, "scores.tsv")


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_whole_numbers_beyond_what_a_float_tells_apart_stand_beside_a_metric(folder, kind) -> None:
    ids, large = ["r0", "r1"], pa.array([2**53 + 1, 2**62 + 1], kind)
    pq.write_table(pa.table({"id": ids, "Q": [0.5, 0.7], "hash": large}), folder / "s.parquet")
    rows = [{"id": "r0", "Q": 0.5, "hash": 2**53 + 1}, {"id": "r1", "Q": 0.7, "hash": 2**62 + 1}]
    (folder / "s.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for name in ("s.parquet", "s.jsonl"):
        scores = {score["metric"]: score for score in evaluate(folder, name)["scores"]}
        assert scores["Q"]["score"] == pytest.approx(0.6)
        assert scores["hash"]["score"] == pytest.approx((2**53 + 2**62) / 2)


@pytest.mark.parametrize("kind", ["tsv", "csv", "parquet"])
def test_scores_of_several_files_are_those_of_one(folder, kind) -> None:
    separator = "," if kind == "csv" else "\t"
    (folder / "parts/year=2026").mkdir(parents=True)
    for start in (0, 15):
        names, rows = ["id", "COMET"], range(start, start + 15 + 10 * (start > 0))
        ids, values = [f"r{n}" for n in rows], [float(f"{VALUES[n]:.9f}") for n in rows]
        file = folder / f"parts/year=2026/{start}.{kind}"
        if kind == "parquet":
            pq.write_table(pa.table([ids, values], names), file)
        else:
            cells = [names, *([i, str(value)] for i, value in zip(ids, values, strict=True))]
            file.write_text("".join(f"{separator.join(row)}\n" for row in cells))
    with zipfile.ZipFile(folder / "parts.zip", "w") as archive:
        for file in sorted((folder / "parts").rglob(f"*.{kind}")):
            archive.write(file, file.name)
    for name in ("parts", f"parts/*/*.{kind}", *([] if kind == "parquet" else ["parts.zip"])):
        *_, comet = evaluate(folder, name)["scores"]
        assert comet["metric"] == "COMET"  # and no year
        assert comet["score"] == pytest.approx(VALUES.mean(), abs=1e-6)
    if kind == "tsv":
        (folder / "parts/year=2026/0.tsv").write_text("id\tBLEURT\nr0\t1\n")
        with pytest.raises(
            UnusableInput, match=r"15\.tsv: line 1: names the columns id, COMET, and"
        ):
            evaluate(folder, "parts")


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["id\tQ", "zz\t1"], {}, "id 'zz' is of no translated row"),
        (["id\tQ", "r1\t1", "r1\t2"], {}, "has an id twice"),
        (["id\tQ", "r0\t1", "r1\tgood"], {}, "line 3: 'good' in column 'Q' is no number"),
        (["id\tQ", "r0\t1", "r1\t1_0"], {}, "line 3: '1_0' in column 'Q' is no number"),
        (["id\tQ", "r0\t1", "r1\t\u0661"], {}, "line 3: '\u0661' in column 'Q' is no number"),
        (["id\tQ", "r1\t1\t2"], {}, "line 2: 3 values between tabs, not 2"),
        (["r1\t1"], {}, "line 1: names the columns"),
        (["id", "r1"], {}, "has no column of numbers"),
        (["id\tQ", "r1\tinf"], {}, "holds scores that are no numbers"),
        (["id\tQ", "r1\t"], {}, "column 'Q' holds no score"),
        (["id\tBLEU", "r1\t1"], {}, "BLEU is computed here"),
        (["id\tQ", "r1\t1"], {"lower_is_better": ("P",)}, "no metric of --scores .there are Q."),
        (["id\tQ", "r1\t1"], {"baseline_scores": ("x",)}, "--baseline-scores needs --baseline"),
        (["id\tQ", "r1\t1"], {"gate": True}, "--gate compares with a baseline"),
        (["id\tQ", "r1\t1"], {"group_by": ("x",)}, "no column 'x' for --group-by"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder, lines, options, message) -> None:
    (folder / "s.tsv").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(UnusableInput, match=message) as caught:
        evaluate(folder, "s.tsv", **options)
    assert "\n" not in str(caught.value)


def test_rows_without_a_score_are_counted_in_the_log(folder, capsys) -> None:
    (folder / "s.tsv").write_text("id\tcomet\nr1\t0.5\nr2\t0.7\n")
    evaluate(folder, "s.tsv")
    line = "s.tsv: comet has no score for 38 of the 40 translated rows; its mean is that of the"
    assert line in capsys.readouterr().err


def test_parts_of_one_table_are_to_be_named_together(folder) -> None:
    for name in ("a.tsv", "b.tsv"):
        (folder / name).write_text("id\tcomet\nr1\t0.5\n")
    message = r"b.tsv: metric 'comet' is in another --scores, too; .* name their folder or a glob"
    with pytest.raises(UnusableInput, match=message):
        evaluate(folder, "a.tsv", "b.tsv")

"""jobs/evaluate.py on what jobs/translate.py left, as a user types it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from browser import DESKTOP, PHONE, console_complaints, overflowing, requests_made, view_at
from commands import run
from ray_head import RayHead

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def evaluated(trained: Path, ray_head: RayHead, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report of a beam search against greedy search: beam, greedy, report."""
    folder = tmp_path_factory.mktemp("evaluated")
    options = ["--model", trained / "run/model", "--input", trained / "dataset/test"]
    options += ["--alignments", "--heatmaps", "3", "--heatmap-words", "--heatmap-pages"]
    for name, beam in (("greedy", "1"), ("beam", "3")):
        run("translate", *options, "--output", folder / name, "--beam-size", beam, head=ray_head)
    test = pq.read_table(trained / "dataset/test").to_pylist()
    for name, column in (("references.txt", "target"), ("gold.txt", "alignment")):
        (folder / name).write_text("".join(f"{row[column]}\n" for row in test))
    done = run(
        *("evaluate", "--candidate", folder / "beam", "--baseline", folder / "greedy"),
        *("--references", folder / "references.txt", "--gold-alignments", folder / "gold.txt"),
        *("--output", folder / "report"),
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["BLEU", "AER", "REPORT"]
    return folder


def test_a_report_has_what_was_asked_for(evaluated: Path) -> None:
    report = json.loads((evaluated / "report/report.json").read_text())
    rows = sum(pq.read_table(evaluated / name / "translations").num_rows for name in ("beam",))
    assert report["scored_sentences"] == report["comparison"]["sentences"] == rows
    assert [entry["metric"] for entry in report["comparison"]["metrics"]] == [
        "BLEU",
        "chrF",
        "chrF++",
        "TER",
    ]
    assert all(0 < entry["p"] <= 1 for entry in report["comparison"]["metrics"])
    assert 0 <= report["alignment"]["aer"] <= 1
    assert (evaluated / "report/lengths.png").is_file()
    assert (evaluated / "beam/report/heatmaps.pdf").is_file()
    assert {"brevity_penalty", "unk", "truncated", "repetition"} <= set(report["rates"])


def test_the_page_in_a_browser(evaluated: Path, browser) -> None:
    for size in (DESKTOP, PHONE):
        view_at(browser, size)
        browser.get((evaluated / "report/index.html").as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert not overflowing(browser)
    assert not console_complaints(browser)
    assert not requests_made(browser)
    assert len(browser.find_elements("css selector", "#changes .versus")) > 0


def test_an_unfinished_translation_is_refused(evaluated: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/_job.json").write_bytes((evaluated / "beam/_job.json").read_bytes())
    done = run(
        *("evaluate", "--candidate", tmp_path / "out", "--output", tmp_path / "report"),
        *("--references", evaluated / "references.txt"),
        status=2,
    )
    assert "not finished" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "report").exists()

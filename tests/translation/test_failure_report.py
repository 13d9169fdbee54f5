"""A job that fails leaves a report that says so, and the hook is told."""

import json
import sys
from pathlib import Path

import pytest

from nmt.errors import DeadlineReached, Interrupted, JobFailed
from nmt.evaluation import measures
from nmt.evaluation.measures import Measures
from nmt.records.output import JobRecord, JobSettings
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.failure_report import report_failure
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest

JOB = JobRecord(settings=JobSettings(id_column=None, max_rejected=1.0))
HOOK = (
    "import os, sys; open(sys.argv[1], 'a').write(os.environ['NMT_EXIT_STATUS'] + ' '"
    " + os.environ['NMT_VERDICT'] + ' ' + sys.argv[2])"
)


def fail(folder: Path, error: BaseException) -> TranslateRequest:
    command = f'{sys.executable} -c "{HOOK}" {folder / "told"}'
    request = TranslateRequest((), str(folder / "in.txt"), Location(folder / "out"),
                               search=SearchSettings(), notify=command)  # fmt: skip
    with pytest.raises(type(error)), report_failure(request, Output(request.output), JOB):
        raise error
    return request


@pytest.mark.parametrize(
    ("error", "status", "verdict"),
    [
        (JobFailed("a unit failed; run again"), 1, "failed: a unit failed; run again"),
        (OSError("two\nlines"), 1, "failed: two lines"),
        (OSError(), 1, "failed: OSError"),
        (DeadlineReached("--max-minutes 5 are over"), 4, "stopped: --max-minutes 5 are over"),
        (Interrupted("by SIGTERM", 15), 143, "stopped: by SIGTERM"),
    ],
)
def test_the_reason_is_written_and_told(tmp_path: Path, error, status, verdict) -> None:
    units = tmp_path / "out/_units"
    units.mkdir(parents=True)
    counts = {"rows": 7, "translated": 6, "rejected": 1}
    counts |= {"empty": 0, "truncated": 0, "target_tokens": 9}
    record = {"unit": 0, "first": 0, "rejected_rows": [3], "counts": counts, "files": {}}
    record |= {"sums": measures.sums(Measures.of([])), "alignment": None}
    (units / "00000.json").write_text(json.dumps(record))
    fail(tmp_path, error)
    file = tmp_path / "out/report/report.json"
    report = json.loads(file.read_text())
    assert (report["verdict"], report["exit_status"]) == (verdict, status)
    assert report["counts"] == counts
    assert (tmp_path / "told").read_text() == f"{status} {verdict} {file}"
    assert not (tmp_path / "out/_SUCCESS").exists()


def test_a_damaged_record_keeps_no_report_back(tmp_path: Path) -> None:
    (tmp_path / "out/_units").mkdir(parents=True)
    (tmp_path / "out/_units/00000.json").write_text('{"unit": -1}')
    fail(tmp_path, JobFailed("a unit failed"))
    report = json.loads((tmp_path / "out/report/report.json").read_text())
    assert (report["verdict"], "counts" in report) == ("failed: a unit failed", False)


def test_a_report_that_cannot_be_written_hides_nothing(tmp_path: Path, capsys) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    fail(tmp_path, JobFailed("the disk is gone"))
    assert "cannot be written" in capsys.readouterr().err
    assert (tmp_path / "told").read_text().startswith("1 failed: the disk is gone ")


def test_an_interruption_is_no_failure(tmp_path: Path) -> None:
    fail(tmp_path, KeyboardInterrupt())
    assert not (tmp_path / "told").exists()
    assert not (tmp_path / "out").exists()

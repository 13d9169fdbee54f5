"""A job that ends with status 3 says why at every level of the log."""

from types import SimpleNamespace

import pytest
import typer

from nmt import logs
from nmt.cli import jobs
from nmt.records.report import Alarm
from nmt.storage.location import Location
from nmt.translation import job
from nmt.translation.outcome import Outcome


class _Ended(Outcome):
    def summary(self) -> list[str]:
        return ["rows      3 read"]


@pytest.mark.parametrize("level", ["INFO", "WARNING"])
@pytest.mark.parametrize("alarms", [["BLEU 3 is below gate.bleu=20"], []])
def test_a_gate_that_says_no_is_heard(level, alarms, tmp_path, capsys, monkeypatch) -> None:
    found = [Alarm(measure="bleu", text=text, limits={"gate.bleu": 20}) for text in alarms]
    report = SimpleNamespace(alarms=found, scores=[], alignment=None)
    status = 3 if alarms else 0
    reason = f"a gate says no: {alarms[0]}" if alarms else "done"
    monkeypatch.setattr(job, "translate", lambda _: _Ended(status, reason, report))
    monkeypatch.setattr(logs, "_job", "translate")
    try:
        logs.configure(level)
        request = SimpleNamespace(output=Location(tmp_path))
        if status:
            with pytest.raises(typer.Exit):
                jobs.translate(request)
        else:
            jobs.translate(request)
    finally:
        logs.configure("INFO")
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    quiet = [] if level == "WARNING" else ["INFO translate: rows      3 read"]
    if alarms:
        assert lines == [
            *quiet,
            "WARNING translate: verdict   a gate says no (exit status 3):",
            f"WARNING translate:           - {alarms[0]}",
        ]
    else:
        assert lines == [*quiet, *(["INFO translate: verdict   done"] if quiet else [])]

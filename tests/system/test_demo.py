"""`make demo`, as the README promises it."""

import os
import subprocess
from pathlib import Path

import pytest
from commands import ROOT
from ray_head import environment

pytestmark = [pytest.mark.system, pytest.mark.slow]


def test_make_demo_keeps_the_readme_s_promise(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "demo", f"DEMO={tmp_path / 'demo'}"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    bleu, aer, report = (line.split() for line in done.stdout.splitlines()[-3:])
    print(done.stdout[-300:], os.linesep, done.stderr[-300:])
    assert bleu[0] == "BLEU"
    assert float(bleu[1]) >= 95
    assert aer[0] == "AER"
    assert float(aer[1]) <= 0.14
    assert report[0] == "REPORT"
    assert Path(report[1]).is_file()

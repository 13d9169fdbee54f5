"""The end of a job of many units is done in Ray tasks, and its report is that of one process."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from outputs import translate
from ray_head import environment

pytestmark = pytest.mark.system

PROGRAM = """
import json, sys
from nmt.evaluation.baseline import read_baseline
from nmt.evaluation.sentences import References
from nmt import bundle
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.output import Output
from nmt.translation.report import blocks, measures, pairing
from nmt.translation.request import TranslateRequest

model, folder = sys.argv[1:]
folder = Location(folder)
request = TranslateRequest(
    (Location(model),), str(folder / "in.txt"), folder / "out", SearchSettings(), heatmaps=0,
    baseline=folder / "before",
)
output = Output(request.output)
lines = (folder / "references.txt").read_text().splitlines()
blocks._ROWS, pairing._ROWS_OF_RANGE = 1, 200


def report():
    info = bundle.check_all(request.models)
    measured = measures.measure(request, info, References([lines]), output, output.records(), 1.0)
    return {k: v for k, v in measured.to_json().items() if k != "throughput"}


reports = []
for measures.MOST_HERE in (10**6, 0):
    for measures.MOST_KEPT in (10**6, 0):
        reports.append(report())
print(json.dumps(reports))
"""


def test_tasks_say_what_one_process_says(saved_models: list[Path], tmp_path: Path) -> None:
    """With the statistics of each sentence, and with their sums."""
    random = np.random.default_rng(3)
    lines = [" ".join(random.choice(["dog", "cat", "sees", "a"], 3)) for _ in range(600)]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "references.txt").write_text("\n".join(reversed(lines)) + "\n")
    for model, name in zip(reversed(saved_models), ("before", "out"), strict=True):
        translate(model, tmp_path / "in.txt", tmp_path / name, heatmaps=0)
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(saved_models[0]), str(tmp_path)],
            env={**environment(), "RAY_TMPDIR": short}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    kept, summed, kept_in_tasks, summed_in_tasks = json.loads(run.stdout.splitlines()[-1])
    assert kept_in_tasks == kept
    assert summed_in_tasks == summed
    assert kept["comparison"]["paired"] == 600
    assert kept["scores"][0]["score"] == summed["scores"][0]["score"]

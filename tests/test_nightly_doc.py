"""What the guides to the nightly show can be run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.settings import DriftSettings, GateSettings, SearchSettings

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs/how-to").glob("nightly*.md"))
PAGE = "\n".join(guide.read_text("utf-8") for guide in GUIDES)
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def bash(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip


def test_every_block_can_be_read_by_what_it_is_for() -> None:
    for kind, text in BLOCKS:
        if kind == "json":
            json.loads(text)
        if kind == "bash":
            done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
            assert done.returncode == 0, (text, done.stderr)
    assert {"json", "bash"} <= {kind for kind, _ in BLOCKS}


def test_every_option_and_setting_is_one() -> None:
    # The options of the job, as its own help names them.
    done = bash("python -m nmt translate --help", COLUMNS="200")
    known = set(re.findall(r"--[a-z][a-z-]+", done.stdout))
    shown = set(re.findall(r"`(--[a-z][a-z-]+)", PAGE))
    assert shown <= known, shown - known
    for group, settings in (("drift", DriftSettings()), ("gate", GateSettings())):
        rows = re.findall(rf"^\| `{group}\.(\w+)` \| ([0-9.-]+) \|", PAGE, re.MULTILINE)
        assert {name: float(value) for name, value in rows} == settings.model_dump()


def test_the_state_of_a_night_follows_from_its_files(saved_models, tmp_path) -> None:
    state, reasons = (text for kind, text in BLOCKS if text.startswith('python - "$OUT"'))
    out = tmp_path / "out"
    assert "never begun" in bash(state, OUT=str(out)).stdout
    (tmp_path / "in.txt").write_bytes(b"The dog sleeps.\n\xff\n")
    translate(saved_models[0], tmp_path / "in.txt", out, search=SearchSettings())
    shown = bash(state, OUT=str(out))
    line = "finished, status 3: a gate says no: 50.0 % of the rows are rejected, more than"
    assert line in shown.stdout, shown.stderr
    assert bash(reasons, OUT=str(out)).stdout.split() == ["1", "broken_utf8"]
    (out / "_SUCCESS").unlink()
    assert "begun: 1 units, 2 rows are done" in bash(state, OUT=str(out)).stdout

"""The product's main way in: ``ray job submit`` on a running cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands import ROOT, TINY, run
from ray_head import RayHead, environment

pytestmark = pytest.mark.system


def submit(head: RayHead, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """``ray job submit`` with this checkout as the working directory, waiting for the end."""
    ray = str(Path(sys.executable).parent / "ray")
    runtime = {
        "working_dir": str(ROOT),
        "excludes": [".venv", ".git", "/demo", "/runs", "tests"],
        "env_vars": variables,
    }
    command = [ray, "job", "submit", "--address", head.dashboard]
    command += ["--runtime-env-json", json.dumps(runtime), "--", *map(str, words)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=900, cwd=ROOT
    )


def test_three_commands_as_submitted_jobs(ray_head: RayHead, tmp_path: Path) -> None:
    data, out = tmp_path / "dataset", tmp_path / "out"
    parts = ["--valid-fraction", "0.1", "--test-fraction", "0.1"]
    done = submit(ray_head, "python", "jobs/prepare.py", "--demo", "400", "--output", data, *parts)
    assert done.returncode == 0, done.stdout + done.stderr
    # The bare command: everything stands in the file that NMT_CONFIG names.
    config = tmp_path / "nmt.yaml"
    settings = dict(text.split("=") for text in TINY[1::2])
    config.write_text(
        yaml.safe_dump(
            {
                "train": {"data": str(data), "output": str(tmp_path / "run"), "workers": 1},
                "translate": {
                    "model": str(tmp_path / "run/model"),
                    "input": str(data / "test"),
                    "output": str(out),
                    "reference-column": "target",
                },
                "model": {k[6:]: int(v) for k, v in settings.items() if k.startswith("model.")},
                "training": {"epochs": 1},
            }
        )
    )
    done = submit(ray_head, "python", "jobs/train.py", NMT_CONFIG=str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "joining the Ray cluster" in done.stdout + done.stderr
    assert (tmp_path / "run/model/model.json").exists()
    done = submit(ray_head, "python", "jobs/translate.py", NMT_CONFIG=str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "_SUCCESS").exists()
    assert "BLEU" in done.stdout


def test_relative_path_in_a_submitted_job_is_refused(ray_head: RayHead) -> None:
    done = submit(ray_head, "python", "jobs/prepare.py", "--demo", "10", "--output", "dataset")
    assert done.returncode != 0
    assert "use an absolute path or a URI" in done.stdout + done.stderr


def test_unreachable_cluster_fails_instead_of_running_locally(tmp_path: Path) -> None:
    run("prepare", "--demo", "200", "--output", tmp_path / "d")
    done = run("train", "--data", tmp_path / "d", "--output", tmp_path / "run", "--address",
               "127.0.0.1:1", status=1)  # fmt: skip
    assert "cannot join the Ray cluster" in done.stderr

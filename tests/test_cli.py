"""The command lines: options from everywhere, and one clear line when something is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("*.py") if path.stem != "__init__")


def job(name: str, *options: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a job as its users do, wide enough that no help is cut."""
    env = {k: v for k, v in os.environ.items() if k not in ("NMT_CONFIG", "RAY_ADDRESS")}
    return subprocess.run(
        [sys.executable, str(ROOT / "jobs" / f"{name}.py"), *options],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**env, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


def complaint(done: subprocess.CompletedProcess) -> str:
    """The one line with which a command refused to work."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert " ERROR " in lines[0]
    return lines[0]


@pytest.mark.parametrize("name", JOBS)
def test_help_names_every_option(name) -> None:
    done = job(name, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    contract = {
        "prepare": "--output --pairs --source --target --demo --valid-source --valid-target "
        "--test-source --test-target --valid-fraction --test-fraction --tokenizer --vocab-size "
        "--min-frequency --lowercase --max-length --sample --seed",
        "train": "--data --output --preset --config --set --max-minutes --workers "
        "--devices-per-worker --use-gpu --no-use-gpu --init-from --max-failures --dry-run",
        "translate": "--model --input --output --references --reference-column --text-column "
        "--id-column --beam-size --length-penalty --batch-size --actors --heatmaps --alignments "
        "--set --overwrite --dry-run --max-rejected --lease-seconds",
        "verify": "--output --config",
        "benchmark": "--model --data --output --workers --use-gpu --no-use-gpu --plan",
    }
    for option in contract.get(name, "").split():
        assert option in done.stdout, option


def test_unusable_input_is_one_line_and_status_2(tmp_path) -> None:
    none = str(tmp_path / "none")
    out = str(tmp_path / "out")
    (tmp_path / "in.txt").write_text("a\n")
    assert none in complaint(job("prepare", "--output", out, "--pairs", none))
    assert none in complaint(job("train", "--data", none, "--output", out))
    line = complaint(
        job("translate", "--model", none, "--input", str(tmp_path / "in.txt"), "--output", out)
    )
    assert "no model here" in line
    assert "no output of `nmt translate`" in complaint(job("verify", "--output", none))
    assert not (tmp_path / "out").exists()


def test_unusable_arguments_are_one_line_and_status_2(tmp_path) -> None:
    given = "--data", str(tmp_path), "--output", str(tmp_path / "out")
    assert "--no-such-option" in complaint(job("train", *given, "--no-such-option"))
    assert "--output" in complaint(job("train", "--data", str(tmp_path)))
    assert "--max-minutes" in complaint(job("train", *given, "--max-minutes", "soon"))


def test_an_input_that_is_not_utf8_is_refused_and_shown() -> None:
    words = ["--model", "m", "--output", "o", "--input", os.fsdecode(b"K\xf6")]
    assert "--input K\\xf6: not UTF-8" in complaint(job("translate", *words))


def test_importing_the_package_loads_neither_tensorflow_nor_ray() -> None:
    code = "import sys, json, nmt.cli.application; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert not {"tensorflow", "ray", "keras"} & set(json.loads(done.stdout))


def test_a_process_ends_with_its_status_after_all_it_had_registered() -> None:
    script = """
import atexit, sys
import typer
from nmt.cli import application
from nmt.errors import JobFailed

atexit.register(print, "registered", end="")

class Native:
    def __del__(self):
        print("destructor")

native = Native()
app = typer.Typer()

@app.command()
def job() -> None:
    print("printed")
    raise JobFailed("it failed")

application.application = lambda: app
application.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "printed\nregistered"
    assert done.stderr.endswith("ERROR nmt: it failed\n")

"""Running the jobs as a user does: real command lines in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ray_head import RayHead, environment

ROOT = Path(__file__).parents[2]
_PATIENCE = 900  # seconds; a generous limit for a loaded machine

TINY = [
    *("--set", "model.embedding_dim=32", "--set", "model.encoder_units=32"),
    *("--set", "model.decoder_units=64", "--set", "model.attention_units=32"),
    *("--set", "model.readout_units=32", "--set", "training.report_every=5"),
]


def command(job: str, *options: str | Path, head: RayHead | None = None) -> list[str]:
    """The command line of a job; on the given cluster, or with a local Ray of its own."""
    words = [sys.executable, f"jobs/{job}.py", *(str(option) for option in options)]
    return [*words, "--address", head.address] if head else words


def run(
    job: str,
    *options: str | Path,
    head: RayHead | None = None,
    status: int = 0,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run a job to its end and check its exit status."""
    done = subprocess.run(
        command(job, *options, head=head),
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert done.returncode == status, (
        f"{job} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    )
    return done


HOOK = """import os, sys
with open(sys.argv[1], "a") as file:
    print(os.environ["NMT_EXIT_STATUS"], sys.argv[2], os.environ["NMT_VERDICT"], file=file)
"""


def hook(folder: Path) -> tuple[str, Path]:
    """A command for --notify, and the file to which it adds status, report and verdict."""
    (folder / "hook.py").write_text(HOOK)
    return f"{sys.executable} {folder}/hook.py {folder}/told", folder / "told"


def tiny_model(folder: Path, head: RayHead | None = None, pairs: int = 1500) -> Path:
    """Prepare a small demo corpus and train a tiny model on it; returns the folder.

    The folder then holds ``dataset`` and ``run``.
    """
    run("prepare", "--demo", str(pairs), "--output", folder / "dataset", 
        "--valid-fraction", "0.05", "--test-fraction", "0.1")  # fmt: skip
    run("train", "--data", folder / "dataset", "--output", folder / "run", *TINY,
        "--set", "training.epochs=2", head=head)  # fmt: skip
    return folder

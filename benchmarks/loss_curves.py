"""The same training by several numbers of workers and devices, one after another, and its curves.

Each layout, workers × devices, is a training by `nmt train` with a local Ray of its own, at the
same global batch, in FOLDER/WxD. In "1x1~" the learning rate is larger by one in 10^7, a unit of
its last place: what rounding alone makes of a training. Prints loss and BLEU of every validation,
and how far the training loss of the updates is from that of the first layout. A rerun continues.

    python benchmarks/loss_curves.py DATASET FOLDER CONFIG [--layouts 1x1,2x1] [group.key=value …]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

LAYOUTS = "1x1,2x1,1x2,4x1,1x1~"
_SETTINGS = ["training.report_every=1", "training.heatmaps=0"]
_TENTHS = 10


def train(data: str, run: Path, config: str, assignments: Sequence[str]) -> None:
    """Train with the layout that the run's name says."""
    workers, devices = run.name.removesuffix("~").split("x")
    command = [sys.executable, "-m", "nmt", "train", "--data", data, "--output", str(run)]
    command += ["--config", config, "--workers", workers, "--devices-per-worker", devices]
    if run.name.endswith("~"):
        rate = yaml.safe_load(Path(config).read_text("utf-8"))["training"]["learning_rate"]
        assignments = [*assignments, f"training.learning_rate={rate * (1 + 1e-7)!r}"]
    for assignment in [*_SETTINGS, *assignments]:
        command += ["--set", assignment]
    start = time.monotonic()
    status = subprocess.run(command, check=False).returncode
    print(f"{run.name}: status {status} after {time.monotonic() - start:,.0f} s", flush=True)


def training_losses(run: Path) -> np.ndarray:
    """The training loss of every update so far, nats per token."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    return np.array([json.loads(line)["loss"] for line in lines])


def validations(run: Path) -> list[str]:
    """Loss and BLEU of every validation so far, in words."""
    head, *rows = (run / "validations.tsv").read_text("utf-8").splitlines()
    table = [dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows]
    return [
        f"{line['step']}: {float(line['valid_loss']):.4f}, {float(line['bleu']):.2f}"
        for line in table
    ]


def compare(runs: Sequence[Path]) -> None:
    """Print the validations of each run, and the differences of its losses from the first one's."""
    first = training_losses(runs[0])
    print("\nvalidations, as step: loss, BLEU")
    for run in runs:
        print(f"{run.name}  " + "  ".join(validations(run)))
    print(f"\ntraining loss, relative to {runs[0].name}: largest difference, in tenths of training")
    for run in runs[1:]:
        losses = training_losses(run)
        count = min(len(first), len(losses))
        difference = losses[:count] / first[:count] - 1
        parts = np.array_split(difference, _TENTHS)
        print(
            f"{run.name}  {count} of {len(first)} updates: "
            + " ".join(f"{np.abs(part).max():.1e}" for part in parts)
            + f"; at update {1 + np.abs(difference).argmax()} {np.abs(difference).max():.1e}, "
            f"mean {difference.mean():+.1e}"
        )


def main() -> None:
    """Train, then compare."""
    data, folder, config, *assignments = sys.argv[1:]
    layouts = LAYOUTS
    if "--layouts" in assignments:
        place = assignments.index("--layouts")
        layouts = assignments[place + 1]
        del assignments[place : place + 2]
    runs = [Path(folder).absolute() / layout for layout in layouts.split(",")]
    for run in runs:
        train(data, run, config, assignments)
    compare([run for run in runs if (run / "validations.tsv").is_file()])


if __name__ == "__main__":
    main()

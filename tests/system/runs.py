"""What a training has left in its RUN, and whether two of them did the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file


def checkpoints(output: Path) -> list[Path]:
    """Complete ones, oldest first."""
    return sorted(file.parent for file in output.glob("checkpoint_*/checkpoint.json"))


def newest(output: Path) -> int:
    """Step of the newest checkpoint; 0 where there is none."""
    found = checkpoints(output)
    return int(found[-1].name.removeprefix("checkpoint_").split("-")[0]) if found else 0


def state(output: Path) -> dict[str, np.ndarray]:
    """Weights and optimizer in the last checkpoint."""
    return load_file(checkpoints(output)[-1] / "state.safetensors")


def progress(output: Path) -> dict[str, int]:
    """The counts in the last checkpoint."""
    return json.loads((checkpoints(output)[-1] / "progress.json").read_text())


def assert_same(output: Path, expected: Path) -> None:
    """The same weights and optimizer, bit for bit."""
    found, wanted = state(output), state(expected)
    assert found.keys() == wanted.keys()
    assert len(found) > 20
    for name in found:
        np.testing.assert_array_equal(found[name], wanted[name], name)
    assert newest(output) == newest(expected)


def losses(output: Path) -> dict[int, float]:
    lines = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def assert_same_losses(output: Path, expected: Path) -> None:
    """The same losses on the way, as far as the expected ones go."""
    found, wanted = losses(output), losses(expected)
    assert found.keys() >= wanted.keys()
    # The first one after a checkpoint is a mean over fewer updates.
    off = [step for step in wanted if found[step] != pytest.approx(wanted[step], rel=1e-3)]
    assert len(off) <= 1, off


def assert_same_but_for_rounding(output: Path, expected: Path) -> None:
    """As after other numbers of workers, whose sums have another order.

    Adam makes whole steps of the smallest gradients, so that after hundreds of updates single
    weights of rare words differ; all weights together, and the losses on the way, do not.
    """
    assert_same_losses(output, expected)
    weights = {n: v for n, v in state(expected).items() if not n.startswith("adam/")}
    assert len(weights) > 5
    reached = state(output)
    for name, value in weights.items():
        difference = np.linalg.norm(reached[name] - value) / np.linalg.norm(value)
        assert difference < 0.01, (name, difference)  # 50 updates are 0.03 to 0.11
    assert newest(output) == newest(expected)

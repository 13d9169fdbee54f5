"""An actor that shares a GPU has its share of the memory; one without GPUs sees none."""

from pathlib import Path

import pytest

from nmt.translation.worker import memory_limit


@pytest.fixture
def smi(tmp_path, monkeypatch) -> Path:
    """Stands for the driver's program, which answers for the GPU with the number 3 alone."""
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\ncase "$*" in *"-i 3") echo 80000;; *) exit 6;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    return program


def test_actors_of_a_gpu_divide_its_memory(smi, monkeypatch) -> None:
    assert memory_limit(0.5) == 36_000
    assert 4 * memory_limit(0.25) < 80_000
    assert memory_limit(1) is memory_limit(2) is None  # it grows as it is needed
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert memory_limit(0.5) is None
    smi.unlink()
    assert memory_limit(0.5) is None

"""A job that is started in a folder of strangers runs none of their files."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ray_head import environment

PLANTED = "import pathlib\npathlib.Path({!r}).write_text('ran')\n"
# As the installed command, whose own sys.path has not the current folder.
NMT = "import sys; from nmt.cli.application import main; sys.argv[0] = 'nmt'; main()"


def plant(folder: Path) -> Path:
    """Modules with the names of ours and of others'; each leaves a file when it is imported."""
    mark = folder.parent / "ran"
    folder.mkdir()
    for name in ("pyarrow", "nmt", "contextlib", "struct", "numpy"):
        (folder / f"{name}.py").write_text(PLANTED.format(str(mark)))
    return mark


def nmt(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-P", "-c", NMT, *map(str, options)]
    return subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )


def test_the_footers_are_parsed_by_our_own_modules(tmp_path: Path) -> None:
    mark = plant(tmp_path / "theirs")
    rows = [f"A dog {number} sleeps." for number in range(300)]
    pq.write_table(pa.table({"source": rows, "target": rows}), tmp_path / "theirs/c.parquet")
    options = ["--output", tmp_path / "data", "--vocab-size", "60", "--set",
               "data.byte_fallback=false"]  # fmt: skip
    done = nmt(tmp_path / "theirs", "prepare", "--pairs", "c.parquet", *options)
    assert (done.returncode, mark.exists()) == (0, False), done.stderr


@pytest.mark.system
def test_workers_import_our_own_modules(saved_models: list[Path], tmp_path: Path) -> None:
    mark = plant(tmp_path / "theirs")
    (tmp_path / "theirs/in.txt").write_text("A dog sleeps.\n")
    options = ["--input", "in.txt", "--output", tmp_path / "out"]
    done = nmt(tmp_path / "theirs", "translate", "--model", saved_models[0], *options)
    assert (done.returncode, mark.exists()) == (0, False), done.stderr


def test_pictures_have_our_style(tmp_path: Path) -> None:
    """A ``matplotlibrc`` may have LaTeX started, with a preamble that reads files."""
    code = (
        "import sys, pathlib, numpy as np;"
        "from nmt.report.heatmap import attention_heatmap as draw;"
        "pathlib.Path(sys.argv[1]).write_bytes(draw(np.eye(2), ['a', 'b'], ['c', 'd']))"
    )
    pictures = []
    for name, style in (("plain", ""), ("theirs", "text.usetex: True\naxes.facecolor: red\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(style)
        words = [sys.executable, "-P", "-c", code, "map.png"]
        subprocess.run(words, cwd=folder, env=environment(), check=True, timeout=300)
        pictures.append((folder / "map.png").read_bytes())
    assert pictures[0] == pictures[1]

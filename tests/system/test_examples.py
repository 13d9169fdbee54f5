"""The notebooks run, with a smaller corpus than the committed outputs are of."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "examples").glob("*.ipynb"))}
SMALLER = {
    "from_the_book": {"PAIRS, EPOCHS = 20_000, 4": "PAIRS, EPOCHS = 2_000, 1"},
    "nightly": {
        "PAIRS = 20_000": "PAIRS = 2_000",
        # As many epochs as the warm-up needs.
        "training.epochs=1": "training.epochs=5",
        "training.epochs=3": "training.epochs=7",
    },
}
# The nightly runs five jobs, each of which starts a Ray of its own.
MARKS = {"from_the_book": pytest.mark.system, "nightly": pytest.mark.slow}


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS[name]) for name in NOTEBOOKS])
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    for whole, smaller in SMALLER[name].items():
        (cell,) = [cell for cell in notebook.cells if whole in cell.source]
        cell.source = cell.source.replace(whole, smaller)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=600, resources=place).execute()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_committed_outputs_are_of_one_whole_run(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    assert any("image/png" in out.get("data", {}) for cell in cells for out in cell.outputs) == (
        name == "from_the_book"
    )

"""A finished job says so without reading its input, as long as that lies there as it was."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import SEARCH, translate

from nmt.errors import UnusableInput
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation import job, worker
from nmt.translation.outcome import Outcome
from nmt.translation.request import TranslateRequest

pytestmark = pytest.mark.system  # whole jobs, each done twice

OPTIONS = {
    "search": SEARCH.model_copy(update={"runtime": "tensorflow", "shortlist": 0}),
    "heatmaps": 2,
}


def again(model: Path, name: Path, output: Path, **options: Any) -> Outcome | None:
    """Run the command once more."""
    models, options = (Location(model),), OPTIONS | options
    return job.translate(TranslateRequest(models, str(name), Location(output), **options))


@pytest.fixture(autouse=True)
def one_process(monkeypatch) -> None:
    """Where TensorFlow has its threads already."""
    monkeypatch.setattr(worker, "set_up", lambda *_: None)


@pytest.fixture
def readings(monkeypatch) -> list[str]:
    """The inputs that were read."""
    names: list[str] = []
    real = job.inspect

    def inspect(name: str, *more):
        names.append(name)
        return real(name, *more)

    monkeypatch.setattr(job, "inspect", inspect)
    return names


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("The dog sleeps.\n")
    (folder / "b.txt").write_text("A cat sees the old bird.\n")
    (folder / "empty.txt").touch()
    return folder


@pytest.fixture
def done(saved_models, folder, tmp_path, readings):
    """A finished job, to be run again: with other options, if any are given."""
    model, out = saved_models[0], tmp_path / "out"
    translate(model, folder, out, **OPTIONS)
    return partial(again, model, folder, out)


def test_an_input_that_was_not_touched_is_not_read(done, folder, readings) -> None:
    assert done().exit_status == 0
    assert readings == []


@pytest.mark.parametrize("change", ["touched", "written anew", "copied back"])
def test_one_that_may_be_another_is_read(done, folder, readings, change) -> None:
    file = folder / "a.txt"
    match change:
        case "touched":
            os.utime(file, (1, 1))
        case "written anew":
            file.write_text(file.read_text())
        case "copied back":
            shutil.copy2(file, folder.parent / "kept")
            os.replace(folder.parent / "kept", file)
    assert done().exit_status == 0
    assert readings == [str(folder)]


@pytest.mark.parametrize("change", ["other text", "of the same size and time", "added", "removed"])
def test_another_input_is_another_job(done, folder, readings, change) -> None:
    file = folder / "a.txt"
    match change:
        case "other text":
            file.write_text("The dogs sleep.\n")
        case "of the same size and time":
            state = file.stat()
            file.write_text("The cat sleeps.\n")
            os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
        case "added":
            (folder / "c.txt").write_text("x\n")
        case "removed":
            file.unlink()
    with pytest.raises(UnusableInput, match="in use with other settings or inputs"):
        done()


def test_other_settings_are_another_job(done) -> None:
    with pytest.raises(UnusableInput, match="in use with other settings or inputs"):
        done(search=SearchSettings(beam_size=2))


def test_a_dry_run_shows_the_plan_of_a_finished_job(done, readings) -> None:
    assert done(dry_run=True) is None
    assert readings


@pytest.mark.parametrize(
    ("first", "then", "same"),
    [(None, "id", True), (None, None, True), ("page", "page", True), ("page", None, False)],
)
def test_the_column_of_ids_is_that_of_the_job(
    saved_models, tmp_path, readings, first, then, same
) -> None:
    rows = {"source": ["The dog sleeps.", "A cat."], first or "id": ["a", "b"]}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")

    words = saved_models[0], tmp_path / "in.parquet", tmp_path / "out"
    translate(*words, **OPTIONS, id_column=first)
    if same:
        assert again(*words, id_column=then).exit_status == 0
        assert readings == []
    else:
        with pytest.raises(UnusableInput, match="in use with other settings or inputs"):
            again(*words, id_column=then)

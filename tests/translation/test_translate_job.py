"""A job writes what it says it writes, whatever others do meanwhile to its input and output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outputs import SEARCH, loaded

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import JobFailed, UnusableInput
from nmt.storage import Location
from nmt.translation import job
from nmt.translation.actor import translate_unit
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest
from nmt.translation.verdict import Verdict

Meanwhile = Callable[[int], None]
ROWS = 600  # of two files, each of two units


class Night:
    """Jobs of one model and one folder of input, decoded in this process instead of by Ray.

    Attributes:
        decoded: numbers of the units that were decoded.
        meanwhile: called with the number of a unit that has just been.
    """

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self._model = folder, model
        self.decoded: list[int] = []
        self.meanwhile: Meanwhile = lambda number: None
        self.write("a", "The dog sleeps.")
        self.write("b", "A cat.")

    def write(self, name: str, text: str) -> Path:
        """Write one of the input's files."""
        (self.folder / "in").mkdir(exist_ok=True)
        file = self.folder / "in" / f"{name}.txt"
        file.write_text(f"{text}\n" * (ROWS // 2))
        return file

    def translate(self, **options: Any) -> Verdict | None:
        """Do what jobs/translate.py does."""
        request = TranslateRequest(
            (Location(self._model),),
            str(self.folder / "in"),
            Location(self.folder / "out"),
            **{"search": SEARCH, **options},
        )
        return job.translate(request)

    def decode(
        self, request: Any, info: Any, what: Any, corpus: Any, units: Any, output: Output, _: Any
    ) -> None:
        """Takes the place of the pool of actors."""
        work = replace(job.work_of(request, what, corpus), generation=output.generation)
        for unit in units:
            if unit.number not in output.records():
                translate_unit(unit, work, loaded(work), output)
                self.decoded.append(unit.number)
                self.meanwhile(unit.number)


@pytest.fixture
def night(tmp_path, saved_models, monkeypatch) -> Night:
    found = Night(tmp_path, saved_models[0])
    monkeypatch.setattr(job, "_decode", found.decode)
    return found


def given(night: Night) -> list[str]:
    files = sorted((night.folder / "in").iterdir())
    return [line for file in files for line in file.read_text().splitlines()]


def written(night: Night) -> list[str]:
    """The sources of the translations that the manifest names."""
    output = Output(Location(night.folder / "out"))
    names = (output.location / "manifest.json").read_json()["files"]
    columns = [output.read(n).column("source") for n in names if n.startswith("translations/")]
    return [text for column in columns for text in column.to_pylist()]


def test_an_input_that_changes_under_the_job_is_never_in_a_manifest(night) -> None:
    """Replaced by as many rows; put back; and taken as it is."""
    before = given(night)
    night.meanwhile = lambda number: number == 0 and night.write("b", "A dog.")
    with pytest.raises(JobFailed, match=r"/in/b\.txt: changed or removed .+ --overwrite") as caught:
        night.translate()
    assert "\n" not in str(caught.value)
    assert not (night.folder / "out/manifest.json").exists()
    night.meanwhile = lambda number: None
    with pytest.raises(UnusableInput, match=r"b\.txt: sha256 .+ → sha256 .+; give another"):
        night.translate()
    night.write("b", "A cat.")
    night.translate()
    assert written(night) == before
    assert night.decoded == [0, 1, 2, 3, 2, 3]  # those with rows of b, again
    night.write("b", "A dog.")
    night.translate(overwrite=True)
    assert written(night) == given(night)

"""A job with a cache goes on wherever it was killed, and ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cached_jobs import assert_same, origins, write_corpus
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.cluster.tasks import Tasks
from nmt.translation.cache.upkeep import settle

pytestmark = pytest.mark.system  # whole jobs, each done several times

OPTIONS: dict[str, Any] = {"alignments": True, "heatmaps": 3}
# A pass: 3 groups hashed, 8 ranges looked up, 3 groups noted; units; new files settled.
# Two of the units wait for the second pass.
PASS = 3 + 8 + 3
MOMENTS = [1, 9, PASS, "unit 0", "unit 2", "before settling", "after settling", PASS + 1 + 12]


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal(Tasks):
    """Tasks of which a chosen one ends the job."""

    def __init__(self, life: int) -> None:
        super().__init__(None)
        self.life = life

    def _live(self) -> None:
        self.life -= 1
        if self.life == 0:
            raise Killed

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._live()
        return super().submit(function, *arguments)

    def submit_parts(self, parts: int, function: Callable[..., Any], *arguments: Any) -> Any:
        self._live()
        return super().submit_parts(parts, function, *arguments)


@pytest.fixture(scope="module")
def undisturbed(models, demo_dataset, tmp_path_factory) -> tuple[Path, Path, tuple[int, int, int]]:
    """A corpus, the output of a job that nobody killed, and its counts."""
    folder = tmp_path_factory.mktemp("undisturbed")
    corpus = write_corpus(demo_dataset, folder / "in.txt", 150, 700)
    done = translate(models[0], corpus, folder / "out", cache=folder / "cache", **OPTIONS)
    return corpus, folder / "out", origins(done)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_job_goes_on_wherever_it_was_killed(
    models, undisturbed, tmp_path, monkeypatch, moment
) -> None:
    monkeypatch.setattr("nmt.translation.cache.job._GROUP", 256)
    corpus, expected, counts = undisturbed
    cache, output = tmp_path / "cache", tmp_path / "out"

    def interrupt(number: int) -> None:
        if moment == f"unit {number}":
            raise Killed

    def settled(*arguments: Any) -> None:
        if moment == "after settling":
            settle(*arguments)
        if moment in ("before settling", "after settling"):
            raise Killed
        settle(*arguments)

    tasks = Mortal(moment) if isinstance(moment, int) else None
    with monkeypatch.context() as patch:
        patch.setattr("nmt.translation.cache.job.settle", settled)
        with pytest.raises(Killed):
            translate(*(models[0], corpus, output, tasks, interrupt), cache=cache, **OPTIONS)
    assert not (output / "_SUCCESS").exists()
    again = translate(models[0], corpus, output, cache=cache, **OPTIONS)
    assert_same(expected, output)
    assert origins(again) == counts
    assert not list(cache.rglob("new/*"))
    assert not (output / "_scratch").exists()

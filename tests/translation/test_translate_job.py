"""A job writes what it says it writes, whatever others do meanwhile to its input and output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from outputs import SEARCH, loaded

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.storage.location import Location
from nmt.translation import job
from nmt.translation.outcome import Outcome
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest
from nmt.translation.work import Work
from nmt.translation.worker import translate_unit

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

    def translate(self, **options: Any) -> Outcome | None:
        """Do what jobs/translate.py does."""
        request = TranslateRequest(
            (Location(self._model),),
            str(self.folder / "in"),
            Location(self.folder / "out"),
            **{"search": SEARCH, **options},
        )
        return job.translate(request)

    def decode(
        self, request: Any, info: Any, what: Any, corpus: Any, units: Any, output: Output, *_: Any
    ) -> None:
        """Takes the place of the pool of actors."""
        work = replace(job.work_of(request, info, what, corpus), generation=output.generation)
        for unit in units:
            if unit.number not in {record.unit for record in output.records()}:
                translate_unit(unit, work, loaded(work), output)
                self.decoded.append(unit.number)
                self.meanwhile(unit.number)


@pytest.fixture
def night(tmp_path, saved_models, monkeypatch) -> Night:
    found = Night(tmp_path, saved_models[0])
    monkeypatch.setattr(job, "_decode", found.decode)
    monkeypatch.setattr(job, "wait_for_stores", lambda: None)  # for the rest of the process
    return found


def given(night: Night) -> list[str]:
    files = sorted((night.folder / "in").iterdir())
    return [line for file in files for line in file.read_text().splitlines()]


def written(night: Night) -> list[str]:
    """The sources of the translations that the manifest names."""
    output = Output(Location(night.folder / "out"))
    names = (output.location / "manifest.json").read_json()["files"]
    columns = [
        read_table(output.location / n).column("source")
        for n in names
        if n.startswith("translations/")
    ]
    return [text for column in columns for text in column.to_pylist()]


@pytest.mark.system
@pytest.mark.parametrize(("after", "decoded"), [(0, [0, 1]), (2, [0, 1, 2]), (3, [0, 1, 2, 3])])
def test_an_input_that_changes_under_the_job_is_never_in_a_manifest(night, after, decoded) -> None:
    """Replaced by as many rows; put back; and taken as it is."""
    before = given(night)
    night.meanwhile = lambda number: number == after and night.write("b", "A dog.")
    with pytest.raises(JobFailed, match=r"/in/b\.txt: changed or removed .+ --overwrite") as caught:
        night.translate()
    assert "\n" not in str(caught.value)
    assert not (night.folder / "out/manifest.json").exists()
    assert night.decoded == decoded
    night.meanwhile = lambda number: None
    with pytest.raises(UnusableInput, match=r"--input: .*b\.txt has changed\); give another"):
        night.translate()
    night.write("b", "A cat.")
    night.translate()
    assert written(night) == before
    assert night.decoded == [*decoded, 2, 3]  # those with rows of b, again
    night.write("b", "A dog.")
    night.translate(overwrite=True)
    assert written(night) == given(night)


def content(folder: Path) -> dict[str, bytes]:
    """All files but the lease, which says who was there last."""
    files = [p for p in folder.rglob("*") if p.is_file() and "_lease" not in p.name]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.system
def test_a_job_that_slept_writes_nothing_over_the_one_that_took_over(night, monkeypatch) -> None:
    """Paused before its report, and before its manifest; the other finishes and leaves."""
    output = night.folder / "out"
    for paused, stopped in ((job, "close"), (Output, "finish")):
        night.translate(overwrite=True, search=SEARCH.model_copy(update={"beam_size": 2}))
        found: dict[str, bytes] = {}
        real = getattr(paused, stopped)

        def taken_over(*arguments: Any, real=real, found=found) -> Any:
            lease = Location(output / "_lease.json")
            lease.write_json({**lease.read_json(), "owner": "other", "released": True})
            found |= content(output)
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(paused, stopped, taken_over)
            # It hears nothing of that by itself.
            with pytest.raises(JobFailed, match="this job lost its lease"):
                night.translate(overwrite=True, lease_seconds=300.0)
        assert found
        assert content(output) == found


def test_a_job_that_is_refused_at_the_last_moment_changes_nothing(night, monkeypatch) -> None:
    """Another job with other settings has begun and ended since this one has looked."""
    real, found = Output.check, {}

    def raced(self: Output, *arguments: Any) -> None:
        monkeypatch.setattr(Output, "check", real)
        real(self, *arguments)
        night.translate(search=SEARCH.model_copy(update={"beam_size": 2}))
        found.update(content(night.folder / "out"))

    monkeypatch.setattr(Output, "check", raced)
    with pytest.raises(UnusableInput, match="in use with other settings"):
        night.translate()
    assert "_SUCCESS" in found
    assert content(night.folder / "out") == found


class Cluster:
    """What Ray says of a cluster of so many CPUs on one node."""

    def __init__(self, cpus: int) -> None:
        self._resources = {"CPU": cpus} if cpus else {}

    def cluster_resources(self) -> dict[str, int]:
        return self._resources

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Resources": self._resources}]


@pytest.mark.parametrize(
    ("cpus", "rows", "options", "hint"),
    [
        (0, 200_000, {"address": "head:6379"}, "--actors 1:10 "),
        (4, 900_000, {"address": "head:6379"}, "--actors 4:25 "),
        (64, 900_000, {"address": "head:6379"}, None),
        (1, 9_000, {"address": "head:6379"}, None),
        (1, 900_000, {"address": "head:6379", "actors": (1, 2)}, None),
        (1, 900_000, {}, None),
    ],
)
def test_a_pool_that_cannot_grow_is_said_where_it_matters(
    capsys, monkeypatch, cpus: int, rows: int, options: dict[str, Any], hint: str | None
) -> None:
    awaited: list[int] = []
    monkeypatch.setattr(job, "wait_for_room", lambda ray, share, least: awaited.append(least))
    request = TranslateRequest((), "in", Location("out"), search=SEARCH, **options)
    work: Any = Work(*(None,) * len(fields(Work)))
    pool = job._pool(request, work, None, rows, 25, Cluster(cpus))
    said = capsys.readouterr().err
    assert (hint or "") in said
    assert ("can grow" in said) == (hint is not None)
    assert (pool.least, pool.most) == options.get("actors", (pool.most, pool.most))
    assert awaited == ([pool.least] if "address" in options else [])

"""An output that takes another's place: never a mixture, wherever it is interrupted."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logged import messages
from output_runs import UNITS, counts, job, run

from nmt import model_folder, records
from nmt.errors import JobFailed, UnusableInput
from nmt.records.output import Manifest
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest
from nmt.translation.verify.output import verify


def read(folder: Path) -> list[str]:
    """The translations as a reader finds them who goes by the manifest."""
    files = (Location(folder) / "manifest.json").read_json()["files"]
    return [
        text for f in sorted(files) for text in pq.read_table(folder / f)["translation"].to_pylist()
    ]


def everything(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != "_job.json"
    )


class Stop(BaseException):
    """The process is killed."""


@pytest.fixture
def killed_after(monkeypatch) -> Iterator:
    """A function that kills whoever changes a store for the n-th time."""
    real_store, real_create, real_delete = Location._store, Location.write_within, Location.delete

    def arm(changes: float) -> None:
        left = [changes]

        def counted(real):
            def change(self: Location, *data: bytes) -> object:
                left[0] -= 1
                if left[0] < 0:
                    raise Stop
                return real(self, *data)

            return change

        monkeypatch.setattr(Location, "_store", counted(real_store))
        monkeypatch.setattr(Location, "write_within", counted(real_create))
        monkeypatch.setattr(Location, "delete", counted(real_delete))

    return arm


@pytest.mark.system
def test_overwriting_can_be_interrupted_anywhere(tmp_path, killed_after) -> None:
    texts = {beam: [f"by {beam}"] * 6 for beam in (1, 2)}
    interruptions = 0
    for changes in range(100):
        folder = tmp_path / f"{changes}"
        killed_after(float("inf"))
        run(folder, 1)
        assert read(folder) == texts[1]
        killed_after(changes)
        try:
            run(folder, 2)
            break
        except Stop:
            interruptions += 1
        killed_after(float("inf"))
        assert read(folder) in texts.values()  # one or the other, never both
        assert not (folder / "_SUCCESS").exists() or changes == 0
        assert verify(Location(folder)).violations == []
        run(folder, 2)
        assert read(folder) == texts[2]
        assert verify(Location(folder)).violations == []
        assert verify(Location(folder)).notes == []
    assert interruptions > 15
    assert everything(tmp_path / "0") == everything(folder)
    assert [name for name in everything(folder) if "part" in name] == [
        "export/part-g2-00000.txt",
        *(f"translations/part-g2-{number:05d}.parquet" for number in range(3)),
    ]
    assert (folder / "export/part-g2-00000.txt").read_text() == "by 2\n" * 6
    assert [path.name for path in (folder / "report/heatmaps").iterdir()] == [
        "g2-row-000000002.png"
    ]


def test_overwriting_what_was_never_finished(tmp_path, killed_after) -> None:
    killed_after(8)
    with pytest.raises(Stop):
        run(tmp_path, 1)
    for beam in (2, 3, 2):
        killed_after(6)
        with pytest.raises(Stop):
            run(tmp_path, beam)
    killed_after(float("inf"))
    run(tmp_path, 2)
    assert read(tmp_path) == ["by 2"] * 6
    assert verify(Location(tmp_path)).violations == []
    assert len(list((tmp_path / "translations").iterdir())) == 3
    assert len(list((tmp_path / "_units").iterdir())) == 3


def test_an_input_that_changed_is_refused_by_its_name(tmp_path) -> None:
    inputs = {"s3://b/day 1.txt": "sha256 aa", "s3://b/day 2.txt": "sha256 bb"}
    out = Output(Location(tmp_path))
    out.begin(job(1, inputs=inputs), overwrite=False)
    for changed in ({**inputs, "s3://b/day 2.txt": "sha256 cc"}, {"s3://b/day 1.txt": "sha256 aa"}):
        state = "--input: s3://b/day 2.txt (has changed|is no longer an input)"
        with pytest.raises(UnusableInput, match=state) as caught:
            out.check(job(1, inputs=changed), overwrite=False)
        assert "day 1" not in str(caught.value)
        assert "--overwrite" in str(caught.value)


def test_who_may_no_longer_write_commits_nothing(tmp_path) -> None:
    def guard() -> None:
        raise JobFailed("lost")

    out = Output(Location(tmp_path), guard=guard)
    with pytest.raises(JobFailed, match="lost"):
        out.commit(UNITS[0], {"translations/part-00000.parquet": pa.table({"a": [1]})}, {})
    with pytest.raises(JobFailed, match="lost"):
        out.forget({0})
    with pytest.raises(JobFailed, match="lost"):
        out.finish({"files": {}})
    assert list(tmp_path.iterdir()) == []


def test_forgotten_units_are_done_again(tmp_path) -> None:
    run(tmp_path, 1)
    out = Output(Location(tmp_path))
    out.forget({1})
    assert [record.unit for record in out.records()] == [0, 2]


def test_what_an_earlier_attempt_at_a_unit_left_goes_at_the_end(tmp_path) -> None:
    """As its rejected rows, where a later one has none: readers of the folder would read both.
    What is of no unit is somebody's."""
    run(tmp_path, 1)
    out, manifest = Output(Location(tmp_path)), tmp_path / "manifest.json"
    before = sorted(everything(tmp_path))
    for name in ("rejected/part-00000.parquet", "rejected/part-99999.parquet"):
        (out.location / name).write_bytes(b"")
    out.finish(records.read(Location(manifest), Manifest))
    assert everything(tmp_path) == sorted([*before, "rejected/part-99999.parquet"])


def test_a_job_goes_on_with_the_runtime_that_it_began_with(tmp_path, saved_models) -> None:
    """Also when the model has got graphs for another one meanwhile."""
    out, model = Output(Location(tmp_path / "out")), Location(saved_models[0])
    assert out.runtime() is None
    info = model_folder.check(model)
    request = TranslateRequest((model,), "in.txt", out.location, search=SearchSettings())
    assert request.resolved(info, "tensorflow").search.runtime == "tensorflow"
    with pytest.raises(UnusableInput, match="nmt export"):  # and they are gone
        request.resolved(info, "onnx")
    settings = {**job(1).to_json()["settings"], "search": {"runtime": "tensorflow"}}
    out.begin(job(1, settings=settings), overwrite=False)
    assert out.runtime() == "tensorflow"


def test_an_output_belongs_to_one_job(tmp_path) -> None:
    out = Output(Location(tmp_path / "out"))
    assert out.begin(job(1), overwrite=False) is None
    assert out.begin(job(1), overwrite=False) is None  # begun, not finished: it goes on
    other = job(5)
    for attempt in (out.begin, out.check):
        with pytest.raises(UnusableInput, match="beam_size 1 → 5") as caught:
            attempt(other, False)
        assert "\n" not in str(caught.value)
    ended = {"counts": counts(0), "files": {}, "input_files": [], "exit_status": 0}
    manifest = Manifest.model_validate({**job(1).to_json(), **ended})
    out.finish(manifest)
    for overwrite in (False, True):  # finished: its verdict
        assert out.begin(job(1), overwrite) == out.finished(job(1)) == manifest
    assert out.begin(other, overwrite=True) is None
    assert out.finished(other) is None
    assert not (tmp_path / "out/_SUCCESS").exists()
    with pytest.raises(UnusableInput, match="in use with other settings"):
        out.begin(job(1), overwrite=False)


def test_a_file_that_was_added_meanwhile_makes_a_finished_job_no_other_one(tmp_path) -> None:
    """If its verdict knows of it; of another one the same command says that it is new."""
    inputs = {"in/a.txt": "sha256 aa"}
    later = {**inputs, "in/late.txt": "sha256 bb"}
    out = Output(Location(tmp_path))
    out.begin(job(1, inputs=inputs), overwrite=False)
    ended = {"counts": counts(0), "files": {}, "input_files": [], "exit_status": 3}
    content = {**job(1, inputs=inputs).to_json(), **ended, "added_files": ["in/late.txt"]}
    manifest = Manifest.model_validate(content)
    out.finish(manifest)
    for same in (inputs, later):
        assert out.finished(job(1, inputs=same)) == manifest
        assert out.begin(job(1, inputs=same), overwrite=False) == manifest
    for other in (job(1, inputs={**later, "in/c.txt": "sha256 cc"}), job(2, inputs=later)):
        assert out.finished(other) is None
        with pytest.raises(UnusableInput, match="in use with other settings or inputs"):
            out.begin(other, overwrite=False)


def test_a_link_in_the_place_of_the_mark_is_refused(tmp_path, monkeypatch) -> None:
    """It may lead to somebody's file: planted before the job, or while it ran."""
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    real = Output.others

    def plant(self: Output) -> dict:
        (tmp_path / "out/_SUCCESS").symlink_to(theirs)
        return real(self)

    monkeypatch.setattr(Output, "others", plant)
    for _ in range(2):
        with pytest.raises(UnusableInput, match=r"_SUCCESS: a link, where none may lie; remove it"):
            run(tmp_path / "out", 1)
    assert theirs.read_bytes() == b"theirs"


def test_an_output_of_the_last_generation_is_not_overwritten(tmp_path) -> None:
    """Somebody else wrote so; what a job would write then nobody could read."""
    run(tmp_path, 1)
    marker = tmp_path / "_job.json"
    marker.write_text(marker.read_text().replace("{", '{"generation": 1000000,', 1))
    with pytest.raises(UnusableInput, match=r"is of generation 1,000,000, after which there is"):
        run(tmp_path, 2)
    assert (tmp_path / "_SUCCESS").exists()


def test_a_folder_of_others_is_never_touched(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    for overwrite in (False, True):
        with pytest.raises(UnusableInput, match="no translation"):
            Output(Location(tmp_path)).begin(job(1), overwrite)
        with pytest.raises(UnusableInput, match="no translation"):
            Output(Location(tmp_path / "mine.txt")).begin(job(1), overwrite)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert Output(Location(empty)).begin(job(1), False) is None


def test_checking_writes_nothing(tmp_path) -> None:
    Output(Location(tmp_path / "out")).check(job(1), overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_many_damaged_files_are_few_warnings(tmp_path, capsys) -> None:
    out = Output(Location(tmp_path))
    for number in range(300):
        for name in (f"_units/{number:05d}.json", f"report/heatmaps/words-{number:05d}.json"):
            (out.location / name).write_text("{" if number % 2 else "[]")
    assert (out.committed(UNITS), out.drawings.attention()) == (set(), {})
    lines = messages(capsys.readouterr().err)
    assert len(lines) < 120
    for name in ("_units/00000", "report/heatmaps/words-00001"):
        assert f" more like '{tmp_path}/{name}.json: " in "\n".join(lines)
    assert out.record_files() == []

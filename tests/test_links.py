"""Nothing is read, written or removed through a link, and nothing but files of ours is removed."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest
from outputs import asked, translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.cli.settings_file import read_config
from nmt.corpus.prepare import prepare
from nmt.corpus.request import PrepareRequest
from nmt.errors import UnusableInput
from nmt.evaluation.job import evaluate
from nmt.records.cache import CachedSearch, GenerationKey
from nmt.settings import DataSettings, SearchSettings
from nmt.storage.compare_and_swap import versioned_file
from nmt.storage.location import Location
from nmt.training.best_models import BestModels
from nmt.training.checkpoint import CheckpointStore
from nmt.translation.cache.generations import depends_on, generations, open_generation
from nmt.translation.output import Output

GENERATION = GenerationKey(model_id="x", search=CachedSearch(beam_size=1))


SETTINGS = depends_on("0" * 64, SearchSettings(), None, False)


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "device"])
def test_what_is_no_plain_file_is_not_read(tmp_path: Path, kind) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/secret").write_text("secret")
    out = tmp_path / "out"
    (out / "translations").mkdir(parents=True)
    match kind:
        case "link":
            (out / "translations/part").symlink_to(tmp_path / "other/secret")
        case "link to a folder":
            (out / "translations").rmdir()
            (out / "translations").symlink_to(tmp_path / "other")
        case "pipe":
            os.mkfifo(out / "translations/part")
        case "device":
            os.mknod(out / "translations/part", 0o600 | 0o020000, os.makedev(1, 3))
    with pytest.raises(UnusableInput, match="remove it"):
        Location(out).named("translations/part")


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="only Linux has it")
def test_a_file_that_hides_its_size_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(UnusableInput, match="/proc/self/environ: has no size"):
        read_config("/proc/self/environ")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    out = Location(tmp_path / "link")
    (out / "a" / "b").write_text("x")
    assert out.named("a/b").read_text() == "x"
    (out / "a").delete_own(re.compile("b"))
    assert not (tmp_path / "real/a").exists()


def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/theirs").write_text("theirs")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report").symlink_to(tmp_path / "other")
    report = Location(tmp_path / "out") / "report"

    def remove_folder() -> None:
        report.delete_own(re.compile("theirs"))

    for action in (report.delete, remove_folder, (report / "theirs").delete):
        with pytest.raises(UnusableInput, match="/out/report: a link"):
            action()
    with pytest.raises(UnusableInput, match="/out/report: a link"):
        (report / "new").write_text("x")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["theirs"]


def test_the_temporary_name_of_a_file_cannot_be_foreseen(tmp_path, monkeypatch) -> None:
    names = []
    replace = os.replace

    def watched(source, target, **folders) -> None:
        names.append(Path(source).name)
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", watched)
    for _ in range(2):
        Location(tmp_path / "a").write_text("x")
    assert len(set(names)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask
    monkeypatch.setattr("nmt.storage.below.secrets.token_hex", lambda _: "known")
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    (tmp_path / ".b.known.tmp").symlink_to(victim)
    with pytest.raises(UnusableInput):
        Location(tmp_path / "b").write_text("x")
    assert victim.read_text() == "theirs"


def test_no_picture_is_shown_through_a_link(night: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.png"
    shutil.copy(next((night / "report/heatmaps").glob("*.png")), private)
    shutil.rmtree(night / "report/heatmaps")
    (night / "report/heatmaps").mkdir()
    (night / "report/heatmaps/row-000000000.png").symlink_to(private)
    with pytest.raises(UnusableInput, match=r"heatmaps/row-000000000\.png: a link"):
        evaluate(asked(night))


def test_links_that_lead_in_a_circle_are_not_followed(night: Path, tmp_path: Path) -> None:
    for folder in (night / "report", tmp_path / "cache", tmp_path / "run"):
        folder.mkdir(exist_ok=True)
        (folder / "one").symlink_to(".")
        (folder / "two").symlink_to(".")
    assert len(Location(tmp_path / "run").files(recursive=True)) == 2
    with pytest.raises(UnusableInput, match="no cache"):
        generations(Location(tmp_path / "cache"))


def test_a_cache_is_measured_without_what_it_links_to(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/big.parquet").write_bytes(bytes(100_000))
    own = open_generation(Location(tmp_path / "cache"), SETTINGS)
    (Path(own.location.uri) / "017").symlink_to(tmp_path / "other")
    (found,) = generations(Location(tmp_path / "cache"))
    assert (found.files, found.bytes) == (0, 0)
    found.delete()
    assert (tmp_path / "other/big.parquet").exists()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_only_our_own_files_are_removed(saved_models, tmp_path: Path, monkeypatch) -> None:
    """Whatever a stored file says that the folder is."""
    data = Location(tmp_path / "data")
    request = PrepareRequest(data, DataSettings(valid_fraction=0.1, test_fraction=0.1), demo=200)
    with monkeypatch.context() as patch:
        patch.setattr("nmt.corpus.prepare.record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(request)
    run, cache = Location(tmp_path / "run"), Location(tmp_path / "cache")
    store = CheckpointStore(run, 1)
    store.keep(1, lambda folder: (folder / "progress.json").write_text("{}"))
    (tmp_path / "in.txt").write_text("A dog sleeps.\n")
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out")
    generation = open_generation(cache, SETTINGS).location
    theirs = [
        *(data / "train/thesis.tex", data / "rejected/letters/a.txt"),
        *(run / "checkpoint_0000001/notes.txt", generation / "notes/mine.parquet"),
        Location(tmp_path / "out/report/heatmaps/mine.png"),
    ]
    for file in theirs:
        file.write_text("theirs")
    prepare(request)
    store.keep(2, lambda folder: (folder / "progress.json").write_text("{}"))
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out", overwrite=True, heatmaps=1)
    (found,) = generations(cache)
    found.delete()
    assert [file.read_text() for file in theirs] == ["theirs"] * len(theirs)
    assert not (run / "checkpoint_0000001/progress.json").exists()
    assert not (generation / "generation.json").exists()


def test_a_link_that_is_planted_between_look_and_use_leads_nowhere(
    tmp_path: Path, monkeypatch
) -> None:
    """As in a race that is always won: the look finds no link, then there is one."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/file").write_text("theirs")
    (tmp_path / "out/report").mkdir(parents=True)
    place = Location(tmp_path / "out") / "report" / "file"
    place.write_text("ours")
    real = Location.refuse_links

    def remove_folder() -> None:
        place.parent.delete_own(re.compile("file"))

    def late(location: Location) -> None:
        real(location)
        report = tmp_path / "out/report"
        if not report.is_symlink():
            shutil.rmtree(report)
            report.symlink_to(tmp_path / "victim")

    uses = (place.read_text, lambda: place.write_text("x"), place.delete, remove_folder)
    lock = versioned_file(place)
    for use in (*uses, lambda: place.rename("aside"), lambda: lock.replace(b"x", None)):
        report = tmp_path / "out/report"
        if report.is_symlink():
            report.unlink()
        report.mkdir(exist_ok=True)
        monkeypatch.setattr(Location, "refuse_links", late)
        with contextlib.suppress(UnusableInput):
            assert use() != "theirs"
        monkeypatch.setattr(Location, "refuse_links", real)
        assert (tmp_path / "victim/file").read_text() == "theirs"
        assert [path.name for path in (tmp_path / "victim").iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["hard link", "folder", "pipe"])
def test_a_lock_that_is_something_else_is_left_alone(tmp_path: Path, kind) -> None:
    lock = tmp_path / "._lease.json.lock.tmp"
    other = tmp_path / "other"
    other.write_text("theirs")
    other.chmod(0o644)
    match kind:
        case "hard link":
            os.link(other, lock)
        case "folder":
            lock.mkdir()
        case "pipe":
            os.mkfifo(lock)
    with pytest.raises(UnusableInput, match="remove it"):
        versioned_file(Location(tmp_path / "_lease.json")).replace(b"x", None)
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("folder", ["manifest.json", "_units", "report"])
def test_an_output_is_not_read_through_a_link(night: Path, tmp_path: Path, folder) -> None:
    shutil.move(night / folder, tmp_path / "other")
    (night / folder).symlink_to(tmp_path / "other")
    output = Output(Location(night))
    with pytest.raises(UnusableInput, match=f"/out/{folder}: a link"):
        _ = output.records(), output.drawings.heatmaps(), evaluate(asked(night))


def test_the_best_models_are_not_tidied_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other/step-0000001").mkdir(parents=True)
    (tmp_path / "other/step-0000001/model.json").write_text("theirs")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/best").symlink_to(tmp_path / "other")
    BestModels(Location(tmp_path / "run") / "best", 2, "bleu").tidy([])
    assert (tmp_path / "other/step-0000001/model.json").read_text() == "theirs"


def test_only_models_of_steps_are_tidied(tmp_path: Path) -> None:
    for name in ("step-0000001/model.json", "mine/notes.txt", "notes.txt", "step-x/y"):
        (Location(tmp_path) / name).write_text("x")
    BestModels(Location(tmp_path), 2, "bleu").tidy([])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "notes.txt", "step-x"]


@pytest.mark.parametrize("folder", ["report", "translations", "_units"])
def test_an_overwritten_output_takes_nothing_along_through_a_link(
    saved_models, night: Path, tmp_path: Path, folder
) -> None:
    shutil.move(night / folder, tmp_path / "other")
    (night / folder).symlink_to(tmp_path / "other")
    before = {path: path.read_bytes() for path in (tmp_path / "other").rglob("*") if path.is_file()}
    with pytest.raises(UnusableInput, match=f"/out/{folder}: a link"):
        translate(saved_models[0], tmp_path / "in.txt", night, overwrite=True, alignments=True)
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_of_somebody_else_is_no_generation(tmp_path: Path) -> None:
    cache = Location(tmp_path)
    own = open_generation(cache, GENERATION)
    description = (own.location / "generation.json").read_text()
    for name in ("theirs", "0" * 32):
        (cache / name / "generation.json").write_text(description)
    assert [g.location.name for g in generations(cache)] == [own.location.name]


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "._lease.json.lock.tmp").symlink_to(tmp_path / "other")
    with pytest.raises((OSError, UnusableInput)):
        versioned_file(Location(tmp_path / "_lease.json")).replace(b"x", None)
    assert not (tmp_path / "other").exists()

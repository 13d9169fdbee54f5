"""Whoever can write into a folder of ours names no file outside of it: nothing else is read,
written or removed through names in stored files or through links."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.corpus.prepare import prepare
from nmt.corpus.readers import open_pairs
from nmt.corpus.request import PrepareRequest
from nmt.errors import AllDamaged, UnusableInput
from nmt.evaluation.baseline import read_baseline
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.records.cache import CachedSearch, GenerationKey
from nmt.settings import DataSettings, SearchSettings
from nmt.shards.dataset import Dataset
from nmt.storage.compare_and_swap import exchange_at
from nmt.storage.location import Location
from nmt.training.best_models import BestModels
from nmt.training.checkpoint import CheckpointStore
from nmt.translation.cache.generations import depends_on, generations, open_generation
from nmt.translation.cache.keys import digest_of, keys_of
from nmt.translation.output import Output
from nmt.translation.verify.output import verify

SETTINGS = depends_on("0" * 64, SearchSettings(), None, False)
HOSTILE = [
    *("/etc/passwd", "../secret", "a/../../secret", "", ".", "a//b", "a/", "..", "a\0b", "a\nb"),
    *("a\\..\\b", None, 5, ["x"], "\udcff", "x" * 300, "é" * 128, "a/" * 2000 + "b"),
]

GENERATION = GenerationKey(model_id="x", search=CachedSearch(beam_size=1))


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_name_that_is_none_below_the_folder_is_damage(tmp_path: Path, name) -> None:
    for place in (Location(tmp_path), Location("s3://bucket/out")):
        with pytest.raises(UnusableInput) as caught:
            place.named(name)
        assert str(caught.value).startswith(f"{place}: damaged, for it names a file ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a/b.parquet", "..a", "a b", "Ü/漢", "%2e%2e/x", "-"])
def test_a_name_below_the_folder_is_taken_as_it_is(tmp_path: Path, name) -> None:
    assert Location(tmp_path).named(name).uri == f"{tmp_path}/{name}"


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


@pytest.mark.parametrize("where", ["absolute", "above", "below"])
def test_a_checkpoint_writes_nothing_outside_of_its_folder(tmp_path: Path, where) -> None:
    run, home = tmp_path / "run", tmp_path / "home"
    home.mkdir()
    name = {"absolute": f"{home}/.profile", "above": "../home/.profile", "below": "x/.profile"}[
        where
    ]
    store = CheckpointStore(Location(run), 2)
    store.keep(3, lambda folder: (folder / "progress.json").write_text("{}"))
    checkpoint = run / "checkpoint_0000003"
    evil = b"evil"
    for place in (checkpoint / name.lstrip("/"), checkpoint / "x/.profile"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(evil)
    entry = {"bytes": len(evil), "sha256": hashlib.sha256(evil).hexdigest()}
    (checkpoint / "checkpoint.json").write_text(json.dumps({"step": 3, "files": {name: entry}}))
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(AllDamaged):
        store.fetch_newest(tmp_path / "folder")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "folder"])


def test_a_dataset_reads_nothing_outside_of_its_folder(demo_dataset, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(demo_dataset.location.uri, folder)
    info = json.loads((folder / "dataset.json").read_text())
    shutil.copy(folder / info["tokenizer"]["source"]["file"], tmp_path / "private")
    shutil.copy(folder / info["files"]["train"][0]["name"], tmp_path / "private.parquet")
    info["files"]["train"][0]["name"] = "../private.parquet"
    (folder / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UnusableInput, match=r"'\.\./private\.parquet', which is none below it"):
        next(Dataset.open(Location(folder)).read("train"))
    info["tokenizer"]["source"]["file"] = "../private"
    (folder / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UnusableInput, match=r"'\.\./private', which is none below it"):
        Dataset.open(Location(folder))


def test_shards_that_were_exchanged_are_not_read(demo_dataset, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(demo_dataset.location.uri, folder)
    part = Path(Dataset.open(Location(folder)).files("train")[0].uri)
    rows = pq.read_table(part)
    pq.write_table(rows.take(list(reversed(range(rows.num_rows)))), part)
    with pytest.raises(UnusableInput, match=f"{part}: (has|is not).* written.*; prepare the data"):
        next(Dataset.open(Location(folder)).read("train"))


def test_a_dataset_has_the_rows_that_it_says(demo_dataset, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(demo_dataset.location.uri, folder)
    info = json.loads((folder / "dataset.json").read_text())
    info["files"]["train"][0]["rows"] *= 1000
    info["lengths"] = {key: 1000 * count for key, count in info["lengths"].items()}
    (folder / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UnusableInput, match=r"rows, not the .* that were written"):
        next(Dataset.open(Location(folder)).read("train"))


@pytest.fixture
def night(saved_models, tmp_path: Path) -> Path:
    """A finished output."""
    (tmp_path / "in.txt").write_text("A dog sleeps.\nThe cat sees a dog.\n")
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out")
    return tmp_path / "out"


def renamed(out: Path, name: str, own: str = "translations/part-00000.parquet") -> None:
    """Have the manifest name one of its files otherwise."""
    file = out / "manifest.json"
    manifest = json.loads(file.read_text())
    files = manifest["files"]
    files[name] = files.pop(own)
    file.write_text(json.dumps(manifest))


def asked(out: Path) -> EvaluateRequest:
    references = out.parent / "references.txt"
    references.write_text("Ein Hund schläft.\nDie Katze sieht einen Hund.\n")
    return EvaluateRequest(Location(out), Location(out.parent / "scores"), (str(references),))


def test_a_manifest_names_nothing_outside_of_its_folder(night: Path, tmp_path: Path) -> None:
    shutil.move(night / "translations", tmp_path / "private")
    (night / "translations").mkdir()
    (part,) = (tmp_path / "private").iterdir()
    renamed(night, f"translations/../../private/{part.name}")
    with pytest.raises(UnusableInput, match="which is none below it"):
        evaluate(asked(night))
    told = "\n".join(verify(Location(night)).violations)
    assert "which is none below it" in told


def test_verify_does_not_wait_for_a_pipe(night: Path) -> None:
    (part,) = (night / "translations").iterdir()
    part.unlink()
    os.mkfifo(part)
    assert "neither file nor folder" in "\n".join(verify(Location(night)).violations)


def test_translations_that_were_exchanged_are_not_evaluated(night: Path, tmp_path: Path) -> None:
    (part,) = (night / "translations").iterdir()
    data = part.read_bytes()
    pq.write_table(pq.read_table(part), part, compression="snappy")
    assert part.read_bytes() != data
    with pytest.raises(UnusableInput, match=r"(has|is not) .* written.*; translate again"):
        evaluate(asked(night))


def test_no_picture_is_shown_through_a_link(night: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.png"
    shutil.copy(next((night / "report/heatmaps").glob("*.png")), private)
    shutil.rmtree(night / "report/heatmaps")
    (night / "report/heatmaps").mkdir()
    (night / "report/heatmaps/row-000000000.png").symlink_to(private)
    with pytest.raises(UnusableInput, match=r"heatmaps/row-000000000\.png: a link"):
        evaluate(asked(night))


def test_neither_records_nor_a_baseline_are_looked_for_elsewhere(
    night: Path, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    for name in ("victim.json", "victim/x.json", "x.parquet"):
        (tmp_path / name).write_text("private")
    for name in ("../../victim/x", "../../x.parquet"):
        renamed(night, f"translations/{name}")
        with pytest.raises(UnusableInput, match="which is none below it") as caught:
            evaluate(asked(night))
        assert "private" not in str(caught.value)
        with pytest.raises(UnusableInput, match="which is none below it"):
            read_baseline(Location(night), Location(tmp_path / "new"))
        renamed(night, "translations/part-00000.parquet", f"translations/{name}")


def test_verify_looks_into_no_other_folder(saved_models, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "in.txt").write_text("A dog sleeps.\nThe cat sees a dog.\n")
    translate(saved_models[0], tmp_path / "in.txt", tmp_path / "out", alignments=True)
    for folder in ("translations", "alignments"):
        shutil.copy(tmp_path / f"out/{folder}/part-00000.parquet", tmp_path / folder)
        renamed(tmp_path / "out", f"{folder}/../../{folder}", f"{folder}/part-00000.parquet")
    opened = []
    real = Location.open
    monkeypatch.setattr(Location, "open", lambda place: (opened.append(place.uri), real(place))[1])
    assert "none below it" in "\n".join(verify(Location(tmp_path / "out")).violations)
    assert not [uri for uri in opened if ".." in uri or "/out/" not in uri]


@pytest.mark.parametrize(
    "name", ["_units/00000.json", "report/report.json", "report/heatmaps/*.png"]
)
def test_what_a_finished_output_says_besides_its_tables_is_compared(
    saved_models, tmp_path: Path, capsys, name
) -> None:
    table = pa.table({"id": ["a", "b", "c"], "source": ["A dog sleeps.", None, "We play."]})
    pq.write_table(table, tmp_path / "in.parquet")
    translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "out", heatmaps=3)
    (tmp_path / "references.txt").write_text("Ein Hund schläft.\n-\nWir spielen.\n")
    files = (str(tmp_path / "references.txt"),)
    request = EvaluateRequest(Location(tmp_path / "out"), Location(tmp_path / "scores"), files)
    evaluate(request)
    (file, *_) = sorted((tmp_path / "out").glob(name))
    name = str(file.relative_to(tmp_path / "out"))
    data = file.read_bytes()
    file.write_bytes(data[:-2] + b" " + data[-2:])
    assert f"{name}: " in "\n".join(verify(Location(tmp_path / "out")).violations)
    capsys.readouterr()
    if name.endswith(".png"):
        evaluate(request)
        assert f"{name}: has {len(data) + 1:,} bytes, not" in capsys.readouterr().err
    else:
        with pytest.raises(UnusableInput, match=r"bytes, not the .* that were written"):
            evaluate(request)


def test_links_that_lead_in_a_circle_are_not_followed(night: Path, tmp_path: Path) -> None:
    for folder in (night / "report", tmp_path / "cache", tmp_path / "run"):
        folder.mkdir(exist_ok=True)
        (folder / "one").symlink_to(".")
        (folder / "two").symlink_to(".")
    assert len(Location(tmp_path / "run").files(recursive=True)) == 2
    with pytest.raises(UnusableInput, match="no cache"):
        generations(Location(tmp_path / "cache"))


def test_a_memory_is_measured_without_what_it_links_to(tmp_path: Path) -> None:
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

    for use in (place.read_text, lambda: place.write_text("x"), place.delete, remove_folder):
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
        exchange_at(Location(tmp_path / "_lease.json")).replace(b"x", None)
    assert other.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("folder", ["manifest.json", "_units", "report"])
def test_an_output_is_not_read_through_a_link(night: Path, tmp_path: Path, folder) -> None:
    shutil.move(night / folder, tmp_path / "other")
    (night / folder).symlink_to(tmp_path / "other")
    output = Output(Location(night))
    with pytest.raises(UnusableInput, match=f"/out/{folder}: a link"):
        _ = output.records(), output.heatmaps(), evaluate(asked(night))


def test_an_archive_is_not_unpacked_to_the_names_in_it(tmp_path: Path) -> None:
    for name in ("../evil.tsv", "/tmp/evil.tsv", "a/../../evil.tsv"):
        file = tmp_path / "in" / "pairs.zip"
        file.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "a dog\tein Hund\n")
        before = sorted(tmp_path.rglob("*"))
        assert [row.source for row in open_pairs(Location(file)).rows()] == [b"a dog"]
        assert sorted(tmp_path.rglob("*")) == before


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


def test_a_memory_with_other_translations_is_set_aside(tmp_path: Path) -> None:
    cache = open_generation(Location(tmp_path), SETTINGS)
    schema = pa.schema([("translation", pa.string())])
    keys = keys_of(["one", "two"])
    file = cache.add(3, "run", pa.table({"key": keys, "translation": ["eins", "zwei"]}))
    assert cache.read(3, schema, "run")[0].num_rows == 2
    pq.write_table(pa.table({"key": keys, "translation": ["theirs", "theirs"]}), file.uri)
    assert cache.read(3, schema, "run")[0].num_rows == 0
    assert len(cache.damaged()) == 1


def test_a_memory_that_was_renamed_is_set_aside(tmp_path: Path) -> None:
    """A file is named by its keys; under another name it holds other sentences' translations."""
    cache = open_generation(Location(tmp_path), GENERATION)
    keys = keys_of(["one", "two"])
    file = cache.add(3, "run", pa.table({"key": keys, "translation": ["eins", "zwei"]}))
    assert cache.keys(3).to_pylist() == keys.to_pylist()
    name = file.name.replace(digest_of(keys), digest_of(keys_of(["three"])))
    os.rename(file.uri, Path(file.uri).with_name(name))
    assert cache.keys(3).to_pylist() == []
    assert len(cache.damaged()) == 1


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "._lease.json.lock.tmp").symlink_to(tmp_path / "other")
    with pytest.raises((OSError, UnusableInput)):
        exchange_at(Location(tmp_path / "_lease.json")).replace(b"x", None)
    assert not (tmp_path / "other").exists()

"""Whoever can write into a folder of ours names no file outside of it: nothing else is read,
written or removed through names in stored files or through links."""

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import asked, translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.corpus.readers import open_pairs
from nmt.errors import AllDamaged, UnusableInput
from nmt.evaluation.baseline import read_baseline
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.records.cache import CachedSearch, GenerationKey
from nmt.settings import SearchSettings
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.training.checkpoint import CheckpointStore
from nmt.translation.cache.generations import depends_on, open_generation
from nmt.translation.cache.keys import keys_of
from nmt.translation.cache.last_use import stamped
from nmt.translation.cache.reading import Columns
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
    part = info["files"]["train"][0]
    own, part["name"] = part["name"], "../private.parquet"
    (folder / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UnusableInput, match=r"'\.\./private\.parquet', which is none below it"):
        next(Dataset.open(Location(folder)).read("train"))
    part["name"] = own
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
    info["counts"]["train"] *= 1000
    (folder / "dataset.json").write_text(json.dumps(info))
    with pytest.raises(UnusableInput, match=r"rows, not the .* that were written"):
        next(Dataset.open(Location(folder)).read("train"))


def renamed(out: Path, name: str, own: str = "translations/part-00000.parquet") -> None:
    """Have the manifest name one of its files otherwise."""
    file = out / "manifest.json"
    manifest = json.loads(file.read_text())
    files = manifest["files"]
    files[name] = files.pop(own)
    file.write_text(json.dumps(manifest))


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


def test_an_archive_is_not_unpacked_to_the_names_in_it(tmp_path: Path) -> None:
    for name in ("../evil.tsv", "/tmp/evil.tsv", "a/../../evil.tsv"):
        file = tmp_path / "in" / "pairs.zip"
        file.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "a dog\tein Hund\n")
        before = sorted(tmp_path.rglob("*"))
        assert [row.source for row in open_pairs(Location(file)).rows()] == [b"a dog"]
        assert sorted(tmp_path.rglob("*")) == before


def test_a_cache_with_other_translations_is_set_aside(tmp_path: Path) -> None:
    cache = open_generation(Location(tmp_path), SETTINGS)
    columns = Columns(pa.schema([("translation", pa.string())]))
    keys = keys_of(["one", "two"])
    rows = stamped(pa.table({"key": keys, "translation": ["eins", "zwei"]}), cache.day)
    (file,) = cache.add("run", rows)
    assert cache.find(keys, columns, "run")[0].num_rows == 2
    other = pa.table({"key": keys, "translation": ["theirs", "theirs"]})
    (theirs,) = cache.add("theirs", stamped(other, cache.day))
    theirs.rename(file.name)
    assert cache.find(keys, columns, "run")[0].num_rows == 0
    assert len(cache.damaged()) == 1


def test_a_cache_that_was_renamed_is_set_aside(tmp_path: Path) -> None:
    """The name of a file has the digest of its contents."""
    cache = open_generation(Location(tmp_path), GENERATION)
    keys = keys_of(["one", "two"])
    rows = stamped(pa.table({"key": keys, "translation": ["eins", "zwei"]}), cache.day)
    (file,) = cache.add("run", rows)
    columns = Columns(pa.schema([("translation", pa.string())]))
    assert cache.find(keys, columns, "run")[0].num_rows == 2
    run, _, digest = file.name.partition("-")
    file.rename(f"{run}-{'0' * 32}{digest[32:]}")
    assert cache.find(keys, columns, "run")[0].num_rows == 0
    assert len(cache.damaged()) == 1

"""Everything on a real S3 server: with the right credentials, with wrong ones, and none told."""

import hashlib
import json
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import TINY, run
from outputs import translate
from s3 import READER_SECRET, SECRET, S3Server

from nmt.errors import AllDamaged, UnusableInput
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.shards.dataset import Dataset
from nmt.storage.location import Location
from nmt.storage.preflight import check_writable
from nmt.training.checkpoint import CheckpointStore
from nmt.translation.verify.output import verify

pytestmark = pytest.mark.system

BASE = "s3://nmt/pipeline"


@pytest.fixture(scope="module")
def prepared(s3_server: S3Server) -> S3Server:
    """A dataset on the server, made by the real command."""
    run("prepare", "--demo", "400", "--output", f"{BASE}/dataset", 
        "--valid-fraction", "0.1", "--test-fraction", "0.1", **s3_server.environment)  # fmt: skip
    return s3_server


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the jobs' own Rays keep their sessions; their sockets need a short path."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def names_below(uri: str) -> set[str]:
    """Every object below a folder, by its name there."""
    files = Location(uri).files(recursive=True)
    return {file.uri.removeprefix(f"{uri}/") for file in files}


def test_three_commands_on_s3_and_no_secret_anywhere(
    prepared: S3Server, s3: S3Server, scratch: Path
) -> None:
    """In a local Ray of the job's own, whose workers inherit the credentials."""
    told = []
    variables = {**s3.environment, "RAY_TMPDIR": str(scratch)}
    train = ["--data", f"{BASE}/dataset", "--output", f"{BASE}/run", *TINY]
    train += ["--set", "training.keep_best=2", "--set", "training.ema_decay=0.9"]
    train += ["--set", "training.accumulate=2"]
    told.append(run("train", *train, "--set", "training.epochs=3", **variables))
    lines = Location(f"{BASE}/run/metrics.jsonl").read_text().splitlines()
    told.append(run("train", *train, "--set", "training.epochs=4", **variables))
    assert "continuing from step" in told[-1].stderr
    after = Location(f"{BASE}/run/metrics.jsonl").read_text().splitlines()
    assert after[: len(lines)] == lines
    assert len(after) > len(lines)
    names = names_below(f"{BASE}/run")
    assert {"config.yaml", "metrics.jsonl", "validations.tsv", "model/model.json"} <= names
    assert any(name.startswith("checkpoint_") for name in names)
    # One whole file of events an attempt.
    assert len([name for name in names if name.startswith("tensorboard/events")]) == 2
    best = [name for name in names if name.startswith("best/")]
    assert len([name for name in best if name.endswith("/model.json")]) == 2
    assert len(best) == 2 * 5  # weights, vocabularies, lexicon; nothing of the others
    options = ["--model", f"{BASE}/run/model", "--input", f"{BASE}/dataset/test"]
    options += ["--output", f"{BASE}/out", "--reference-column", "target"]
    told.append(run("translate", *options, **variables))
    assert f"REPORT {BASE}/out/report/index.html" in told[-1].stdout
    manifest = Location(f"{BASE}/out/manifest.json").read_json()
    assert {*manifest["files"], "report/index.html", "_SUCCESS"} <= names_below(f"{BASE}/out")
    for file in Location(BASE).files(recursive=True):
        assert SECRET.encode() not in file.read_bytes(), f"{file} holds the secret"
    for done in told:
        assert SECRET not in done.stdout + done.stderr
    logs = [path for path in scratch.rglob("*") if stat.S_ISREG(path.lstat().st_mode)]
    assert len(logs) > 20
    for path in logs:
        assert SECRET.encode() not in path.read_bytes(), f"{path} holds the secret"


def jobs(base: str) -> dict[str, list[str]]:
    """Each job with outputs that are not there."""
    return {
        "prepare": ["--demo", "10", "--output", f"{base}/refused"],
        "train": ["--data", f"{base}/dataset", "--output", f"{base}/refused", *TINY],
        "translate": ["--model", f"{base}/run/model", "--input", f"{base}/dataset/test",
                      "--output", f"{base}/refused"],
    }  # fmt: skip


@pytest.mark.parametrize("job", ["prepare", "train", "translate"])
def test_wrong_credentials_are_one_clear_line(prepared: S3Server, job: str) -> None:
    wrong = {**prepared.environment, "AWS_SECRET_ACCESS_KEY": "wrong-secret-wrong-secret"}
    done = run(job, *jobs(BASE)[job], status=2, **wrong)
    assert len(done.stderr.splitlines()) == 1
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr
    assert "wrong-secret" not in done.stderr


def test_a_store_that_does_not_answer_is_one_clear_line(prepared: S3Server) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        variables = {**prepared.environment}
        variables["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        done = run("train", *jobs(BASE)["train"], status=2, **variables)
    assert len(done.stderr.splitlines()) == 1
    assert "AWS_ENDPOINT_URL" in done.stderr


def test_a_dry_run_writes_nothing_and_finds_what_may_not_be_written(
    prepared: S3Server, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names_below("s3://nmt")
    done = run("train", *jobs(BASE)["train"], "--dry-run", **s3.environment)
    assert "a conditional write was authorised, nothing was written" in done.stdout
    assert names_below("s3://nmt") == before
    assert not Location(f"{BASE}/refused").exists()
    query = f"endpoint_override={s3.endpoint.removeprefix('http://')}&scheme=http&region=x"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert "nothing was written" in check_writable(Location(f"{BASE}/refused?{query}"))
    done = run("train", *jobs(BASE)["train"], "--dry-run", status=2, **s3.reader)
    assert "access denied" in done.stderr
    assert READER_SECRET not in done.stderr
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnusableInput, match="no such bucket"):
        check_writable(Location("s3://nothere/x"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../private", "a/../../private"])
def test_a_stored_file_names_nothing_outside_of_its_folder(
    s3: S3Server, saved_models, demo_dataset, tmp_path: Path, name: str
) -> None:
    """Another user's object beside the folder is not read, and nothing is written to a worker."""
    base = Location("s3://nmt/names")
    (base / "private").write_bytes(b"theirs")
    (base / "dataset").upload(Path(demo_dataset.location.uri))
    info = (base / "dataset/dataset.json").read_json()
    info["files"]["train"][0]["name"] = name
    (base / "dataset/dataset.json").write_json(info)
    with pytest.raises(UnusableInput, match="which is none below it"):
        next(Dataset.open(base / "dataset").read("train"))

    (tmp_path / "in.txt").write_text("A dog sleeps.\n")
    translate(saved_models[0], tmp_path / "in.txt", str(base / "out"))
    manifest = (base / "out/manifest.json").read_json()
    (part,) = [file for file in manifest["files"] if file.startswith("translations/")]
    manifest["files"][f"translations/{name}"] = manifest["files"].pop(part)
    (base / "out/manifest.json").write_json(manifest)
    assert any("none below it" in line for line in verify(base / "out").violations)
    (tmp_path / "references.txt").write_text("Ein Hund schläft.\n")
    with pytest.raises(UnusableInput, match="which is none below it"):
        evaluate(
            EvaluateRequest(base / "out", base / "scores", (str(tmp_path / "references.txt"),))
        )

    store = CheckpointStore(base / "run", 2)
    store.keep(3, lambda folder: (folder / "progress.json").write_text("{}"))
    checkpoint = base / "run/checkpoint_0000003/checkpoint.json"
    entry = {"bytes": 6, "sha256": hashlib.sha256(b"theirs").hexdigest()}
    checkpoint.write_json({"step": 3, "files": {name: entry}})
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AllDamaged):
        store.fetch_newest(tmp_path / "folder")
    assert sorted(tmp_path.rglob("*")) == before
    base.delete_own(re.compile(".*"))


def test_an_export_on_s3_is_that_of_the_rows(s3: S3Server, saved_models, tmp_path: Path) -> None:
    """What an earlier attempt left there is replaced, or removed."""
    base, file = Location("s3://nmt/export"), tmp_path / "in.txt"
    file.write_text("A dog sleeps.\n\nThe cat sees a dog.\n")
    for number in (0, 1):
        (base / f"out/export/part-0000{number}.txt").write_bytes(b"of another attempt\n")
    translate(saved_models[0], file, tmp_path / "out", output_format="text")
    job = (Location(tmp_path / "out") / "_job.json").read_bytes()
    (base / "out/_job.json").write_bytes(job)
    translate(saved_models[0], file, str(base / "out"), output_format="text")
    assert [one.name for one in (base / "out/export").files()] == ["part-00000.txt"]
    text = (base / "out/export/part-00000.txt").read_bytes()
    assert text == (tmp_path / "out/export/part-00000.txt").read_bytes()
    assert text.count(b"\n") == 3
    assert verify(base / "out").violations == []
    base.delete_own(re.compile(".*"))


def test_objects_that_were_exchanged_are_not_read(s3: S3Server, demo_dataset) -> None:
    folder = Location("s3://nmt/exchanged")
    folder.upload(Path(demo_dataset.location.uri))
    file = Dataset.open(folder).files("train")[0]
    (table,) = Dataset.open(folder).read("train")
    file.write_table(table.slice(1))
    with pytest.raises(UnusableInput, match=r"(has|is not) .* written.*; prepare the data again"):
        next(Dataset.open(folder).read("train"))
    folder.delete_own(re.compile(".*"))


def test_secret_in_the_uri_is_refused(s3: S3Server) -> None:
    done = run("prepare", "--demo", "10", "--output", f"s3://key:{SECRET}@nmt/x", status=2)
    assert "must not hold credentials" in done.stderr
    assert SECRET not in done.stderr
    assert not Location("s3://nmt/x").exists()


def test_missing_bucket_is_one_clear_line(s3: S3Server) -> None:
    done = run("prepare", "--demo", "10", "--output", "s3://nothere/x", status=2, **s3.environment)
    assert "no such bucket" in done.stderr


def test_objects_are_whole(s3: S3Server) -> None:
    location = Location("s3://nmt/objects/a.json")
    location.write_json({"a": 1})
    assert json.loads(location.read_bytes()) == {"a": 1}
    assert [file.name for file in location.parent.files()] == ["a.json"]
    location.parent.delete_own(re.compile(".*"))
    assert not location.is_file()

"""The three commands with everything on a real S3 server."""

import json
from pathlib import Path

import pytest
from commands import TINY, run
from s3 import SECRET, S3Server

from nmt.storage import Location

pytestmark = pytest.mark.system


def test_three_commands_on_s3(s3: S3Server) -> None:
    """In a local Ray of the job's own, whose workers inherit the credentials."""
    base = "s3://nmt/pipeline"
    run("prepare", "--demo", "400", "--output", f"{base}/dataset", 
        "--valid-fraction", "0.1", "--test-fraction", "0.1", **s3.environment)  # fmt: skip
    run("train", "--data", f"{base}/dataset", "--output", f"{base}/run", *TINY,
        "--set", "training.epochs=4", "--set", "training.keep_best=2",
        "--set", "training.ema_decay=0.9", "--set", "training.accumulate=2",
        **s3.environment)  # fmt: skip
    names = {
        file.uri.removeprefix(f"{base}/run/")
        for file in Location(f"{base}/run").files(recursive=True)
    }
    assert {"config.yaml", "metrics.jsonl", "validations.tsv", "model/model.json"} <= names
    assert any(name.startswith("checkpoint_") for name in names)
    best = [name for name in names if name.startswith("best/")]
    assert len([name for name in best if name.endswith("/model.json")]) == 2
    assert len(best) == 2 * 5  # weights, vocabularies, lexicon; nothing of the others
    options = ["--model", f"{base}/run/model", "--input", f"{base}/dataset/test"]
    options += ["--output", f"{base}/out", "--reference-column", "target"]
    done = run("translate", *options, **s3.environment)
    assert f"REPORT {base}/out/report/index.html" in done.stdout
    manifest = Location(f"{base}/out/manifest.json").read_json()
    listed = {
        file.uri.removeprefix(f"{base}/out/")
        for file in Location(f"{base}/out").files(recursive=True)
    }
    assert {*manifest["files"], "report/index.html", "_SUCCESS"} <= listed
    for file in Location(base).files(recursive=True):
        assert SECRET.encode() not in file.read_bytes(), f"{file} holds the secret"


def test_wrong_secret_is_one_clear_line(s3: S3Server, tmp_path: Path) -> None:
    wrong = {**s3.environment, "AWS_SECRET_ACCESS_KEY": "wrong-secret-wrong-secret"}
    done = run("prepare", "--demo", "10", "--output", "s3://nmt/refused", status=2, **wrong)
    assert len(done.stderr.splitlines()) == 1
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr
    assert "wrong-secret" not in done.stderr


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
    location.parent.delete()
    assert not location.is_file()

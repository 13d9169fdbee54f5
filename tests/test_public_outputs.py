"""What is made for others to read tells nothing of the machine and of who ran the job."""

import shutil
import socket
from pathlib import Path

import pytest
from outputs import translate

from nmt.errors import UnusableInput
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.records.output import JobRecord, JobSettings
from nmt.settings import SearchSettings
from nmt.storage.location import Location
from nmt.storage.uri import without_home
from nmt.translation.failure_report import report_failure
from nmt.translation.output import Output
from nmt.translation.request import TranslateRequest

HOST, VALUE = "db7.internal.example", "value-of-the-environment"


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "users/alice"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("SOME_TOKEN", VALUE)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    return folder


def assert_public(folder: Path, home: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        for private in (str(home), home.name, HOST, VALUE):
            assert private.encode() not in data, f"{path} holds {private}"


def test_an_output_tells_nothing_of_who_made_it(saved_models, home: Path) -> None:
    models = [home / "first/model", home / "second/model"]
    for saved, model in zip(saved_models, models, strict=False):
        shutil.copytree(saved, model)
    texts = {"in": "A dog sleeps.\nWe play.\n", "ref": "Ein Hund schläft.\nWir spielen.\n"}
    texts |= {"gold": "0-0\n0-0\n", "words": "dog\tHund\n"}
    for name, text in texts.items():
        (home / f"{name}.txt").write_text(text)
    shown = []
    for number, model in enumerate(models):
        out = home / f"out{number}"
        search = SearchSettings(dictionary=str(home / "words.txt"))
        more = {"baseline": Location(home / "out0"), "cache": home / "cache"}
        translate(
            model, home / "in.txt", out, references=(str(home / "ref.txt"),), search=search,
            alignments=True, **(more if number else {}),
        )  # fmt: skip
        shown.append(Location(out))
        assert_public(out, home)
    request = EvaluateRequest(
        shown[1], Location(home / "scores"), (str(home / "ref.txt"),), baseline=shown[0],
        gold_alignments=str(home / "gold.txt"),
    )  # fmt: skip
    evaluate(request)
    assert_public(home / "scores", home)
    settings = (request.output / "report.json").read_json()["settings"]
    assert settings["candidate"] == "~/out1"


def test_a_report_of_a_failure_tells_nothing_either(home: Path) -> None:
    request = TranslateRequest((), "in.txt", Location(home / "out"), search=SearchSettings())
    job = JobRecord(settings=JobSettings(id_column=None, max_rejected=1.0))
    report = report_failure(request, Output(request.output), job)
    with pytest.raises(UnusableInput), report:
        raise UnusableInput(f"{home}/model: something is wrong")
    assert_public(home / "out/report", home)


def test_the_home_folder_alone_is_shortened(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/al")
    text = "a /home/al/x, /home/alice/x, /mnt/home/al/x, s3://b/home/al and /home/al"
    assert without_home(text) == "a ~/x, /home/alice/x, /mnt/home/al/x, s3://b/home/al and ~"
    monkeypatch.setenv("HOME", "/")
    assert without_home(text) == text
